"""`scripts/bench deliveries`: the same viewers, by Range, by ResourceRegion and by HLS."""
