"""The revisions, each naming the one before it. A published revision never changes."""
