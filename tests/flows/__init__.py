"""The verbs, over the memory twins of everything they touch."""
