"""Server-Sent Events, read as the HTML Living Standard §9.2.6 tells browsers to."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, StreamReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One event."""

    name: str
    """What `addEventListener` names; `message` where the server does not."""
    id: str
    """What a browser sends as `Last-Event-ID` when it comes back."""
    job: dict[str, Any]
    """Its data."""
    retry_milliseconds: int | None
    """When a browser comes back, if this event says."""


async def blocks(content: StreamReader) -> AsyncIterator[list[str]]:
    """Yield the lines of each block; blank lines end one."""
    lines: list[str] = []
    async for line in content:
        text = line.decode().rstrip("\r\n")
        if text:
            lines.append(text)
        else:
            yield lines
            lines = []
    assert lines == [], "the stream broke off within a block"


def parse(lines: list[str]) -> ServerSentEvent | None:
    """Read a block; None for one of comments alone."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    fields.pop("", None)
    if "data" not in fields:
        return None
    retry = fields.get("retry")
    return ServerSentEvent(
        name=fields.get("event", ["message"])[-1],
        id=fields["id"][-1],
        job=json.loads("\n".join(fields["data"])),
        retry_milliseconds=int(retry[-1]) if retry else None,
    )


async def events_of(response: ClientResponse) -> AsyncIterator[ServerSentEvent]:
    """Yield the events of a stream."""
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    async for lines in blocks(response.content):
        event = parse(lines)
        if event is not None:
            yield event


async def next_event(response: ClientResponse) -> ServerSentEvent:
    """Return the next event of a stream."""
    async for event in events_of(response):
        return event
    raise AssertionError("the stream is at its end")
