"""The whole program, as people start it."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

START_SECONDS = 60.0
END_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running `streamserver serve`."""

    process: "subprocess.Popen[str]"
    """The first process."""
    url: str
    """What it says that it answers under."""
    said: list[str]
    """Lines of its standard output so far."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rsplit(":", 1)[1])

    @property
    def workers(self) -> list[int]:
        """The processes that it started and that are there."""
        return [pid for pid in _children(self.process.pid) if "streamserver.worker" in _command(pid)]


def command(data_dir: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "streamserver", "serve", "--data-dir", str(data_dir), "--no-sample", *options]


@contextmanager
def serving_program(data_dir: Path, *options: str, settings: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Start it on a free port without a sample video; it is asked to end, and has to do so in good order."""
    given = {f"STREAMSERVER_{name.upper()}": value for name, value in (settings or {}).items()}
    with subprocess.Popen(
        command(data_dir, "--port", "0", *options),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **given},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        ready: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process.stdout, said, ready), daemon=True)
        reader.start()
        try:
            line = ready.get(timeout=START_SECONDS)
            assert line, "it ended at once"
            yield Program(process=process, url=line.split(": ", 1)[1].strip(), said=said)
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(END_SECONDS) == 0
        finally:
            process.kill()
            process.wait()
            reader.join(END_SECONDS)


def _read(stream: IO[str], said: list[str], ready: "queue.Queue[str]") -> None:
    for line in stream:
        said.append(line)
        if line.startswith("streamserver is ready"):
            ready.put(line)
    ready.put("")


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""
