"""The server as people start it: a process of its own, with real ffmpeg, on a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = "streamserver is ready: "
USUAL = {"STREAMSERVER_SAMPLE": "false", "STREAMSERVER_KEEP_DUPLICATES": "true"}
"""Tests send the same clip again and again, and want a video each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A server that runs."""

    url: str
    """Where it listens, without a path."""
    process: "subprocess.Popen[str]"
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
    data: Path, *options: str, environment: dict[str, str] | None = None
) -> Iterator[ServerProcess]:
    """Start a server on any free port; whatever is left of it is ended on leaving."""
    log = data.with_name(f"{data.name}.log")
    with log.open("a") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamserver", "serve", "--port", "0", "--data-dir", str(data), *options],
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**os.environ, **USUAL, **(environment or {})},
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = next((line for line in process.stdout if line.startswith(READY)), None)
        assert line is not None, log.read_text()
        yield ServerProcess(url=line.removeprefix(READY).strip(), process=process, log=log)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=60)
        process.stdout.close()
