"""`scripts/bench serve`: the same files from our server and from others, each answer checked."""
