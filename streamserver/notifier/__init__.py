"""How other systems are told of something; one technology a file."""
