"""How news of jobs reaches whoever listens; one technology a file."""
