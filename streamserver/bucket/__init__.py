"""Adapters of the port `Bucket`."""
