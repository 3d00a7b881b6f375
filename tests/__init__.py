"""Checks of every floor; facts from elsewhere live in `facts`."""
