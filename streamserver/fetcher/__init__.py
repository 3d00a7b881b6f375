"""How files are had from elsewhere; one technology a file."""
