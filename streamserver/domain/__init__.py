"""Values and decisions: no asyncio, no files, no clock, no randomness, no framework."""
