"""The videos of the replay: made once, encoded by the server itself, and kept for the next run."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bootstrap.stamps import digest

from benchmarks.clips import ffmpeg_program
from benchmarks.deliveries.players import Rendition, Video
from benchmarks.deliveries.timeline import Timeline, timeline_of
from benchmarks.product import add_video, ask, streamserver
from benchmarks.servers import BenchError, Server, output_of
from streamserver.domain.mp4 import boxes
from streamserver.domain.scanning import Scan, scan_on

UNIT_SECONDS = 20
"""A clip is this long piece, again and again: encoding the piece is all it costs."""
KEYFRAME_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the library shall hold."""

    videos: int
    """How many."""
    seconds: int
    """How long each of them plays."""
    frame_rate: int = 8
    """Frames in a second: few, where nobody looks and only bytes count."""
    bit_rate_bps: int = 2_200_000
    """Of the picture in the best rendition, which is the source as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Videos, ready to be served."""

    data_dir: Path
    """What a server is pointed at."""
    videos: Sequence[Video]
    """In the order in which they were added."""


def open_library(plan: Plan, folder: Path, *, cores: frozenset[int]) -> Library:
    """Return the library of a plan, made now unless it was before."""
    key = digest(json.dumps(asdict(plan)), files=[Path(__file__)])[:12]
    home = folder / f"library-{key}"
    listing = home / "videos.json"
    if not listing.exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        videos = _make(plan, home, cores)
        listing.write_text(json.dumps([asdict(video) for video in videos]))
    return Library(data_dir=home / "data", videos=[_video(found) for found in json.loads(listing.read_text())])


def _make(plan: Plan, home: Path, cores: frozenset[int]) -> list[Video]:
    fast = {"x264_preset": "ultrafast"}
    with streamserver(home / "data", cores=cores, log=home / "server.log", settings=fast) as server:
        return [_add(server, plan, number, home) for number in range(plan.videos)]


def _add(server: Server, plan: Plan, number: int, home: Path) -> Video:
    clip = home / "clip.mp4"
    _make_clip(clip, plan, number)
    try:
        added = add_video(server, clip, title=f"Video {number + 1}")
    finally:
        clip.unlink()
    return Video(
        title=added["title"],
        master_path=added["hls_url"],
        renditions=[_rendition(server, found) for found in added["renditions"]],
    )


def _make_clip(target: Path, plan: Plan, number: int) -> None:
    """Write an H.264 video with sound that the server takes as it is: a noisy picture, so that bits are needed."""
    piece = target.with_suffix(".piece.mp4")
    picture = (
        f"testsrc2=size=480x270:rate={plan.frame_rate},hue=h={number * 40},noise=alls=20:allf=t:all_seed={number}"
    )
    rate = str(plan.bit_rate_bps)
    group = str(plan.frame_rate * KEYFRAME_SECONDS)
    quiet = [ffmpeg_program(), "-nostdin", "-v", "error", "-y"]
    output_of(
        [
            *quiet,
            *("-f", "lavfi", "-i", picture),
            *("-f", "lavfi", "-i", f"sine=frequency={220 + 40 * number}:sample_rate=48000"),
            *("-t", str(UNIT_SECONDS), "-pix_fmt", "yuv420p"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", rate, "-maxrate", rate, "-bufsize", rate),
            *("-g", group, "-keyint_min", group, "-sc_threshold", "0"),
            *("-c:a", "aac", "-b:a", "96k", str(piece)),
        ]
    )
    repeats = max(round(plan.seconds / UNIT_SECONDS) - 1, 0)
    output_of([*quiet, "-stream_loop", str(repeats), "-i", str(piece), "-c", "copy", str(target)])
    piece.unlink()


def _rendition(server: Server, found: dict[str, Any]) -> Rendition:
    """Describe a rendition, with the timeline of its file as the file itself tells it."""
    content = ask(server, found["file_url"]).body
    media = next(box for box in boxes(content) if box.kind == "mdat")
    scan = scan_on(
        Scan(position=media.position), lambda position, count: content[position : position + count], len(content)
    )
    if scan.index is None or not scan.index.fragments:
        raise BenchError(f"{found['file_url']} has no fragments")
    return Rendition(
        name=found["name"],
        bit_rate_bps=found["bit_rate_bps"],
        file_path=found["file_url"],
        region_path=found["region_url"],
        playlist_path=found["playlist_url"],
        timeline=timeline_of(scan.index, len(content)),
    )


def _video(found: dict[str, Any]) -> Video:
    renditions = [
        Rendition(**{**rendition, "timeline": Timeline(**rendition["timeline"])})
        for rendition in found["renditions"]
    ]
    return Video(title=found["title"], master_path=found["master_path"], renditions=renditions)
