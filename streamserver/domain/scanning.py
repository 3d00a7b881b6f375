"""Making the fragment index of a file by walking its box headers, also while the file grows.

The layout is what ffmpeg's mp4 muxer writes with `hybrid_fragmented`: while it grows
`ftyp free free moov(init) (moof mdat)…`, and when it ends the second `free` becomes an `mdat` around all that
followed, with a plain `moov` behind it. Nothing moves, so an index made while the file grew stays right.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from streamserver.domain.demuxing import sample_runs
from streamserver.domain.fragments import Fragment, FragmentIndex
from streamserver.domain.mp4 import Box, Malformed, Track, box_at, read_tracks
from streamserver.domain.samples import fragment_ticks

MAX_HEADER_BYTES = 16 * 1024 * 1024
"""A `moov` or `moof` larger than this is not one of ours."""

Reader = Callable[[int, int], bytes]
"""`(position, count) → bytes`, fewer only at the end of the file."""


WINDOW_BYTES = 256 * 1024
"""So much is read at once where many places lie close to each other."""


def windowed(read: Reader) -> Reader:
    """Return what reads the same, but from a window that it holds, if it can."""
    start, window = 0, b""

    def read_window(position: int, count: int) -> bytes:
        nonlocal start, window
        if not start <= position <= start + len(window) - count:
            start, window = position, read(position, max(count, WINDOW_BYTES))
        return window[position - start : position - start + count]

    return read_window


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How far a file has been walked."""

    position: int = 0
    """Of the first box that was not yet walked."""
    ftyp: tuple[int, int] = (0, 0)
    """(position, count)."""
    moof: Box | None = None
    """The `moof` whose `mdat` is next."""
    moof_ticks: int = 0
    """How long that `moof` plays."""
    keyframe_count: int = 0
    """Bytes from its beginning to the end of its first picture; 0 where that is not known."""
    tracks: tuple[Track, ...] = ()
    """As the init segment tells; empty until it was seen."""
    index: FragmentIndex | None = None
    """None until the init segment was seen."""

    @property
    def codecs(self) -> str:
        """The CODECS attribute (RFC 8216 §4.3.4.2) of the rendition, video first."""
        return ",".join(track.codec for track in sorted(self.tracks, key=_video_first) if track.codec)


def scan_on(scan: Scan, read: Reader, size_bytes: int) -> Scan:
    """Walk on through what a file has by now and return how far that came.

    Only what is there whole is taken; `Malformed` is raised for bytes that are no boxes.
    """
    fragments: list[Fragment] = []
    while scan.position + 8 <= size_bytes:
        box = box_at(read(scan.position, 16), scan.position)
        if box.kind == "mdat" and not scan.tracks:
            # A finished file: its fragments lie inside of this box.
            scan = replace(scan, position=box.body)
            continue
        if box.end > size_bytes or (box.kind == "moov" and scan.tracks):
            break
        scan = _step(scan, box, read, fragments)
    if fragments and scan.index is not None:
        scan = replace(scan, index=replace(scan.index, fragments=(*scan.index.fragments, *fragments)))
    return scan


def _step(scan: Scan, box: Box, read: Reader, fragments: list[Fragment]) -> Scan:
    """Take in one whole box."""
    scan = replace(scan, position=box.end)
    if box.kind == "ftyp" and scan.ftyp == (0, 0):
        return replace(scan, ftyp=(box.position, box.end - box.position))
    if box.kind == "moov":
        tracks = read_tracks(_whole(box, read))
        init = (scan.ftyp, (box.position, box.end - box.position))
        return replace(scan, tracks=tracks, index=FragmentIndex(timescale=_leading(tracks).timescale, init=init))
    if box.kind == "moof":
        moof = _whole(box, read)
        ticks, keyframe_count = _ticks(moof, scan.tracks), _keyframe_count(moof, scan.tracks)
        return replace(scan, moof=box, moof_ticks=ticks, keyframe_count=keyframe_count)
    if box.kind == "mdat" and scan.moof is not None:
        start = scan.moof.position
        fragments.append(
            Fragment(
                position=start,
                count=box.end - start,
                duration_ticks=scan.moof_ticks,
                keyframe_count=scan.keyframe_count,
            )
        )
        return replace(scan, moof=None)
    return scan


def _whole(box: Box, read: Reader) -> bytes:
    count = box.end - box.position
    if count > MAX_HEADER_BYTES:
        raise Malformed(f"{box.kind} of {count} bytes")
    return read(box.position, count)


def _ticks(moof: bytes, tracks: tuple[Track, ...]) -> int:
    """Return how long a fragment plays: by its video, or where it has none by what else it has."""
    leading = _leading(tracks)
    for track in sorted(tracks, key=_video_first):
        ticks = fragment_ticks(moof, track)
        if ticks is not None:
            return ticks * leading.timescale // track.timescale
    return 0


def _keyframe_count(moof: bytes, tracks: tuple[Track, ...]) -> int:
    """Return where the first picture of a fragment ends; each fragment begins with a keyframe."""
    leading = _leading(tracks)
    if _video_first(leading):
        return 0
    try:
        runs = sample_runs(moof, leading.id, leading.default_size)
    except Malformed:  # nothing but the I-frame playlist needs it
        return 0
    return runs[0].offset + runs[0].first if runs else 0


def _leading(tracks: tuple[Track, ...]) -> Track:
    if not tracks:
        raise Malformed("an init segment without tracks")
    return min(tracks, key=_video_first)


def _video_first(track: Track) -> bool:
    return track.handler != "vide"
