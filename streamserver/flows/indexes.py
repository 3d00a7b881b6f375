"""Knowing where the segments of a rendition lie, also while its file grows."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from streamserver.domain.fragments import FragmentIndex, Segment, plan_segments, without_last
from streamserver.domain.ladder import LADDER_TARGET_SECONDS, is_generous
from streamserver.domain.mp4 import Malformed
from streamserver.domain.scanning import Scan, scan_on
from streamserver.domain.videos import (
    AnyRendition,
    AudioRendition,
    Rendition,
    RenditionStatus,
    Video,
    VideoStatus,
)
from streamserver.errors import NotFound, NotReady
from streamserver.ports import Blobs, Catalog, Lease

REMEMBERED = 2000
"""Indexes of complete renditions that are kept in memory; one of two hours takes about 500 KiB."""

Some = TypeVar("Some", Rendition, AudioRendition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A rendition's index with the segments that were made of it."""

    index: FragmentIndex
    """Where the init segment and the fragments lie."""
    segments: tuple[Segment, ...]
    """What the playlist lists."""
    codecs: str
    """RFC 6381."""


def rendition_key(rendition: AnyRendition) -> str:
    """Return where a rendition's file is kept."""
    return f"{rendition.video_id}/{rendition.key}.mp4"


class Indexes:
    """The fragment index of any rendition: recorded when it is complete, read from its file while it grows."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._complete: OrderedDict[str, Plan] = OrderedDict()
        self._scans: dict[str, Scan] = {}

    async def plan(self, rendition: AnyRendition) -> Plan:
        """Return the segments that a rendition has by now; `NotReady` before the first."""
        if rendition.status is RenditionStatus.GROWING:
            return await self._growing(rendition)
        if rendition.key not in self._complete:
            index = await self._catalog.fragment_index(rendition.key)
            segments = plan_segments(index)
            self._complete[rendition.key] = Plan(index=index, segments=segments, codecs=rendition.codecs)
            self._scans.pop(rendition.key, None)
            while len(self._complete) > REMEMBERED:
                self._complete.popitem(last=False)
        self._complete.move_to_end(rendition.key)
        return self._complete[rendition.key]

    async def ready(self, renditions: Iterable[Some]) -> list[tuple[Some, Plan]]:
        """Return those renditions that have segments by now, with where these lie."""
        plans = []
        for rendition in renditions:
            with suppress(NotReady):
                plans.append((rendition, await self.plan(rendition)))
        return plans

    async def scan(self, rendition: AnyRendition) -> Scan:
        """Walk on through a growing file and return how far that came."""
        try:
            with self._blobs.lease(rendition_key(rendition)) as lease:
                before = self._scans.get(rendition.key, Scan())
                scan = await asyncio.to_thread(_scan_to_end, before, lease)
        except NotFound:
            return Scan()  # the encoder has not opened it yet
        # Two readers may have walked at once: the one who came further is kept.
        known = self._scans.get(rendition.key)
        if known is None or scan.position > known.position:
            self._scans[rendition.key] = scan
        return self._scans[rendition.key]

    async def watchable(self, video: Video) -> list[tuple[Rendition, Plan]]:
        """Return the renditions that a player may choose among, best first; `NotReady` where there is none.

        These are the whole ones, and of those that grow the ones that have a segment by now and are better:
        players take all for equally long, and one that begins with a part does not know of the rest. Beside a
        whole one that not everybody can get, a part is better than nothing.
        """
        if video.status is VideoStatus.ERROR:
            raise NotFound("This video could not be encoded; there is nothing to watch.")
        if video.status is VideoStatus.PROCESSING:
            raise NotReady  # a copy that grows may yet turn out to be of no use
        found = await self.ready(video.renditions)
        if not found:
            raise NotReady
        best = max((rendition.height for rendition, _ in found if _is_for_all(rendition)), default=0)
        return [(rendition, plan) for rendition, plan in found if _is_whole(rendition) or rendition.height > best]

    def forget(self, key: str) -> None:
        """Drop what is known of a rendition that is no more."""
        self._scans.pop(key, None)
        self._complete.pop(key, None)

    async def _growing(self, rendition: AnyRendition) -> Plan:
        with suppress(Malformed):  # whoever encodes it finds out, too, and ends it
            scan = await self.scan(rendition)
            if scan.index is not None and (segments := plan_segments(settled(rendition, scan.index))):
                return Plan(index=settled(rendition, scan.index), segments=segments, codecs=scan.codecs)
        raise NotReady


def _scan_to_end(scan: Scan, lease: Lease) -> Scan:
    return scan_on(scan, lease.read, lease.current_size())


def settled(rendition: AnyRendition, index: FragmentIndex) -> FragmentIndex:
    """Return what of a growing file will stay as it is.

    The last fragment of a copy may turn out to be longer, once it is whole, than what is stored of it tells.
    """
    return index if rendition.target_seconds == LADDER_TARGET_SECONDS else without_last(index)


def _is_whole(rendition: Rendition) -> bool:
    return rendition.status is RenditionStatus.COMPLETE


def _is_for_all(rendition: Rendition) -> bool:
    return _is_whole(rendition) and not is_generous(rendition.width, rendition.height, rendition.bit_rate_bps or 0)
