"""The player of HLS, as hls.js was seen to behave: playlists first, then whole segments, one at a time.

The multivariant playlist once, the media playlist and the init segment once a rendition, then the segment that
plays where the buffer ends, while the buffer is shorter than its goal. One connection is kept; a seek to elsewhere
gives up the segment that is on its way, and with it the connection.
"""

import re
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.deliveries.players import Stage, rest_until_below
from benchmarks.deliveries.timeline import NOTHING_SECONDS

GOAL_SECONDS = 30.0
"""How much the player of the watch page keeps ahead (hls.js: `maxMaxBufferLength`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment of a media playlist."""

    path: str
    """Where it is."""
    start: float
    """When it begins to play, in seconds."""
    end: float
    """When it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPlaylist:
    """What a media playlist says."""

    init_path: str
    """Where the init segment is (RFC 8216 §4.3.2.5)."""
    segments: tuple[Segment, ...]
    """In the order of time."""


def read_multivariant(text: str, path: str) -> list[str]:
    """Return the paths of the media playlists that a multivariant playlist lists (§4.3.4.2)."""
    return [_resolve(line, path) for line in text.splitlines() if line and not line.startswith("#")]


def read_media_playlist(text: str, path: str) -> MediaPlaylist:
    """Understand a media playlist (§4.3.3)."""
    durations = [float(found) for found in re.findall(r"#EXTINF:([0-9.]+)", text)]
    names = [line for line in text.splitlines() if line and not line.startswith("#")]
    init = re.search(r'#EXT-X-MAP:URI="([^"]+)"', text)
    if init is None or len(names) != len(durations):
        raise ValueError(f"{path} is no media playlist of fragmented MP4")
    ends = list(accumulate(durations))
    starts = [0.0, *ends]
    segments = (
        Segment(path=_resolve(name, path), start=start, end=end)
        for name, start, end in zip(names, starts, ends, strict=False)
    )
    return MediaPlaylist(init_path=_resolve(init[1], path), segments=tuple(segments))


class HlsPlayer:
    """Plays one video by HLS."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._listed_paths: list[str] = []
        self._playlists: dict[int, MediaPlaylist] = {}
        self._coming: Segment | None = None

    async def fetch(self, rendition: int) -> None:
        """See `Player.fetch`."""
        playlist = await self._playlist(rendition)
        playhead = self._stage.playhead
        while not playhead.is_at_end:
            await rest_until_below(self._stage, GOAL_SECONDS)
            moment = playhead.held_end + NOTHING_SECONDS
            segment = next((segment for segment in playlist.segments if moment < segment.end), None)
            if segment is None:
                return
            self._coming = segment
            try:
                await self._stage.wire.request(segment.path)
                await self._stage.wire.skip_all()
            finally:
                self._coming = None
            playhead.arrive(segment.start, segment.end)

    def is_on_the_way_to(self, moment: float) -> bool:
        """See `Player.is_on_the_way_to`."""
        return self._coming is not None and self._coming.start <= moment < self._coming.end

    async def _playlist(self, rendition: int) -> MediaPlaylist:
        wire = self._stage.wire
        if not self._listed_paths:
            master_path = self._stage.video.master_path
            self._listed_paths = read_multivariant(await self._text(master_path), master_path)
        if rendition not in self._playlists:
            path = self._stage.video.renditions[rendition].playlist_path
            if path not in self._listed_paths:
                raise ValueError(f"{self._stage.video.master_path} does not list {path}")
            self._playlists[rendition] = playlist = read_media_playlist(await self._text(path), path)
            await wire.request(playlist.init_path, is_index=True)
            await wire.skip_all()
        return self._playlists[rendition]

    async def _text(self, path: str) -> str:
        await self._stage.wire.request(path, is_index=True)
        return await self._stage.wire.text()


def _resolve(reference: str, base: str) -> str:
    """Return the path of a relative reference without dots, such as playlists hold."""
    return f"{base.rpartition('/')[0]}/{reference}"
