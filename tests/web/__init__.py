"""What clients see of the server."""
