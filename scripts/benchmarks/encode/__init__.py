"""`scripts/bench encode`: what the ladder costs, beside a plain ffmpeg and beside one process a rendition."""
