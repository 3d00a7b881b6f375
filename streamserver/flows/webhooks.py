"""Telling other systems what became of a video: what they are owed is in the catalog until they took it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from streamserver.domain.videos import Video
from streamserver.domain.webhooks import (
    ANSWER_SECONDS,
    ATTEMPTS,
    GONE,
    Endpoint,
    Message,
    VideoEvent,
    attempted,
    compose,
    headers_of,
)
from streamserver.errors import NotFound, Unavailable
from streamserver.ports import Catalog, Clock, Notifier

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the catalog is asked for what is to be told."""
AT_ONCE = 8
"""Messages that are under way to one endpoint."""
MANY = 100
"""Events that are looked at together."""

Describe = Callable[[Video], Mapping[str, Any]]
"""Writes a video as the API shows it."""
Step = Callable[[], Awaitable[bool]]
"""Does what there is to do, and tells whether there may be more."""


class Webhooks:
    """An event becomes a message for each endpoint; each is sent until it is taken, or given up.

    A receiver hears of everything at least once: the catalog records an event in one transaction with what
    happened, and an attempt before it is made. To be stopped, in whatever way, delays messages and loses none.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        notifier: Notifier,
        clock: Clock,
        endpoints: Sequence[Endpoint],
        secrets: Sequence[bytes],
        describe: Describe,
    ) -> None:
        self._catalog = catalog
        self._notifier = notifier
        self._clock = clock
        self._endpoints = endpoints
        self._secrets = secrets
        self._describe = describe
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Forget what is owed to those who are no longer named, and begin to tell the others."""
        await self._catalog.keep_endpoints(endpoint.id for endpoint in self._endpoints)
        # Also where there is nobody to tell: who is named later hears of what comes, not of years.
        steps: list[Step] = [self._address_events]
        steps += [partial(self._send_to, endpoint) for endpoint in self._endpoints]
        self._tasks = [asyncio.create_task(_keep_on(step)) for step in steps]

    async def close(self) -> None:
        """Stop; what was not told yet is told after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _address_events(self) -> bool:
        """Write the messages of what happened; tell whether there may be more."""
        events = await self._catalog.video_events(limit=MANY)
        for event in events:
            await self._address(event)
        return len(events) == MANY

    async def _address(self, event: VideoEvent) -> None:
        try:
            video = await self._catalog.video(event.video_id)
        except NotFound:
            return  # it was deleted, and its events with it
        body = compose(event, self._describe(video))
        now = self._clock.now()
        messages = [
            Message(event_id=event.id, endpoint_id=endpoint.id, video_id=video.id, body=body, due_at=now)
            for endpoint in self._endpoints
        ]
        await self._catalog.address_event(event.id, messages)

    async def _send_to(self, endpoint: Endpoint) -> bool:
        """Send what is due; tell whether there may be more."""
        due = await self._catalog.due_messages(endpoint.id, now=self._clock.now(), limit=AT_ONCE)
        ends = await asyncio.gather(*(self._send(endpoint, message) for message in due), return_exceptions=True)
        for fault in ends:
            if isinstance(fault, Exception):
                raise fault
        return len(due) == AT_ONCE

    async def _send(self, endpoint: Endpoint, message: Message) -> None:
        """Make one attempt, which is recorded before it begins."""
        now = self._clock.now()
        attempt = attempted(message, now)
        if not await self._catalog.record_attempt(attempt):
            return  # another server was first
        status, answer = await self._post(endpoint, attempt, headers_of(attempt, self._secrets, now))
        if 200 <= status < 300:
            log.info("webhook %s: taken by %s at attempt %d", message.event_id, endpoint.name, attempt.attempt)
        elif status == GONE or attempt.attempt >= ATTEMPTS:
            log.error(
                "webhook %s: given up for %s after %d attempts: %s",
                *(message.event_id, endpoint.name, attempt.attempt, answer),
            )
        else:
            log.warning(
                "webhook %s: attempt %d at %s failed, the next one is at %s: %s",
                *(
                    message.event_id,
                    attempt.attempt,
                    endpoint.name,
                    f"{attempt.due_at:%Y-%m-%d %H:%M:%SZ}",
                    answer,
                ),
            )
            return
        await self._catalog.settle_message(message)

    async def _post(self, endpoint: Endpoint, message: Message, headers: Mapping[str, str]) -> tuple[int, str]:
        """Send a message; return the status of the answer, 0 where there was none, and that in words."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status = await self._notifier.post(endpoint.url, message.body.encode(), headers)
        except TimeoutError:
            return 0, "there was no answer in time"
        except Unavailable as error:
            return 0, error.message
        return status, f"the answer was {status}"


async def _keep_on(step: Step) -> None:
    """Take a step again and again, at once while there may be more to do; nothing ends that but a cancellation."""
    while True:
        try:
            if await step():
                continue
        except Unavailable as error:
            log.warning("webhooks have to wait: %s", error)
        except Exception:
            log.exception("webhooks failed for an unforeseen reason, and go on")
        await asyncio.sleep(LOOK_SECONDS)
