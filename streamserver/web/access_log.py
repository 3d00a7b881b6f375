"""The access log: a line a request, made in batches.

    2026-07-01T12:00:00Z 192.0.2.7 "GET /media/v/720p.mp4 HTTP/1.1" bytes=0-65535 206 65961 0.4 "Mozilla/5.0"

That is: when it was over (UTC), who, what, which range or `-`, status, bytes sent with the header, milliseconds,
and the User-Agent or `-`. What clients wrote is given in ASCII, with quotes and all else escaped.
"""

import asyncio
import re
from typing import cast

from aiohttp import hdrs, web
from aiohttp.abc import AbstractAccessLogger

from streamserver.web.log_file import LogFile
from streamserver.web.timestamps import Timestamps

BATCH_LINES = 512
"""So many lines are written at once, or fewer after `BATCH_SECONDS`."""
BATCH_SECONDS = 1.0
LONGEST_TEXT = 1000
"""Of what a client wrote."""

SIGNATURE = re.compile(r"(?<=[?&]signature=)[^&]+")
"""In a pre-signed URL; whoever has that may do what it is for."""

Entry = tuple[str | None, str, str, str | None, int, int, float, str | None]
"""A request that is over: who, method, target, range, status, bytes with the header, seconds, agent."""


class AccessLog:
    """Requests that are over, on their way to a file."""

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._timestamps = Timestamps()
        self._entries: list[tuple[str, Entry]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, *entries: Entry) -> None:
        """Note requests."""
        self._timestamps.refresh()
        when = self._timestamps.in_log
        self._entries += [(when, entry) for entry in entries]
        if len(self._entries) >= BATCH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BATCH_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand over what was noted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        entries, self._entries = self._entries, []
        if entries:
            self._file.put("".join(map(_line, entries)).encode("ascii", "backslashreplace"))

    async def close(self) -> None:
        """Write what is left."""
        self.flush()
        await asyncio.to_thread(self._file.close)


class RequestLog(AbstractAccessLogger):
    """What aiohttp tells of the requests that it answers; its logger is an `AccessLog`."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Note a request."""
        headers = request.headers
        asked, agent = headers.get(hdrs.RANGE), headers.get(hdrs.USER_AGENT)
        sent = request.writer.output_size
        log = cast(AccessLog, self.logger)
        log.add((request.remote, request.method, request.raw_path, asked, response.status, sent, time, agent))


def _line(noted: tuple[str, Entry]) -> str:
    when, (remote, method, target, asked, status, sent, seconds, agent) = noted
    if "signature=" in target:
        target = SIGNATURE.sub("...", target)
    return (
        f'{when} {remote or "-"} "{method} {_safe(target)} HTTP/1.1" {_safe(asked)} '
        f'{status} {sent} {seconds * 1000:.1f} "{_safe(agent)}"\n'
    )


def _safe(text: str | None) -> str:
    """Keep a text from being taken for the end of its field; the parser let no line break through."""
    if not text:
        return "-"
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return text
