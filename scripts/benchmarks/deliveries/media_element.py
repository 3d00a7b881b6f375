"""The player of Range and of ResourceRegion: a media element (`<video src>`), as Chromium's was seen to behave.

It asks for `bytes=0-`, learns from the first boxes that the `moov` lies at the end, gives the answer up and asks
for the end; then it asks for all from where the media goes on. It reads on until enough is buffered and lets the
connection stand, so that TCP holds the server back. A seek gives the answer up and asks anew from the keyframe,
rounded down to a block of its cache. What it has, it does not ask for again. Where an answer holds less than it
asked for (ResourceRegion), it asks for the rest on the same connection, once it wants more.
"""

from collections.abc import Callable

from benchmarks.deliveries.players import Rendition, Stage, rest_until_below

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
        self._received_to: dict[int, int] = {}
        self._coming: tuple[float, float] | None = None

    async def fetch(self, rendition: int) -> None:
        """See `Player.fetch`."""
        chosen = self._stage.video.renditions[rendition]
        if rendition not in self._received_to:
            await self._find_moov(chosen)
            self._received_to[rendition] = BLOCK_BYTES
        playhead = self._stage.playhead
        while not playhead.is_at_end:
            await rest_until_below(self._stage, LOW_SECONDS)
            await self._fetch_from(chosen, playhead.held_end, self._received_to[rendition])

    def is_on_the_way_to(self, moment: float) -> bool:
        """See `Player.is_on_the_way_to`."""
        return self._coming is not None and self._coming[0] <= moment < self._coming[1]

    async def _find_moov(self, rendition: Rendition) -> None:
        """Read the first boxes, and from the last of them go to the end of the file."""
        wire, tail = self._stage.wire, rendition.timeline.tail_position
        head = await wire.request(self._path_of(rendition), "bytes=0-")
        read = 0
        while read < min(BLOCK_BYTES, head.length):
            read += await wire.skip(BLOCK_BYTES - read)
        wire.abandon()
        await wire.request(self._path_of(rendition), f"bytes={tail - tail % BLOCK_BYTES}-", is_index=True)
        await wire.skip_all()

    async def _fetch_from(self, rendition: Rendition, moment: float, received_to: int) -> None:
        """Fetch from a moment on, up to what is held already or the end of the media."""
        timeline, wire = rendition.timeline, self._stage.wire
        first = timeline.fragment_at(moment)
        held_again = self._stage.playhead.next_held(moment)
        last = timeline.fragment_at(held_again) - 1 if held_again is not None else len(timeline.ends) - 1
        position = timeline.positions[first]
        position = received_to if position < received_to else position - position % BLOCK_BYTES
        stop = timeline.positions[last + 1]
        number = first
        try:
            while position < stop:
                head = await wire.request(self._path_of(rendition), f"bytes={position}-{stop - 1}")
                end = position + head.length
                while position < end:
                    self._coming = timeline.span(number)
                    position += await wire.skip(end - position)
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
