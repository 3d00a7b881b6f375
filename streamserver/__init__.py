"""streamserver: a video goes in, is encoded while it is watched, and is served by Range, ResourceRegion or HLS."""
