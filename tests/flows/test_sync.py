"""Picture and sound belong together: measured by a flash and a beep each second, in whatever a viewer gets."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest

from tests.clips.generated import Clips
from tests.clips.programs import ffmpeg, packets
from tests.flows.encoded import Outcome, encode_clip

pytest_plugins = ["tests.clips.fixtures"]

Encode: TypeAlias = Callable[[str], Outcome]

TOLERANCE_SECONDS = 0.04
HERTZ = 48000
LOUD = 3000
BRIGHT = 120
CLIPS = [
    *("sync.mp4", "sync.ts", "sync.webm", "sync.avi", "sync-late-sound.mkv", "sync-late-picture.mkv"),
    *("sync-late-start.mp4", "sync-cut.mp4", "sync-early-sound.ts", "sync-holes.mkv"),
]


@pytest.fixture(scope="module")
def encode(clips: Clips) -> Iterator[Encode]:
    """Encode clips, each once for all tests."""
    outcomes: dict[str, Outcome] = {}
    with TemporaryDirectory() as folder:

        def outcome_of(name: str) -> Outcome:
            if name not in outcomes:
                outcomes[name] = encode_clip(clips(name), Path(folder) / str(len(outcomes)))
            return outcomes[name]

        yield outcome_of


def flashes(file: Path) -> list[float]:
    """Return when the picture becomes bright, by the times of its frames."""
    times = sorted(float(packet["pts_time"]) for packet in packets(file, "v:0", "pts_time"))
    grey = ffmpeg(
        *("-i", str(file), "-map", "0:v", "-fps_mode", "passthrough"),
        *("-vf", "scale=1:1:flags=area,format=gray", "-f", "rawvideo", "-"),
    )
    assert len(times) == len(grey)
    return [
        time
        for at, time in enumerate(times)
        if grey[at] > BRIGHT and at > 0 and grey[at - 1] <= BRIGHT  # a bright first frame may have begun earlier
    ]


def beeps(file: Path) -> list[float]:
    """Return when the sound becomes loud, in the time of the file."""
    heard = ffmpeg(
        *("-i", str(file), "-map", "0:a", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", str(HERTZ)),
        *("-f", "s16le", "-"),
    )
    samples = memoryview(heard).cast("h")
    begins, quiet_since = [], -HERTZ
    for at, sample in enumerate(samples):
        if abs(sample) > LOUD:
            if at - quiet_since > HERTZ // 4:
                begins.append(at / HERTZ)
            quiet_since = at
    return begins


def as_segments(pieces: Path) -> Path:
    """Return what Media Source Extensions make of segments: a list that begins with an empty edit is none."""
    content = bytearray(pieces.read_bytes())
    at = content.find(b"elst")
    while at >= 0:
        version, first = content[at + 4], at + 12
        (media_time,) = struct.unpack_from(">q" if version else ">i", content, first + (8 if version else 4))
        if media_time == -1:
            content[at - 8 : at - 4] = b"free"  # in place of `edts`
        at = content.find(b"elst", at + 4)
    taken = pieces.with_suffix(".taken.mp4")
    taken.write_bytes(content)
    return taken


def apart(seen: list[float], heard: list[float]) -> list[float]:
    """Return how far each beep is from the flash nearest to it."""
    return [abs(beep - min(seen, key=lambda flash: abs(flash - beep))) for beep in heard if beep > 0.5]


@pytest.mark.parametrize("name", CLIPS)
def test_flash_and_beep_come_together(name: str, encode: Encode) -> None:
    """In every rendition, as a file and as segments, in any player, each beep is within 40 ms of its flash."""
    outcome = encode(name)
    assert outcome.renditions
    for encoded in outcome.renditions:
        for file in (encoded.file, encoded.pieces, as_segments(encoded.pieces)):
            seen, heard = flashes(file), beeps(file)
            assert len(heard) >= 4
            assert len(seen) >= 4
            assert max(apart(seen, heard)) <= TOLERANCE_SECONDS


def test_every_language_is_in_time(encode: Encode) -> None:
    """Sound tracks of their own keep time with the picture, also one that begins late."""
    outcome = encode("sync-languages.mkv")
    assert len(outcome.audio) == 2
    for encoded in outcome.renditions:
        seen = flashes(encoded.pieces)
        for track in outcome.audio:
            heard = beeps(track.pieces)
            assert len(heard) >= 4
            assert max(apart(seen, heard)) <= TOLERANCE_SECONDS


def test_what_is_apart_is_found(clips: Clips, tmp_path: Path) -> None:
    """The measure itself can fail: sound that was put off by 80 ms is found to be."""
    shifted = tmp_path / "shifted.mp4"
    source = str(clips("sync.mp4"))
    ffmpeg(
        "-i", source, "-itsoffset", "0.08", "-i", source, "-map", "0:v", "-map", "1:a", "-c", "copy", str(shifted)
    )
    assert min(apart(flashes(shifted), beeps(shifted))) == pytest.approx(0.08, abs=0.02)
