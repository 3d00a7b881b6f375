"""What all players have in common: they look at the playhead and keep enough media ahead of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.deliveries.clock import Clock
from benchmarks.deliveries.playhead import Playhead
from benchmarks.deliveries.timeline import Timeline
from benchmarks.deliveries.wire import Wire

ROUNDING_SECONDS = 0.005
"""A timer may fire this much early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One quality of a video, as a player is told of it."""

    name: str
    """What people call it."""
    bit_rate_bps: int
    """The average over the whole file."""
    file_path: str
    """Where it is delivered by Range."""
    region_path: str
    """Where it is delivered by ResourceRegion."""
    playlist_path: str
    """Where its HLS media playlist is."""
    timeline: Timeline
    """Time against bytes in its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video, as a player is told of it."""

    title: str
    """What people call it."""
    master_path: str
    """Where its HLS multivariant playlist is."""
    renditions: Sequence[Rendition]
    """Best first."""

    @property
    def source_path(self) -> str:
        """Where the file that it was made of is."""
        return f"{self.master_path.removesuffix('hls/master.m3u8')}source"

    @property
    def duration_seconds(self) -> float:
        """How long all of it can be played, in any quality."""
        return min(rendition.timeline.duration_seconds for rendition in self.renditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a player works with."""

    video: Video
    """What it plays."""
    playhead: Playhead
    """What moves over the media it fetches."""
    wire: Wire
    """What it fetches it with."""
    clock: Clock
    """What it waits by."""


class Player(Protocol):
    """Fetches one video by one delivery."""

    async def fetch(self, rendition: int) -> None:
        """Read what has to be known of a rendition, then keep media ahead of the playhead, up to the end."""

    def is_on_the_way_to(self, moment: float) -> bool:
        """Say whether what is being fetched right now will soon play at a moment that is not held yet."""


async def rest_until_below(stage: Stage, seconds: float) -> None:
    """Wait until less than so much is held ahead of the playhead."""
    while stage.playhead.ahead_seconds >= seconds:
        stage.playhead.changed.clear()
        surplus_seconds = stage.playhead.ahead_seconds - seconds
        await stage.clock.wait(stage.playhead.changed, surplus_seconds + ROUNDING_SECONDS)
