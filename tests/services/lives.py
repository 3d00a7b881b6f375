"""A server that is ended and started again many times: its imports are done once, and each life is a fork of them.

Run as a program it starts a server for each line on its standard input, and says when that has ended.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from streamserver.cli import main
from tests.services.server import READY, USUAL


class Lives:
    """Where servers are born."""

    def __init__(self, process: "subprocess.Popen[str]", arguments: list[str]) -> None:
        self._process = process
        self._arguments = arguments
        self._pid = 0

    def start(self) -> str:
        """Start a server and return where it listens, once it does."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._arguments) + "\n")
        self._process.stdin.flush()
        self._pid = int(self._line("pid "))
        return self._line(READY).strip()

    def kill(self) -> None:
        """End it as a power cut would, and nothing but it."""
        os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        """Return its exit code once it has ended; negative for the number of a signal."""
        return int(self._line("ended "))

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        os.kill(self._pid, signal.SIGTERM)
        return self.wait()

    def _line(self, start: str) -> str:
        assert self._process.stdout is not None
        found = next((line for line in self._process.stdout if line.startswith(start)), None)
        assert found is not None
        return found.removeprefix(start)


@contextmanager
def lives(data: Path, environment: dict[str, str]) -> Iterator[Lives]:
    """Give a place where servers on a data folder are started; the last one is ended on leaving."""
    log = data.with_name(f"{data.name}.log")
    with log.open("a") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.lives"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**os.environ, **USUAL, **environment},
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )
    try:
        yield Lives(process, ["serve", "--port", "0", "--data-dir", str(data)])
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)


def be_born(lines: IO[str]) -> None:
    """Fork a server for each line, one after the other."""
    for line in lines:
        pid = os.fork()
        if not pid:
            print(f"pid {os.getpid()}", flush=True)  # noqa: T201 - the answer
            os._exit(main(json.loads(line)))
        _, status = os.waitpid(pid, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    be_born(sys.stdin)
