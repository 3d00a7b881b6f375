"""Verbs: what the server does with videos, read from top to bottom like a story."""
