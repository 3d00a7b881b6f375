"""Events and messages as dictionaries."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from streamserver.domain.jobs import Job
from streamserver.domain.videos import VideoStatus
from streamserver.domain.webhooks import ATTEMPTS_IN_ORDER, Message, VideoEvent, events_of


class MemoryWebhooks:
    """The part of a catalog that is about what others are told. Dictionaries keep the order of what happened."""

    def __init__(self) -> None:
        self._events: dict[str, VideoEvent] = {}
        self._messages: dict[tuple[str, str], Message] = {}

    def note(self, job: Job, before: VideoStatus, after: VideoStatus, *, has_ended: bool) -> None:
        """Keep the events that follow from a change."""
        for event in events_of(job, before, after, has_ended=has_ended, now=datetime.now(UTC)):
            self._events.setdefault(event.id, event)

    def forget_events_of(self, video_id: str) -> None:
        """Forget what nobody needs to be told any more."""
        self._events = {key: event for key, event in self._events.items() if event.video_id != video_id}
        self._messages = {key: message for key, message in self._messages.items() if message.video_id != video_id}

    async def video_events(self, *, limit: int) -> Sequence[VideoEvent]:
        """Return events that were not addressed yet."""
        return list(self._events.values())[:limit]

    async def address_event(self, event_id: str, messages: Iterable[Message]) -> bool:
        """Put messages in the place of an event; False if that was done before."""
        if self._events.pop(event_id, None) is None:
            return False
        for message in messages:
            self._messages.setdefault((message.event_id, message.endpoint_id), message)
        return True

    async def keep_endpoints(self, endpoint_ids: Iterable[str]) -> None:
        """Forget the messages to all others."""
        kept = set(endpoint_ids)
        self._messages = {key: message for key, message in self._messages.items() if message.endpoint_id in kept}

    async def due_messages(self, endpoint_id: str, *, now: datetime, limit: int) -> Sequence[Message]:
        """Return messages to an endpoint that are due, but for those that wait for an older one."""
        due: list[Message] = []
        held_up: set[str] = set()
        for message in self._messages.values():
            if message.endpoint_id != endpoint_id:
                continue
            if message.due_at <= now and message.video_id not in held_up:
                due.append(message)
            if message.attempt < ATTEMPTS_IN_ORDER:
                held_up.add(message.video_id)
        return sorted(due, key=lambda message: message.due_at)[:limit]

    async def record_attempt(self, message: Message) -> bool:
        """Record that a message is being sent, unless another was first."""
        key = (message.event_id, message.endpoint_id)
        if key not in self._messages or self._messages[key].attempt != message.attempt - 1:
            return False
        self._messages[key] = message
        return True

    async def settle_message(self, message: Message) -> None:
        """Forget a message."""
        self._messages.pop((message.event_id, message.endpoint_id), None)
