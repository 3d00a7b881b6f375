"""What a port promises, proved for every adapter of it by the same tests."""
