"""Webhooks: what is told when, how it is signed, how long it is tried."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streamserver.domain.jobs import Job, JobError, claimed, completed, failed
from streamserver.domain.videos import VideoStatus
from streamserver.domain.webhooks import (
    ANSWER_SECONDS,
    ATTEMPTS,
    ATTEMPTS_IN_ORDER,
    RETRY_SECONDS,
    Endpoint,
    EventKind,
    Message,
    attempted,
    compose,
    events_of,
    headers_of,
    read_secret,
    signature,
)

NOON = datetime(2026, 3, 4, 12, 0, 0, 5000, tzinfo=UTC)
FAULT = JobError(code="encoder_failed", message="The encoder had a bad day.")
RUNNING = claimed(Job(id="j", video_id="v", created_at=NOON), now=NOON)
COMPLETE = completed(RUNNING, now=NOON)
FAILED = failed(RUNNING, FAULT, now=NOON)
MESSAGE = Message(event_id="j-1-complete", endpoint_id="e", video_id="v", body='{"ä": 1}', due_at=NOON)


@pytest.mark.parametrize(
    ("job", "before", "after", "kinds"),
    [
        (RUNNING, "processing", "playable", ["video.playable"]),
        (RUNNING, "error", "playable", ["video.playable"]),
        (RUNNING, "playable", "playable", []),
        (RUNNING, "complete", "playable", []),
        (RUNNING, "error", "processing", []),
        (COMPLETE, "playable", "complete", ["video.complete"]),
        (COMPLETE, "processing", "complete", ["video.playable", "video.complete"]),
        (FAILED, "processing", "error", ["video.failed"]),
        (FAILED, "playable", "playable", ["video.failed"]),
        (FAILED, "processing", "playable", ["video.playable", "video.failed"]),
        (FAILED, "playable", "error", ["video.failed"]),
    ],
)
def test_what_is_told(job: Job, before: str, after: str, kinds: list[str]) -> None:
    """A video becomes watchable once; its job ends once; both can come at the same moment, in this order."""
    events = events_of(job, VideoStatus(before), VideoStatus(after), has_ended=job.is_terminal, now=NOON)
    assert [event.kind for event in events] == kinds
    assert all((event.video_id, event.job_id, event.recorded_at) == ("v", "j", NOON) for event in events)
    assert [event.error for event in events] == [FAULT if kind == "video.failed" else None for kind in kinds]


def test_no_two_events_share_an_id() -> None:
    """Each report of a job, and each kind with it, has one of its own, which has no dot in it."""

    def ids(job: Job) -> list[str]:
        before, after = VideoStatus.PROCESSING, VideoStatus.COMPLETE
        return [event.id for event in events_of(job, before, after, has_ended=True, now=NOON)]

    again = replace(FAILED, sequence=FAILED.sequence + 1)
    found = [*ids(COMPLETE), *ids(again), *ids(replace(COMPLETE, id="k"))]
    assert len(set(found)) == len(found) == 6
    assert not any("." in event_id for event_id in found)
    assert ids(COMPLETE) == ids(COMPLETE)


def test_a_signature_is_that_of_the_standard() -> None:
    """The example that the libraries of Standard Webhooks are tested with comes out the same."""
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_headers_sign_what_is_sent() -> None:
    """Id, time in seconds, and a signature for each secret over both and the body's bytes."""
    headers = headers_of(MESSAGE, [b"a" * 24, b"b" * 24], NOON)
    time = int(NOON.timestamp())
    assert headers["webhook-id"] == "j-1-complete"
    assert headers["webhook-timestamp"] == str(time)
    first, second = headers["webhook-signature"].split(" ")
    assert first == signature([b"a" * 24], "j-1-complete", time, MESSAGE.body.encode())
    assert second == signature([b"b" * 24], "j-1-complete", time, MESSAGE.body.encode())
    assert first != second


@pytest.mark.parametrize(
    "changed",
    [(b"b" * 24, "i", 1, b"x"), (b"a" * 24, "j", 1, b"x"), (b"a" * 24, "i", 2, b"x"), (b"a" * 24, "i", 1, b"y")],
)
def test_a_signature_covers_everything(changed: tuple[bytes, str, int, bytes]) -> None:
    """Another key, id, time or body has another signature."""
    key, *rest = changed
    assert signature([key], *rest) != signature([b"a" * 24], "i", 1, b"x")  # type: ignore[arg-type]  # as in the list


@pytest.mark.parametrize(
    "text", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La", "whsec_ä" * 9]
)
def test_a_weak_secret_is_refused(text: str) -> None:
    """Without the prefix, shorter than 24 bytes, or not in Base64."""
    with pytest.raises(ValueError, match=r"."):
        read_secret(text)


@pytest.mark.parametrize(("length", "is_good"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_secret_has_24_to_64_bytes(length: int, is_good: bool) -> None:
    """As Standard Webhooks asks for."""
    from base64 import b64encode

    text = f"whsec_{b64encode(bytes(length)).decode()}"
    if is_good:
        assert read_secret(text) == bytes(length)
    else:
        with pytest.raises(ValueError, match="Standard Webhooks"):
            read_secret(text)


def test_attempts_are_further_and_further_apart() -> None:
    """The pauses grow, none is shorter than an attempt may take, and all of them make almost three days."""
    message, now, pauses = MESSAGE, NOON, []
    for number in range(1, ATTEMPTS + 2):
        message = attempted(message, now)
        assert message.attempt == number
        pauses.append((message.due_at - now).total_seconds())
        now = message.due_at
    assert pauses[: len(RETRY_SECONDS)] == list(RETRY_SECONDS)
    assert pauses == sorted(pauses)
    assert pauses[0] >= ANSWER_SECONDS
    assert timedelta(days=2.8) < timedelta(seconds=sum(RETRY_SECONDS)) < timedelta(days=3)
    assert sum(RETRY_SECONDS[: ATTEMPTS_IN_ORDER - 1]) == 600


def test_a_body_says_what_when_and_of_which_video() -> None:
    """`type`, `timestamp` and `data` as in Standard Webhooks; the video as it was handed in."""
    (event,) = events_of(FAILED, VideoStatus.PLAYABLE, VideoStatus.PLAYABLE, has_ended=True, now=NOON)
    assert json.loads(compose(event, {"id": "v", "title": "Größe"})) == {
        "type": "video.failed",
        "timestamp": "2026-03-04T12:00:00.005000Z",
        "data": {
            "job_id": "j",
            "error": {"code": "encoder_failed", "message": "The encoder had a bad day."},
            "video": {"id": "v", "title": "Größe"},
        },
    }


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/a/b", "https://host/a/b"),
        ("https://user:pass@host:8443/a@b?token=x#y", "https://host:8443/a@b"),
        ("http://host?token=x", "http://host"),
    ],
)
def test_an_endpoint_keeps_its_secrets(url: str, name: str) -> None:
    """Neither its name for logs nor its id for the catalog shows user, password or query; yet ids differ."""
    endpoint = Endpoint(url=url)
    assert endpoint.name == name
    assert endpoint.id == Endpoint(url=url).id != Endpoint(url=f"{url}x").id
    assert len(endpoint.id) <= 64
    assert "token" not in endpoint.id


def test_kinds_are_named_as_documented() -> None:
    """Receivers compare these words."""
    assert [kind.value for kind in EventKind] == ["video.playable", "video.complete", "video.failed"]
