"""Real services, private to a test run: started on demand, ended by their own process ids."""
