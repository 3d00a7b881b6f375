"""The server as a process of its own, with real ffmpeg, on a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.services.forks import fork

READY = "streamserver is ready: "
USUAL = {"STREAMSERVER_SAMPLE": "false", "STREAMSERVER_KEEP_DUPLICATES": "true"}
"""Tests send the same clip again and again, and want a video each time."""


class Process(Protocol):
    """What a fork and a `subprocess.Popen` have in common."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A server that runs."""

    url: str
    """Where it listens, without a path."""
    process: Process
    """It leads a process group of its own."""
    log: Path
    """What it complains about."""

    def kill(self) -> None:
        """End it as a power cut would, and nothing but it."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def running_server(
    data: Path, *options: str, environment: Mapping[str, str] | None = None, under: Sequence[str] = ()
) -> Iterator[ServerProcess]:
    """Start a server on any free port; whatever is left of it is ended on leaving.

    `under` are the words that a command begins with which becomes the server, such as one that has it traced.
    """
    log = data.with_name(f"{data.name}.log")
    arguments = ["serve", "--port", "0", "--data-dir", str(data), *options]
    said, end = os.pipe()
    with os.fdopen(said) as lines, log.open("a") as complaints:
        try:
            outputs = (end, complaints.fileno())
            process = _started(arguments, {**os.environ, **USUAL, **(environment or {})}, outputs, under)
        finally:
            os.close(end)
        try:
            line = next((line for line in lines if line.startswith(READY)), None)
            assert line is not None, log.read_text()
            yield ServerProcess(url=line.removeprefix(READY).strip(), process=process, log=log)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _started(
    arguments: Sequence[str], environment: Mapping[str, str], outputs: tuple[int, int], under: Sequence[str]
) -> Process:
    said, complaints = outputs
    # What is to be loaded first has to be there from the start on, and so has a tracer that filters system calls.
    if not under and "LD_PRELOAD" not in environment:
        return fork(arguments, environment=environment, said=said, complaints=complaints)
    command = [*under, sys.executable, "-m", "streamserver", *arguments]
    return subprocess.Popen(command, stdout=said, stderr=complaints, env=environment, start_new_session=True)
