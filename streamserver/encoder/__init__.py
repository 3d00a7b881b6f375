"""How a source becomes renditions; one encoder a file."""
