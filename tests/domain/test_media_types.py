"""Which Content-Type goes with which source."""

import pytest

from streamserver.domain.media_types import JPEG, MP4, PLAYLIST, SEGMENT, UNKNOWN, WEBVTT, content_type_of
from streamserver.domain.sources import SourceInfo, VideoStream


def source_of(format_name: str, codec: str = "h264") -> SourceInfo:
    video = VideoStream(
        index=0,
        codec=codec,
        pixel_format="yuv420p",
        coded_width=64,
        coded_height=36,
        width=64,
        height=36,
        frame_rate=25,
    )
    return SourceInfo(format_name=format_name, duration_seconds=1, bit_rate_bps=1, video=video)


@pytest.mark.parametrize(
    ("format_name", "codec", "content_type"),
    [
        ("mov,mp4,m4a,3gp,3g2,mj2", "h264", "video/mp4"),
        ("matroska,webm", "h264", "video/matroska"),
        ("matroska,webm", "vp8", "video/webm"),
        ("matroska,webm", "vp9", "video/webm"),
        ("matroska,webm", "av1", "video/webm"),
        ("avi", "mpeg4", "video/x-msvideo"),
        ("mpegts", "h264", "video/mp2t"),
        ("mpeg", "mpeg2video", "video/mpeg"),
        ("flv", "h264", "video/x-flv"),
        ("asf", "wmv2", "video/x-ms-asf"),
        ("ogg", "theora", "video/ogg"),
        ("mxf", "mpeg2video", UNKNOWN),
    ],
)
def test_a_source_is_named_by_its_container(format_name: str, codec: str, content_type: str) -> None:
    """A container that browsers may know has its type, and any other that of any bytes."""
    assert content_type_of(source_of(format_name, codec)) == content_type


def test_nothing_is_of_a_type_that_a_browser_would_run() -> None:
    """Bytes that strangers made are never called HTML, SVG, XML or script."""
    for content_type in (MP4, SEGMENT, PLAYLIST, WEBVTT, JPEG, UNKNOWN):
        assert not any(word in content_type for word in ("html", "xml", "svg", "script"))
