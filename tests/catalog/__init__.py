"""What is particular to catalogs in databases."""
