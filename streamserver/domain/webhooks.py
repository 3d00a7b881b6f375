"""Webhooks: what other systems are told of a video, signed and retried by the rules of Standard Webhooks.

https://www.standardwebhooks.com describes the headers, the signature and the shape of a body.
"""

import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from streamserver.domain.jobs import Job, JobError, JobStatus
from streamserver.domain.videos import VideoStatus

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with is none
SECRET_BYTES = range(24, 65)
"""How long the key in a secret may be."""
RETRY_SECONDS = (15, 45, 135, 405, 1215, 3645, 10935, *11 * (21600,))
"""From one attempt to the next: tripled up to six hours, not quite three days in all."""
ANSWER_SECONDS = 15.0
"""How long an attempt may take: no longer than till the next, so a message is never under way twice."""
ATTEMPTS = 1 + len(RETRY_SECONDS)
"""How often a message is tried before it is given up."""
ATTEMPTS_IN_ORDER = 5
"""Until a message was tried so often, the later ones of its video wait for it: for ten minutes."""
GONE = 410
"""The status by which a receiver asks to be left alone with a message (RFC 9110 §15.5.11)."""

_WATCHABLE = frozenset({VideoStatus.PLAYABLE, VideoStatus.COMPLETE})


class EventKind(StrEnum):
    """What happened to a video."""

    PLAYABLE = "video.playable"
    """Something of it can be watched from now on."""
    COMPLETE = "video.complete"
    """All renditions are there."""
    FAILED = "video.failed"
    """Its job ended in ERROR, or was cancelled."""


_ENDS = {JobStatus.COMPLETE: EventKind.COMPLETE, JobStatus.ERROR: EventKind.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEvent:
    """Something that happened, and that nobody was told of yet."""

    id: str
    """No other event has it. The dot, which parts the signed content, is not in it."""
    kind: EventKind
    """What happened."""
    video_id: str
    """To which video."""
    job_id: str
    """By which job."""
    recorded_at: datetime
    """When the catalog recorded it (UTC)."""
    error: JobError | None = None
    """Why the job ended, where it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that is told of everything."""

    url: str
    """Where messages are sent; it may hold a secret of its own."""

    @property
    def id(self) -> str:
        """Its name in the catalog, which does not give the address away."""
        return sha256(self.url.encode()).hexdigest()[:32]

    @property
    def name(self) -> str:
        """The address without what may be secret: user, password and query."""
        return re.sub(r"(?<=://)[^/?#]*@|[?#].*", "", self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one endpoint is yet to be told."""

    event_id: str
    """Its `webhook-id`, the same in every attempt and at every endpoint."""
    endpoint_id: str
    """Who is to receive it."""
    video_id: str
    """The video that it tells of."""
    body: str
    """JSON, as it was when the message was composed."""
    due_at: datetime
    """When it is to be sent, or sent again (UTC)."""
    attempt: int = 0
    """How often it was sent."""


def events_of(
    job: Job, before: VideoStatus, after: VideoStatus, *, has_ended: bool, now: datetime
) -> list[VideoEvent]:
    """Tell what happens, in this order, when the status of a job's video is recorded; `has_ended` with its end."""
    kinds = [EventKind.PLAYABLE] if after in _WATCHABLE and before not in _WATCHABLE else []
    if has_ended:
        kinds.append(_ENDS[job.status])
    return [
        VideoEvent(
            id=f"{job.id}-{job.sequence}-{kind.removeprefix('video.')}",
            kind=kind,
            video_id=job.video_id,
            job_id=job.id,
            recorded_at=now,
            error=job.error if kind is EventKind.FAILED else None,
        )
        for kind in kinds
    ]


def compose(event: VideoEvent, video: Mapping[str, Any]) -> str:
    """Write a message's body: what happened, when, and the video as the API shows it."""
    error = event.error and {"code": event.error.code, "message": event.error.message}
    document = {
        "type": event.kind,
        "timestamp": event.recorded_at.isoformat().replace("+00:00", "Z"),
        "data": {"job_id": event.job_id, "error": error, "video": video},
    }
    return json.dumps(document, ensure_ascii=False)


def attempted(message: Message, now: datetime) -> Message:
    """Count an attempt that begins, and say when the next one is due should this one fail."""
    pause = RETRY_SECONDS[min(message.attempt, len(RETRY_SECONDS) - 1)]
    return replace(message, attempt=message.attempt + 1, due_at=now + timedelta(seconds=pause))


def read_secret(text: str) -> bytes:
    """Return the key in a secret such as `whsec_…`; `ValueError` where it is none or is too short to be safe."""
    key = b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    if not text.startswith(SECRET_PREFIX) or len(key) not in SECRET_BYTES:
        raise ValueError("The secret is not of the form that Standard Webhooks asks for.")
    return key


def signature(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Sign a message with each secret, so that a receiver may go over from one to the next."""
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join(f"v1,{b64encode(hmac.digest(key, content, 'sha256')).decode()}" for key in secrets)


def headers_of(message: Message, secrets: Sequence[bytes], now: datetime) -> dict[str, str]:
    """Return the header fields of one attempt."""
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "webhook-id": message.event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secrets, message.event_id, timestamp, message.body.encode()),
    }
