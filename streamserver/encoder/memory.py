"""An encoder that makes well-formed renditions out of nothing, at once: for the floors below.

Its sources are JSON: `{"seconds": 10, "width": 640, "height": 360}`, and where wanted `"codec": "h264"` (so that
it is remuxed) or `"fault": "…"` (so that encoding fails with that sentence).
"""

import asyncio
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from streamserver.domain.ladder import KEYFRAME_SECONDS, EncodePlan
from streamserver.domain.progress import EncoderReport
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream, VideoStream
from streamserver.domain.storyboard import Storyboard
from streamserver.errors import EncoderFault, SourceFault

TIMESCALE = 1000
FRAME_TICKS = 40
SAMPLE_BYTES = 100
TRUN_BYTES = 20
PICTURE_END = b"\xff\xd9"


class MemoryEncoder:
    """`Encoder` without an encoder."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        """While it is cleared an encode stops after each fragment, so that what grows can be looked at."""
        self.gate.set()
        self.is_encoding = asyncio.Event()
        """Set once an encode has written its first fragment."""

    async def check(self) -> str:
        """See `Encoder.check`."""
        return "no encoder, only its likeness"

    async def probe(self, source: Path, *, measures: bool = True) -> SourceInfo:
        """See `Encoder.probe`; a source may claim to be longer than it is."""
        found = _described(source)
        is_estimate = "claims" in found and not measures
        width, height = int(found.get("width", 640)), int(found.get("height", 360))
        video = VideoStream(
            index=0,
            codec=str(found.get("codec", "mpeg4")),
            pixel_format="yuv420p",
            coded_width=width,
            coded_height=height,
            width=width,
            height=height,
            frame_rate=TIMESCALE / FRAME_TICKS,
        )
        return SourceInfo(
            format_name="json",
            duration_seconds=float(found["claims"] if is_estimate else found["seconds"]),
            bit_rate_bps=500_000,
            video=video,
            is_estimate=is_estimate,
        )

    async def poster(self, source: Path, info: SourceInfo, target: Path) -> None:
        """See `Encoder.poster`."""
        _described(source)
        _write(target, "wb", b"\xff\xd8" + info.format_name.encode() + b"\xff\xd9")

    async def texts(self, source: Path, tracks: Sequence[SubtitleStream], targets: Sequence[Path]) -> None:
        """See `Encoder.texts`."""
        _described(source)
        for track, target in zip(tracks, targets, strict=True):
            _write(target, "wb", f"WEBVTT\n\n00:00.000 --> 00:01.000\n{track.language}\n".encode())

    async def picture(self, source: Path, kind: str, target: Path) -> None:
        """See `Encoder.picture`; it only has to end."""
        content = source.read_bytes()  # noqa: ASYNC240 - in memory
        if not content.endswith(PICTURE_END):
            raise SourceFault("The picture is cut off.")
        _write(target, "wb", b"\xff\xd8" + kind.encode() + b"\xff\xd9")

    async def storyboard(self, source: Path, board: Storyboard, targets: Sequence[Path]) -> None:
        """See `Encoder.storyboard`."""
        seen = len(source.read_bytes())  # noqa: ASYNC240 - in memory
        for number, target in enumerate(targets):
            _write(target, "wb", b"\xff\xd8%d of %d, %d\xff\xd9" % (number, board.sheets, seen))

    async def sound(self, source: Path, tracks: Sequence[AudioStream], targets: Sequence[Path]) -> None:
        """See `Encoder.sound`."""
        seconds = float(_described(source)["seconds"])
        for _, target in zip(tracks, targets, strict=True):
            _write(target, "wb", audio_init_segment())
            for number, length in enumerate(_fragment_seconds(seconds)):
                _write(target, "ab", fragment(number, length))

    async def encode(self, plan: EncodePlan, report: Callable[[EncoderReport], None]) -> None:
        """See `Encoder.encode`."""
        described = _described(Path(plan.source_path))
        fault = described.get("fault")
        whole_seconds = described["seconds"] if plan.source.is_estimate else plan.source.duration_seconds
        for output in plan.outputs:
            _write(Path(output.path), "wb", init_segment(output.spec.width, output.spec.height))
        for number, seconds in enumerate(_fragment_seconds(whole_seconds)):
            for output in plan.outputs:
                _write(Path(output.path), "ab", fragment(number, seconds))
            done = number * KEYFRAME_SECONDS + seconds
            report(EncoderReport(encoded_seconds=done, speed=10.0, frames_per_second=250.0))
            self.is_encoding.set()
            await asyncio.sleep(0)
            await self.gate.wait()
            if fault:
                raise EncoderFault(str(fault))


def init_segment(width: int, height: int) -> bytes:
    """Return `ftyp` and `moov` of a file with one H.264 track."""
    avcc = _box(b"avcC", bytes((1, 0x64, 0x00, 0x1E, 0xFF, 0xE0, 0)))
    entry = struct.pack(">6xH16xHH50x", 1, width, height)
    return _init(b"vide", _box(b"avc1", entry, avcc))


def audio_init_segment() -> bytes:
    """Return `ftyp` and `moov` of a file with one AAC track."""
    specific = bytes((5, 2, 0x11, 0x90))
    decoder = bytes((4, 13 + len(specific), 0x40, 0x15)) + bytes(11) + specific
    stream = bytes((3, 3 + len(decoder), 0, 1, 0)) + decoder
    entry = struct.pack(">6xH8xHH4xHH", 1, 2, 16, 48000, 0)
    return _init(b"soun", _box(b"mp4a", entry, _box(b"esds", bytes(4), stream)))


def _init(handler: bytes, sample_entry: bytes) -> bytes:
    stsd = _box(b"stsd", struct.pack(">II", 0, 1), sample_entry)
    hdlr = _box(b"hdlr", struct.pack(">II4s12xx", 0, 0, handler))
    mdhd = _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, TIMESCALE, 0, 0, 0))
    mdia = _box(b"mdia", mdhd, hdlr, _box(b"minf", _box(b"stbl", stsd)))
    tkhd = _box(b"tkhd", struct.pack(">IIII68x", 0, 0, 0, 1))
    trex = _box(b"trex", struct.pack(">IIIIII", 0, 1, 1, FRAME_TICKS, SAMPLE_BYTES, 0))
    moov = _box(b"moov", _box(b"trak", tkhd, mdia), _box(b"mvex", trex))
    return _box(b"ftyp", b"iso5\x00\x00\x02\x00iso5mp41") + moov


def fragment(number: int, seconds: float) -> bytes:
    """Return `moof` and `mdat` of one fragment."""
    samples = round(seconds * TIMESCALE / FRAME_TICKS)
    start = round(number * KEYFRAME_SECONDS * TIMESCALE)
    tfhd = _box(b"tfhd", struct.pack(">II", 0x020000, 1))
    tfdt = _box(b"tfdt", struct.pack(">IQ", 0x01000000, start))
    mfhd = _box(b"mfhd", struct.pack(">II", 0, number + 1))
    moof_bytes = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + TRUN_BYTES
    trun = _box(b"trun", struct.pack(">IIi", 1, samples, moof_bytes + 8))
    moof = _box(b"moof", mfhd, _box(b"traf", tfhd, tfdt, trun))
    return moof + _box(b"mdat", bytes((number % 256,)) * (samples * SAMPLE_BYTES))


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _fragment_seconds(duration_seconds: float) -> Iterator[float]:
    left = duration_seconds
    while left > 0:
        yield min(left, KEYFRAME_SECONDS)
        left -= KEYFRAME_SECONDS


def _described(source: Path) -> dict[str, Any]:
    """Read what a source says of itself at its beginning; what follows is passed over."""
    try:
        content = source.read_bytes()
        found, _ = json.JSONDecoder().raw_decode(content.decode(json.detect_encoding(content), "replace"))
        return {**found, "seconds": float(found["seconds"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise SourceFault("The file is not a video.") from None


def _write(path: Path, mode: str, data: bytes) -> None:
    try:
        with path.open(mode) as file:
            file.write(data)
    except OSError as error:
        raise EncoderFault from error
