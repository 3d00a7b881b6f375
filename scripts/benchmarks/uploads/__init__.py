"""`scripts/bench uploads`: what taking files in costs, beside a plain copy and beside who else speaks tus."""
