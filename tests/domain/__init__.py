"""Tables and properties of the pure rooms."""
