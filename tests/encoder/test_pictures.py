"""Pictures that people send, through the real ffmpeg."""

from pathlib import Path

import pytest

from streamserver.domain.sniffing import picture_kind
from streamserver.domain.storyboard import plan_storyboard
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


RED = (200, 30, 30)
TOLD = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
UNTOLD = "setparams=colorspace=unknown:range=tv"


def video_of(colour: tuple[int, int, int], file: Path, params: str) -> None:
    """Write a video in HD of one colour, written as in BT.709."""
    picture = "color=0x{:02x}{:02x}{:02x}:size=1280x720:rate=5,format=gbrp".format(*colour)
    filters = f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{params}"
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "4")
    ffmpeg("-f", "lavfi", "-t", "2", "-i", picture, "-vf", filters, *coding, str(file))


def colour_of(jpeg: Path) -> tuple[int, ...]:
    """Return the colour near the upper left corner of a JPEG, as any viewer of them reads it."""
    return tuple(ffmpeg("-i", str(jpeg), "-vf", "crop=2:2:16:16", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")[:3])


@pytest.mark.parametrize("params", [TOLD, UNTOLD])
async def test_a_poster_has_the_colours_of_the_video(params: str, tmp_path: Path) -> None:
    """The colours of an HD video are those of its poster, though a JPEG writes them another way."""
    video, target = tmp_path / "video.mp4", tmp_path / "poster.jpg"
    video_of(RED, video, params)
    encoder = FfmpegEncoder(PROGRAMS, sandbox=strongest())
    await encoder.poster(video, await encoder.probe(video), target)
    assert colour_of(target) == pytest.approx(RED, abs=4)


async def test_a_storyboard_has_the_colours_of_the_video(tmp_path: Path) -> None:
    """The same of the small pictures."""
    video, target = tmp_path / "video.mp4", tmp_path / "board.jpg"
    video_of(RED, video, TOLD)
    board = plan_storyboard(2, 1280, 720)
    await FfmpegEncoder(PROGRAMS, sandbox=strongest()).storyboard(video, board, [target])
    assert colour_of(target) == pytest.approx(RED, abs=6)


async def test_a_picture_keeps_its_colours(tmp_path: Path) -> None:
    """The same of a picture that somebody sends."""
    sent, target = tmp_path / "sent.png", tmp_path / "poster.jpg"
    ffmpeg("-f", "lavfi", "-i", "color=0xc81e1e:size=640x480,format=rgb24", "-frames:v", "1", str(sent))
    await FfmpegEncoder(PROGRAMS, sandbox=strongest()).picture(sent, "png", target)
    assert colour_of(target) == pytest.approx(RED, abs=4)
