"""`scripts/bench browser`: a real Chromium plays and seeks by each delivery."""
