"""The player of Range and of ResourceRegion: a media element (`<video src>`), as Chromium's was seen to behave.

It asks for `bytes=0-`, finds the `moov` ahead of the media, and goes on with the same answer if it plays from
the beginning. It reads on until enough is buffered and lets the connection stand, so that TCP holds the server
back. A seek gives the answer up and asks anew from the keyframe, rounded down to a block of its cache. What it
has, it does not ask for again. Where an answer holds less than it asked for (ResourceRegion), it asks for the
rest on the same connection, once it wants more.
"""

from collections.abc import Callable

from benchmarks.deliveries.players import Rendition, Stage, rest_until_below
from benchmarks.deliveries.timeline import NOTHING_SECONDS

BLOCK_BYTES = 32 * 1024
"""What Chromium's buffer of a resource is made of; requests after a seek begin at a multiple of it."""
FULL_SECONDS = 20.0
"""It stops reading when so much is ahead …"""
LOW_SECONDS = 10.0
"""… and reads on when it is only this much; both as seen for 2 Mbit/s."""


class MediaElement:
    """Plays one file after the other; `path_of` tells which of a rendition's two URLs it is given."""

    def __init__(self, stage: Stage, path_of: Callable[[Rendition], str]) -> None:
        self._stage = stage
        self._path_of = path_of
        self._opened: set[int] = set()
        self._coming: tuple[float, float] | None = None

    async def fetch(self, rendition: int) -> None:
        """See `Player.fetch`."""
        chosen, playhead = self._stage.video.renditions[rendition], self._stage.playhead
        if rendition not in self._opened:
            end = await self._read_moov(chosen)
            self._opened.add(rendition)
            if playhead.position < NOTHING_SECONDS and playhead.next_held(-1.0) is None:
                timeline = chosen.timeline
                await self._read_on(chosen, 0, timeline.media_position, timeline.size_bytes, answered_to=end)
            else:
                self._stage.wire.abandon()
        while not playhead.is_at_end:
            await rest_until_below(self._stage, LOW_SECONDS)
            await self._fetch_from(chosen, playhead.held_end)

    def is_on_the_way_to(self, moment: float) -> bool:
        """See `Player.is_on_the_way_to`."""
        return self._coming is not None and self._coming[0] <= moment < self._coming[1]

    async def _read_moov(self, rendition: Rendition) -> int:
        """Read what lies ahead of the media; return where the answer ends that has come so far."""
        wire, media = self._stage.wire, rendition.timeline.media_position
        position = end = 0
        while position < media:
            if position == end:
                head = await wire.request(self._path_of(rendition), f"bytes={position}-", is_index=True)
                end = position + head.length
            position += await wire.skip(min(end, media) - position)
        wire.end_index()
        return end

    async def _fetch_from(self, rendition: Rendition, moment: float) -> None:
        """Fetch from a moment on, up to what is held already or the end of the media."""
        timeline = rendition.timeline
        first = timeline.fragment_at(moment)
        held_again = self._stage.playhead.next_held(moment)
        last = timeline.fragment_at(held_again) - 1 if held_again is not None else len(timeline.ends) - 1
        position = timeline.positions[first]
        position = max(position - position % BLOCK_BYTES, timeline.media_position)
        await self._read_on(rendition, first, position, timeline.positions[last + 1], answered_to=position)

    async def _read_on(
        self, rendition: Rendition, number: int, position: int, stop: int, *, answered_to: int
    ) -> None:
        """Read up to `stop`, the fragment with this number first; what was asked for already ends elsewhere."""
        wire = self._stage.wire
        try:
            while position < stop:
                if position == answered_to:
                    head = await wire.request(self._path_of(rendition), f"bytes={position}-{stop - 1}")
                    answered_to = position + head.length
                self._coming = rendition.timeline.span(number)
                position += await wire.skip(answered_to - position)
                number = self._hold(rendition, number, position)
                await self._rest_if_full()
        finally:
            self._coming = None

    def _hold(self, rendition: Rendition, number: int, position: int) -> int:
        """Hold each fragment that is whole by now; return the number of the next."""
        timeline = rendition.timeline
        while number < len(timeline.ends) and timeline.positions[number + 1] <= position:
            self._stage.playhead.arrive(*timeline.span(number))
            number += 1
        return number

    async def _rest_if_full(self) -> None:
        if self._stage.playhead.ahead_seconds >= FULL_SECONDS:
            await rest_until_below(self._stage, LOW_SECONDS)
