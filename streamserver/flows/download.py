"""Bringing a file from elsewhere, in as many goes as it takes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Self

from streamserver.domain.downloads import (
    Bounds,
    Coming,
    Held,
    cut_short,
    judge,
    not_the_file,
    request_headers,
    too_large,
)
from streamserver.domain.links import Link
from streamserver.domain.sniffing import SNIFF_BYTES
from streamserver.errors import LinkAway, LinkCut, LinkFault, Unavailable
from streamserver.ports import Answer, Blobs, Fetcher, Incoming

log = logging.getLogger(__name__)

Note = Callable[[Held, Link], Awaitable[None]]
"""Records what is to come before any of it is written: the length and the validator, and where it comes from."""
Tell = Callable[[int], None]
"""Hears how many bytes there are; waits for nothing."""
TellWait = Callable[[Exception, float], None]
"""Hears why an attempt failed, and in how many seconds the next one begins; waits for nothing."""


class Download:
    """One file on its way from a link into incoming bytes, which are held until the context is left."""

    def __init__(
        self,
        name: str,
        link: Link,
        known: Held,
        *,
        fetcher: Fetcher,
        blobs: Blobs,
        bounds: Bounds,
        note: Note,
        tell: Tell,
        tell_wait: TellWait,
    ) -> None:
        self._name = name
        self._link = link
        self._held = known
        self._fetcher = fetcher
        self._blobs = blobs
        self._bounds = bounds
        self._note = note
        self._tell = tell
        self._tell_wait = tell_wait
        self._stack = AsyncExitStack()
        self._head = b""
        self._incoming: Incoming

    async def __aenter__(self) -> Self:
        await self._hold()
        if not self._held.validator and not self._held.is_whole:
            await self._start_over()  # nobody could tell whether the rest would be of the same file
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def incoming(self) -> Incoming:
        """The bytes."""
        return self._incoming

    async def complete(self) -> None:
        """Return once all bytes are there; raise `LinkFault`, `LinkForbidden` or the last failure otherwise."""
        try:
            async with asyncio.timeout(self._bounds.seconds):
                await self._keep_trying()
        except TimeoutError:
            raise LinkFault(f"The file has not come within {self._bounds.seconds / 60:.3g} minutes.") from None

    async def _keep_trying(self) -> None:
        furthest, failures = self._held.size_bytes, 0
        while not self._held.is_whole:
            failure: LinkAway | Unavailable | None = None
            try:
                await self._attempt()
            except (LinkAway, Unavailable) as error:
                failure = error
            if self._held.size_bytes > furthest:
                furthest, failures = self._held.size_bytes, 0
                if failure is None:
                    continue  # it came in part, as some servers send it: the next part is asked for at once
            failures += 1
            if failures > self._bounds.tries:
                raise failure or LinkFault(f"{self._link.host} sends the same part of the file again and again.")
            await self._wait(failures, failure)

    async def _wait(self, failures: int, failure: LinkAway | Unavailable | None) -> None:
        asked_for = failure.retry_after_seconds if isinstance(failure, LinkAway) else None
        seconds = self._bounds.wait_seconds(failures, asked_for)
        if failure is not None:
            log.info("%s is asked again in %.1f s: %s", self._link.name, seconds, failure)
            self._tell_wait(failure, seconds)
        await asyncio.sleep(seconds)

    async def _attempt(self) -> None:
        """Ask once for what is missing, and take in what comes."""
        self._held = replace(self._held, size_bytes=self._incoming.size_bytes)  # the storage may have failed
        async with self._fetcher.ask(self._link, request_headers(self._held)) as answer:
            coming = judge(answer.head, self._held, max_bytes=self._bounds.max_bytes)
            if coming is None or coming.position < self._held.size_bytes:
                await self._start_over()
            if coming is None:
                return
            self._held = replace(self._held, total_bytes=coming.total_bytes, validator=coming.validator)
            await self._note(self._held, answer.head.link)
            await self._receive(answer, coming)

    async def _receive(self, answer: Answer, coming: Coming) -> None:
        patience = Patience(self._link, self._bounds)
        while chunk := await self._next(answer, patience, coming):
            size_bytes = self._held.size_bytes + len(chunk)
            if size_bytes > self._bounds.max_bytes:
                raise too_large(self._bounds.max_bytes)
            if coming.end is not None and size_bytes > coming.end:
                raise LinkFault(f"{self._link.host} sends more bytes than it announced.")
            self._look_at(chunk)
            await self._incoming.write(chunk)
            self._held = replace(self._held, size_bytes=size_bytes)
            self._tell(size_bytes)
        if coming.end is not None and self._held.size_bytes < coming.end:
            raise cut_short(self._held, coming.total_bytes)
        if coming.end is None:
            if not self._held.size_bytes:
                raise LinkFault("The file behind the link is empty.")
            self._held = replace(self._held, total_bytes=self._held.size_bytes)
        self._look_at(b"")

    async def _next(self, answer: Answer, patience: "Patience", coming: Coming) -> bytes:
        try:
            return await patience.read(answer)
        except LinkCut as error:
            raise cut_short(self._held, coming.total_bytes) from error

    def _look_at(self, chunk: bytes) -> None:
        """Refuse a file by its first bytes, once there are enough of them or all that there are."""
        if len(self._head) == self._held.size_bytes < SNIFF_BYTES:
            self._head += chunk[: SNIFF_BYTES - len(self._head)]
            is_all = self._held.is_whole or len(self._head) == SNIFF_BYTES
            if is_all and (fault := not_the_file(self._head)):
                raise fault

    async def _hold(self) -> None:
        self._incoming = await self._stack.enter_async_context(self._blobs.incoming(self._name))
        self._held = replace(self._held, size_bytes=self._incoming.size_bytes)

    async def _start_over(self) -> None:
        """Let go of what there is, because it is of another file than what comes."""
        self._held, self._head = Held(), b""
        if self._incoming.size_bytes:
            await self._incoming.discard()
            await self._stack.aclose()
            await self._hold()
            self._tell(0)


class Patience:
    """Waits for bytes as long as enough of them come; only the time that is spent waiting counts."""

    def __init__(self, link: Link, bounds: Bounds) -> None:
        self._link = link
        self._bounds = bounds
        self._waited_seconds = 0.0
        self._count_bytes = 0

    async def read(self, answer: Answer) -> bytes:
        """Return the next bytes, empty at the end."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            chunk: bytes | None = None
            try:
                async with asyncio.timeout(self._bounds.stall_seconds - self._waited_seconds):
                    chunk = await answer.read()
            except TimeoutError:
                pass
            self._waited_seconds += loop.time() - began
            self._count_bytes += len(chunk or b"")
            if chunk is None or self._waited_seconds >= self._bounds.stall_seconds:
                self._bounds.check_pace(self._link, self._count_bytes, self._waited_seconds)
                self._waited_seconds, self._count_bytes = 0.0, 0
            if chunk is not None:
                return chunk
