"""What is served: videos that our server took in and made addresses for, and the same bytes as plain files."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.clips import Clip, make_filled_clip
from benchmarks.product import add_video, ask, segment_paths, streamserver
from benchmarks.servers import BenchError, split_cores

KIB = 1024
MIB = 1024 * KIB
VIDEO_BYTES, QUICK_VIDEO_BYTES = 512 * MIB, 32 * MIB
VIDEO_SECONDS = 20
SEGMENT_SECONDS = 4
SMALL_SEGMENTS = 36
"""Makes a playlist of about 1 KiB."""
LARGE_SEGMENTS = 6
BOX_BYTES_PER_SECOND = 250
"""What the container adds to the picture's bit rate."""


class Resource(StrEnum):
    """What can be asked for; the values are names of plain files."""

    VIDEO = "video.mp4"
    SMALL_SEGMENT = "small.m4s"
    LARGE_SEGMENT = "large.m4s"
    PLAYLIST = "playlist.m3u8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The same resources, twice."""

    library: Path
    """The data folder of our server."""
    paths: Mapping[Resource, str]
    """Where our server has them."""
    site: Path
    """A folder of plain files, for all others."""
    lengths: Mapping[Resource, int]
    """Of the plain files, in bytes."""
    own_lengths: Mapping[Resource, int]
    """Of what our server makes of them, in bytes: it delivers the video with its index in front."""


def prepare(folder: Path, *, quick: bool) -> Content:
    """Make clips, have our server take them in, and fetch from it what the others shall serve."""
    content, site = folder / "library", folder / "site"
    site.mkdir()
    video_bytes = QUICK_VIDEO_BYTES if quick else VIDEO_BYTES
    with streamserver(content, cores=split_cores(1).server, log=folder / "prepare.log") as server:

        def renditions(name: str, seconds: float, bit_rate_bps: float) -> dict[str, str]:
            file = folder / f"{name}.mp4"
            # Few and small pictures are soon encoded, and it is the bytes that matter.
            make_filled_clip(
                file,
                Clip(seconds=seconds, width=128, height=72, frame_rate=10, bit_rate_bps=round(bit_rate_bps)),
            )
            video = add_video(server, file, title=name)
            file.unlink()
            best: dict[str, str] = video["renditions"][0]
            return best

        video = renditions("video", VIDEO_SECONDS, video_bytes * 8 / VIDEO_SECONDS)
        small = renditions("small", SEGMENT_SECONDS * SMALL_SEGMENTS, _bit_rate_bps(188 * KIB))
        large = renditions("large", SEGMENT_SECONDS * LARGE_SEGMENTS, _bit_rate_bps(MIB))
        paths = {
            Resource.VIDEO: video["file_url"],
            # The first segments are shorter than the rest.
            Resource.SMALL_SEGMENT: segment_paths(server, small["playlist_url"])[-2],
            Resource.LARGE_SEGMENT: segment_paths(server, large["playlist_url"])[-2],
            Resource.PLAYLIST: small["playlist_url"],
        }
        own_lengths = {}
        for resource, path in paths.items():
            response = ask(server, path)
            if response.status != 200:
                raise BenchError(f"{path} answered {response.status}")
            (site / resource).write_bytes(response.body)
            own_lengths[resource] = len(response.body)
    # The very same file: how its pages lie in memory, and so what it costs to send, depends on who wrote it.
    (site / Resource.VIDEO).unlink()
    (site / Resource.VIDEO).hardlink_to(content / paths[Resource.VIDEO].removeprefix("/"))
    lengths = {resource: (site / resource).stat().st_size for resource in Resource}
    return Content(library=content, paths=paths, site=site, lengths=lengths, own_lengths=own_lengths)


def _bit_rate_bps(segment_bytes: int) -> float:
    """Return the picture's bit rate that makes segments of this size."""
    return (segment_bytes / SEGMENT_SECONDS - BOX_BYTES_PER_SECOND) * 8
