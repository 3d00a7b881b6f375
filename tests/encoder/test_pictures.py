"""Pictures that people send, through the real ffmpeg."""

from pathlib import Path

import pytest

from streamserver.domain.sniffing import picture_kind
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.errors import EncodingFailed
from tests.clips.programs import PROGRAMS, ffmpeg, ffprobe
from tests.encoder.sandboxes import strongest

SUFFIXES = {"jpeg": "jpg", "png": "png", "gif": "gif", "webp": "webp"}


@pytest.mark.parametrize("kind", SUFFIXES)
async def test_each_becomes_a_jpeg_of_a_posters_size(kind: str, tmp_path: Path) -> None:
    """A picture of each kind is known by its first bytes, keeps its shape, and gets no larger than a poster."""
    sent, target = tmp_path / f"sent.{SUFFIXES[kind]}", tmp_path / "poster.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=2000x1001", "-frames:v", "1", "-update", "1", str(sent))
    assert picture_kind(sent.read_bytes()) == kind
    await FfmpegEncoder(PROGRAMS, sandbox=strongest()).picture(sent, kind, target)
    made = ffprobe(target, "-show_streams")["streams"][0]
    assert (made["codec_name"], made["width"], made["height"]) == ("mjpeg", 1280, 640)


async def test_a_small_one_is_not_made_larger(tmp_path: Path) -> None:
    """A picture below the size of a poster keeps its own."""
    sent, target = tmp_path / "sent.png", tmp_path / "poster.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1", str(sent))
    await FfmpegEncoder(PROGRAMS, sandbox=strongest()).picture(sent, "png", target)
    made = ffprobe(target, "-show_streams")["streams"][0]
    assert (made["width"], made["height"]) == (64, 48)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("png", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("jpeg", b"\xff\xd8\xff" + b"nonsense" * 20),
        ("gif", b"GIF89a" + bytes(4)),
        ("webp", b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(20)),
        ("png", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"),
    ],
)
async def test_what_is_none_is_a_failure(kind: str, content: bytes, tmp_path: Path) -> None:
    """What only begins like a picture is none."""
    sent, target = tmp_path / "sent", tmp_path / "poster.jpg"
    sent.write_bytes(content)
    with pytest.raises(EncodingFailed):
        await FfmpegEncoder(PROGRAMS, sandbox=strongest()).picture(sent, kind, target)
