"""Which Content-Type goes with which bytes; none that a browser would run."""

from streamserver.domain.sources import SourceInfo

MP4 = "video/mp4"
SEGMENT = "video/iso.segment"
PLAYLIST = "application/vnd.apple.mpegurl"
MANIFEST = "application/dash+xml"
WEBVTT = "text/vtt; charset=utf-8"
JPEG = "image/jpeg"
UNKNOWN = "application/octet-stream"

_BY_FORMAT = {
    "mov": MP4,
    "matroska": "video/matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "flv": "video/x-flv",
    "asf": "video/x-ms-asf",
    "ogg": "video/ogg",
}


def content_type_of(source: SourceInfo) -> str:
    """Return the type of a source as it was received."""
    if source.format_name == "matroska,webm" and source.video.codec in {"vp8", "vp9", "av1"}:
        return "video/webm"
    return _BY_FORMAT.get(source.format_name.split(",")[0], UNKNOWN)
