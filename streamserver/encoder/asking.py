"""Asking ffprobe about a file."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from streamserver.encoder.limits import Limits
from streamserver.encoder.process import Running, running
from streamserver.encoder.sandbox import Sandbox
from streamserver.encoder.verdict import is_not_the_file, stall_verdict, verdict
from streamserver.encoder.whitelists import INPUT_OPTIONS
from streamserver.errors import MachineFault, SourceFault

UNLISTED_CODEC = re.compile(r"Codec \((\w+)\) not on whitelist")

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who is asked, and about what."""

    ffprobe: str
    """The program."""
    path: str
    """The file."""
    limits: Limits
    """What it may take."""
    sandbox: Sandbox
    """Where it is asked."""

    def within(self, seconds: float) -> "Asking":
        """Ask with less patience."""
        patience = replace(self.limits, probe_seconds=min(self.limits.probe_seconds, seconds))
        return replace(self, limits=patience)

    async def ask(self, read: Callable[[Running], Awaitable[Found]], *arguments: str) -> Found:
        """Return what `read` makes of what is said; raise `SourceFault` with a sentence where it is not usable."""
        guard = [word for name, value in INPUT_OPTIONS.items() for word in (f"-{name}", value)]
        command = [self.ffprobe, "-v", "error", *guard, *arguments, "-i", self.path]
        try:
            confinement = self.sandbox.around(command, self.limits.for_a_look())
            async with running(command, confinement) as process:
                found, code, complaints = await self._heard(process, read)
        except ValueError:
            raise SourceFault("The file describes itself at unreasonable length.") from None
        failure = verdict(code, complaints)
        if failure is None:
            return found
        if is_not_the_file(failure, complaints):
            raise failure
        raise SourceFault(_in_plain_words(complaints))

    async def _heard(
        self, process: Running, read: Callable[[Running], Awaitable[Found]]
    ) -> tuple[Found, int, str]:
        try:
            async with self.limits.probe_timeout():
                return await read(process), *await process.end()
        except TimeoutError:
            failure = stall_verdict(self.limits.probe_seconds, process.cpu_seconds())
        if isinstance(failure, MachineFault):
            raise failure
        raise SourceFault("The file could not be understood in time.")


def _in_plain_words(complaints: str) -> str:
    """Say what ffprobe complains of to somebody who does not know it."""
    if "moov atom not found" in complaints:
        return "The file is incomplete: its end, which describes the video, is missing. Please upload it again."
    if coding := UNLISTED_CODEC.search(complaints):
        return f"A track of the file is coded as {coding[1]}, which this server does not accept."
    if "not on whitelist" in complaints:
        return "The file is not a video in a format that this server accepts."
    if "exceeds max_streams" in complaints:
        return "The file holds more streams than any video does."
    return "The file is not a video, or it is damaged beyond reading."
