"""How work waits for an encoder; one technology a file."""
