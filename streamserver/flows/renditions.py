"""Growing renditions: begun, watched while an encoder writes them, made durable, or dropped; languages alike."""

import asyncio
import logging
import secrets
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import Event
from typing import TypeVar

from streamserver.domain.fragments import FragmentIndex, with_plan
from streamserver.domain.ladder import EncodePlan, Output, RenditionSpec
from streamserver.domain.mp4 import Malformed
from streamserver.domain.progress import Span
from streamserver.domain.sources import SourceInfo
from streamserver.domain.videos import AnyRendition, Rendition, RenditionStatus
from streamserver.errors import EncoderFault, StorageFault
from streamserver.flows.encoding_event import EncodingEvent
from streamserver.flows.forecast import Forecast
from streamserver.flows.indexes import Indexes, rendition_key
from streamserver.flows.receive import source_key
from streamserver.flows.steadiness import (
    begins_as_told,
    has_steady_picture,
    has_steady_sound,
    listed_fragment_seconds,
    walked_fragment_seconds,
    with_its_end,
)
from streamserver.flows.watching import Watch, scanned
from streamserver.ports import Blobs, Catalog, Encoder

log = logging.getLogger(__name__)

Found = TypeVar("Found")


async def _always() -> bool | None:
    return True


class Renditions:
    """What is done with the renditions of one video."""

    def __init__(
        self, *, catalog: Catalog, blobs: Blobs, encoder: Encoder, indexes: Indexes, forecast: Forecast
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._encoder = encoder
        self._indexes = indexes
        self._forecast = forecast

    async def begin(self, video_id: str, specs: Iterable[RenditionSpec]) -> tuple[Rendition, ...]:
        """Record renditions before their files are there, so that none is ever forgotten."""
        renditions = tuple(
            Rendition(
                key=f"{spec.name.split()[0]}-{secrets.token_hex(4)}",
                video_id=video_id,
                name=spec.name,
                width=spec.width,
                height=spec.height,
                frame_rate=spec.frame_rate,
                target_seconds=spec.target_seconds,
                bit_rate_bps=spec.bit_rate_bps,
            )
            for spec in specs
        )
        await self._catalog.add_renditions(renditions)
        return renditions

    async def grow(
        self,
        event: EncodingEvent,
        source: SourceInfo,
        specs: Sequence[RenditionSpec],
        renditions: Sequence[Rendition],
        span: Span,
        *,
        is_watchable: asyncio.Event | None = None,
        may_show: Callable[[], Awaitable[bool | None]] = _always,
    ) -> None:
        """Run the encoder, and tell how far it is for as long as it runs; say when there is something to watch.

        Whether that may be shown before the encoder is done is asked for from the first segment on, until known.
        """
        paths = [str(self._blobs.path(rendition_key(rendition))) for rendition in renditions]
        plan = EncodePlan(
            source_path=str(self._blobs.path(source_key(event.job.video_id))),
            source=source,
            outputs=tuple(Output(spec=spec, path=path) for spec, path in zip(specs, paths, strict=True)),
        )
        watch = Watch(
            event,
            plan,
            renditions,
            span,
            catalog=self._catalog,
            indexes=self._indexes,
            forecast=self._forecast,
            may_show=may_show,
        )
        is_watchable = is_watchable or asyncio.Event()
        encoding = asyncio.ensure_future(self._encoder.encode(plan, watch.note))
        try:
            while not encoding.done():
                await asyncio.wait({encoding}, timeout=watch.patience_seconds)
                await watch.tell()
                if watch.is_playable:
                    is_watchable.set()
            await encoding
        finally:
            self._forecast.forget(event.job.id)
            encoding.cancel()
            await asyncio.gather(encoding, return_exceptions=True)
        watch.judge_length()
        await watch.tell_end()

    async def listed_fragment_seconds(self, video_id: str, picture_seconds: float) -> float | None:
        """Return how long the longest fragment of a copy will be; None where no table tells."""
        look = partial(listed_fragment_seconds, self._blobs, source_key(video_id), picture_seconds)
        return await asyncio.to_thread(look)

    @contextmanager
    def foretold_fragment_seconds(self, video_id: str, listed_seconds: float | None) -> Iterator[Future[float]]:
        """Return the same of any source, found by walking through it where it is not listed; infinite if in vain.

        The walk ends with what is done meanwhile.
        """
        is_over = Event()
        foretold: Future[float] = asyncio.get_running_loop().create_future()
        if listed_seconds is None:
            walk = partial(walked_fragment_seconds, self._blobs, source_key(video_id), is_over)
            foretold = asyncio.ensure_future(asyncio.to_thread(walk))
        else:
            foretold.set_result(listed_seconds)
        try:
            yield foretold
        finally:
            is_over.set()
            foretold.cancel()

    async def longest_fragment_seconds(self, rendition: Rendition) -> float:
        """Return how far apart a rendition's fragments begin at most."""
        return (await self._whole_index(rendition)).longest_fragment_seconds

    async def duration_seconds(self, rendition: Rendition) -> float:
        """Return how long a rendition plays that grows no more."""
        return (await self._whole_index(rendition)).duration_seconds

    async def has_steady_sound(self, rendition: Rendition) -> bool:
        """Tell whether a copy's sound has the same channels from its beginning to its end."""
        index = (await scanned(self._indexes, rendition)).index
        if index is None:
            raise EncoderFault
        return await _looked_at(partial(has_steady_sound, self._blobs, rendition, index))

    async def has_steady_picture(self, rendition: Rendition) -> bool:
        """Tell whether a copy's picture is coded the same way from its beginning to its end."""
        index = await self._whole_index(rendition)
        return await _looked_at(partial(has_steady_picture, self._blobs, rendition, index))

    async def begins_as_told(self, rendition: Rendition) -> bool:
        """Tell whether a copy begins in every player as it does in the source."""
        index = (await scanned(self._indexes, rendition)).index
        if index is None or not index.fragments:
            raise EncoderFault
        return await _looked_at(partial(begins_as_told, self._blobs, rendition, index))

    async def finish(self, rendition: AnyRendition) -> None:
        """Make a rendition durable, then known as complete."""
        codecs = (await scanned(self._indexes, rendition)).codecs
        index = await self._whole_index(rendition)
        if not index.duration_seconds:
            raise EncoderFault
        size_bytes = await self._blobs.settle(rendition_key(rendition))
        complete = replace(
            rendition,
            status=RenditionStatus.COMPLETE,
            codecs=codecs,
            size_bytes=size_bytes,
            bit_rate_bps=round(size_bytes * 8 / index.duration_seconds),
        )
        await self._catalog.complete_rendition(complete, with_plan(index))
        self._indexes.forget(rendition.key)

    async def _whole_index(self, rendition: AnyRendition) -> FragmentIndex:
        """Return the index of a rendition that grows no more."""
        index = (await scanned(self._indexes, rendition)).index
        if index is None or not index.fragments:
            raise EncoderFault
        return await _looked_at(partial(with_its_end, self._blobs, rendition, index))

    async def drop(self, renditions: Iterable[AnyRendition]) -> None:
        """Remove renditions with their bytes.

        A disk that does not let go of them keeps no job from its end: nobody knows of them any more, and they go
        with their video.
        """
        keys = []
        for rendition in renditions:
            try:
                await self._blobs.delete(rendition_key(rendition))
            except StorageFault as fault:
                log.warning("the bytes of rendition %s cannot be removed: %s", rendition.key, fault)
            self._indexes.forget(rendition.key)
            keys.append(rendition.key)
        await self._catalog.delete_renditions(keys)


async def _looked_at(look: Callable[[], Found]) -> Found:
    """Look into a file in a thread; what cannot be understood there is the encoder's fault."""
    try:
        return await asyncio.to_thread(look)
    except Malformed as fault:
        raise EncoderFault from fault
