"""What the commands in scripts/ share: setting a checkout up with the standard library alone."""
