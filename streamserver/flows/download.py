"""Bringing a file from elsewhere, in as many goes as it takes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from streamserver.domain.downloads import (
    AnswerHead,
    Bounds,
    Coming,
    Held,
    cut_short,
    judge,
    request_headers,
    too_large,
)
from streamserver.domain.links import Link
from streamserver.errors import LinkAway, LinkCut, LinkFault, Unavailable
from streamserver.flows.receiving import Receiving
from streamserver.ports import Answer, Fetcher

log = logging.getLogger(__name__)

Note = Callable[[Held, AnswerHead], Awaitable[None]]
"""Records what is to come before any of it is written: its length and its validator."""
TellWait = Callable[[LinkAway | Unavailable, float], Awaitable[None]]
"""Hears why an attempt failed, and in how many seconds the next one begins."""


class Download:
    """One file on its way from a link into an upload."""

    def __init__(
        self,
        link: Link,
        receiving: Receiving,
        known: Held,
        *,
        fetcher: Fetcher,
        bounds: Bounds,
        note: Note,
        tell_wait: TellWait,
    ) -> None:
        self._link = link
        self._receiving = receiving
        self._held = known
        self._fetcher = fetcher
        self._bounds = bounds
        self._note = note
        self._tell_wait = tell_wait

    async def complete(self) -> None:
        """Return once all bytes are there.

        Raises `LinkFault`, `LinkForbidden` or `Rejected` where they cannot be had or are no video, and the last
        `LinkAway` or `Unavailable` where trying again did not help.
        """
        try:
            async with asyncio.timeout(self._bounds.seconds) as time:
                await self._keep_trying()
        except TimeoutError:
            if not time.expired():
                raise
            raise LinkFault(f"The file has not come within {self._bounds.seconds / 60:.3g} minutes.") from None

    async def _keep_trying(self) -> None:
        self._look()
        if not self._held.validator and not self._held.is_whole:
            await self._start_over()  # nobody could tell whether the rest would be of the same file
        furthest, failures = self._held.size_bytes, 0
        while not self._held.is_whole:
            failure = await self._attempt()
            if self._held.size_bytes > furthest:
                furthest, failures = self._held.size_bytes, 0
                if failure is None:
                    continue  # it came in part, as some servers send it: the next part is asked for at once
            failures += 1
            if failures > self._bounds.tries:
                raise failure or LinkFault(f"{self._link.host} sends the same part of the file again and again.")
            await self._wait(failures, failure)

    async def _attempt(self) -> LinkAway | Unavailable | None:
        """Ask once for what is missing, and take in what comes; return what went wrong, if that may pass."""
        self._look()
        try:
            async with self._fetcher.ask(self._link, request_headers(self._held)) as answer:
                coming = judge(answer.head, self._held, max_bytes=self._bounds.max_bytes)
                if coming is None or coming.position < self._held.size_bytes:
                    await self._start_over()
                if coming is not None:
                    self._held = replace(self._held, total_bytes=coming.total_bytes, validator=coming.validator)
                    await self._note(self._held, answer.head)
                    await self._receive(answer, coming)
        except (LinkAway, Unavailable) as failure:
            return failure
        return None

    async def _wait(self, failures: int, failure: LinkAway | Unavailable | None) -> None:
        asked_for = failure.retry_after_seconds if isinstance(failure, LinkAway) else None
        seconds = self._bounds.wait_seconds(failures, asked_for)
        if failure is not None:
            log.info("%s is asked again in %.1f s: %s", self._link.name, seconds, failure)
            await self._tell_wait(failure, seconds)
        await asyncio.sleep(seconds)

    async def _receive(self, answer: Answer, coming: Coming) -> None:
        patience = Patience(self._link, self._bounds)
        began_at, began_bytes = asyncio.get_running_loop().time(), self._held.size_bytes
        while chunk := await self._next(answer, patience, coming):
            size_bytes = self._held.size_bytes + len(chunk)
            if size_bytes > self._bounds.max_bytes:
                raise too_large(self._bounds.max_bytes)
            if coming.end is not None and size_bytes > coming.end:
                raise LinkFault(f"{self._link.host} sends more bytes than it announced.")
            await self._receiving.write(chunk)
            self._held = replace(self._held, size_bytes=size_bytes)
            seconds = asyncio.get_running_loop().time() - began_at
            if pause_seconds := self._bounds.pause_seconds(size_bytes - began_bytes, seconds):
                await asyncio.sleep(pause_seconds)
        if coming.end is not None and self._held.size_bytes < coming.end:
            raise cut_short(self._held, coming.total_bytes)
        if coming.end is None:
            if not self._held.size_bytes:
                raise LinkFault("The file behind the link is empty.")
            self._held = replace(self._held, total_bytes=self._held.size_bytes)

    async def _next(self, answer: Answer, patience: "Patience", coming: Coming) -> bytes:
        try:
            return await patience.read(answer)
        except LinkCut as error:
            raise cut_short(self._held, coming.total_bytes) from error

    def _look(self) -> None:
        """See how much there is: where the storage failed that may be less than was written."""
        self._held = replace(self._held, size_bytes=self._receiving.incoming.size_bytes)

    async def _start_over(self) -> None:
        """Let go of what there is, because it is of another file than what comes."""
        if self._held.size_bytes:
            await self._receiving.start_over()
        self._held = Held()


class Patience:
    """Waits for bytes as long as enough of them come; only the time that is spent waiting counts."""

    def __init__(self, link: Link, bounds: Bounds) -> None:
        self._link = link
        self._bounds = bounds
        self._waited_seconds = 0.0
        self._count_bytes = 0

    async def read(self, answer: Answer) -> bytes:
        """Return the next bytes, empty at the end; raises as `Bounds.check_pace` does, too."""
        chunk = None
        while chunk is None:
            chunk = await self._read(answer)
            self._count_bytes += len(chunk or b"")
            if chunk is None or self._waited_seconds >= self._bounds.stall_seconds:
                self._bounds.check_pace(self._link, self._count_bytes, self._waited_seconds)
                self._waited_seconds, self._count_bytes = 0.0, 0
        return chunk

    async def _read(self, answer: Answer) -> bytes | None:
        """Return the next bytes; None where nothing came for as long as may still be waited."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._bounds.stall_seconds - self._waited_seconds):
                return await answer.read()
        except TimeoutError:
            return None
        finally:
            self._waited_seconds += loop.time() - began
