"""Where bytes rest; one storage technology a file."""
