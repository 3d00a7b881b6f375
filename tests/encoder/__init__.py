"""Processes: what they are told, how they are watched, and that they end."""
