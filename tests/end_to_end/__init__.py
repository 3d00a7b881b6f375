"""The whole server as a process, with real ffmpeg, from the outside."""
