"""`scripts/bench`: what the server's work costs, beside others who do the same."""
