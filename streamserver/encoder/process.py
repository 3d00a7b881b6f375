"""The one place where processes are started, and where they are certain to end."""

import asyncio
import logging
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

LAUNCHER = Path(__file__).with_name("launch.py")
NICENESS = 10
TERM_SECONDS = 0.25
"""How long a process may take to end when it is asked to; who cancels a job waits for it."""
TAIL_BYTES = 8 * 1024
"""How much of what a process complains about is kept."""
READ_BYTES = 64 * 1024
PROCESSOR_TIMES = slice(11, 15)
"""Where they are in /proc/pid/stat, behind the program's name: its own, and those of its children that ended."""
LAST_SIGNAL = 31
"""Of those that have a name and end programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """Within which bounds a program runs; `Sandbox.around` draws them."""

    bounds: tuple[str, ...] = ()
    """What the launcher is told; see `launch.py`."""
    wrapper: tuple[str, ...] = ()
    """A program, with its arguments, that starts the program in surroundings of its own."""


class Running:
    """A process of ours: what it says, what it complains about, how it ends."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        complaints: "asyncio.Task[str]",
        *,
        is_wrapped: bool = False,
    ) -> None:
        self._process = process
        self._complaints = complaints
        self._is_wrapped = is_wrapped

    @property
    def pid(self) -> int:
        """The process, and the group that it leads."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Return the processor time that it, and what it started, have taken; 0 where that cannot be known."""
        ticks, pids = 0, [self.pid]
        while pids:
            place = Path(f"/proc/{pids.pop()}")
            with suppress(OSError):
                fields = (place / "stat").read_text().rsplit(")", 1)[1].split()
                ticks += sum(map(int, fields[PROCESSOR_TIMES]))
                pids += map(int, (place / "task" / place.name / "children").read_text().split())
        return ticks / os.sysconf("SC_CLK_TCK")

    async def output(self, limit_bytes: int) -> bytes:
        """Read what it says until it says no more; `ValueError` past the limit."""
        said = bytearray()
        async for chunk in self.chunks():
            said += chunk
            if len(said) > limit_bytes:
                raise ValueError(f"more than {limit_bytes} bytes of output")
        return bytes(said)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read what it says as it comes."""
        while chunk := await self._stdout.read(READ_BYTES):
            yield chunk

    async def lines(self) -> AsyncIterator[str]:
        """Read what it says line by line."""
        async for line in self._stdout:
            yield line.decode(errors="replace").strip()

    async def end(self) -> tuple[int, str]:
        """Wait until it has ended; return its exit code (negative: the signal) and the end of its complaints."""
        code = await self._process.wait()
        if self._is_wrapped and 128 < code <= 128 + LAST_SIGNAL:  # as a shell would, the wrapper tells of a signal
            code = 128 - code
        return code, await self._complaints

    @property
    def _stdout(self) -> asyncio.StreamReader:
        assert self._process.stdout is not None  # noqa: S101 - started with a pipe
        return self._process.stdout


@asynccontextmanager
async def running(command: Sequence[str], confinement: Confinement) -> AsyncIterator[Running]:
    """Start a program in a group of its own; on leaving, whatever is left of the group is ended and reaped.

    It gets no standard input, a low priority, and does not outlive the server.
    """
    log.debug("starting %s", shlex.join([*confinement.wrapper, *command]))
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(NICENESS)]
    process = await asyncio.create_subprocess_exec(
        *launcher,
        *confinement.bounds,
        "--",
        *confinement.wrapper,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    complaints = asyncio.ensure_future(_tail(process.stderr))
    try:
        yield Running(process, complaints, is_wrapped=bool(confinement.wrapper))
    finally:
        try:
            await _stop(process)
        finally:
            _signal_group(process, signal.SIGKILL)
            await process.wait()
            # What is in a sandbox is no child of ours: its end is known by the pipe that it held.
            await complaints


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask first; the caller kills what does not listen."""
    if process.returncode is not None:
        return
    _signal_group(process, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(TERM_SECONDS):
            # A full pipe would keep it from ending.
            await asyncio.gather(process.wait(), _tail(process.stdout))


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _tail(stream: asyncio.StreamReader | None) -> str:
    """Read to the end and keep the last part."""
    tail = b""
    while stream is not None and (chunk := await stream.read(READ_BYTES)):
        tail = (tail + chunk)[-TAIL_BYTES:]
    return tail.decode(errors="replace").strip()
