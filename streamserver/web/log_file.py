"""A file that lines are added to by a thread, so that no disk and no pipe ever stops the loop."""

import contextlib
import logging
import os
import queue
import stat
import sys
import threading
import time
from pathlib import Path

WAITING_BATCHES = 100
"""Past this, lines are dropped: the disk, or the reader of a pipe, does not keep up."""
CLOSE_SECONDS = 2.0
"""How long the end of the server waits for the last lines to be taken."""
LOOK_SECONDS = 1.0
"""How often the path is looked at, to see whether the file was moved away (log rotation)."""
PIPE_BYTES = 4096
"""A write to a pipe that several processes share is not torn up to this size (pipe(7), PIPE_BUF)."""

_log = logging.getLogger(__name__)


class LogFile:
    """Lines are added at the end, in whole batches; what cannot be written is dropped, and said once."""

    def __init__(self, path: Path | None) -> None:
        """Open a file; standard output where there is no path. Raises `OSError`."""
        self._path = path
        self._fd = _standard_output() if path is None else _open(path)
        self._is_pipe = _is_pipe(self._fd)
        self._looked_at = time.monotonic()
        self._lost = 0
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # A daemon, because a write to a pipe that nobody reads may never return.
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)
        self._thread.start()

    def put(self, batch: bytes) -> None:
        """Have whole lines written; returns at once."""
        if self._waiting.qsize() < WAITING_BATCHES:
            self._waiting.put(batch)
        else:
            self._lost += batch.count(b"\n")

    def close(self) -> None:
        """Wait until all is written, though not for ever."""
        self._waiting.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        failing = False
        while (batch := self._waiting.get()) is not None:
            try:
                self._reopen()
                for piece in _pieces(batch) if self._is_pipe else [batch]:
                    _write(piece, self._fd)
            except OSError as error:
                self._lost += batch.count(b"\n")
                if not failing:
                    _log.warning("the access log cannot be written: %s", error)
                failing = True
                continue
            if self._lost:
                lost, self._lost = self._lost, 0
                _log.warning("the access log goes on; %d lines were lost", lost)
            failing = False
        if self._path is not None:
            os.close(self._fd)

    def _reopen(self) -> None:
        """Begin a new file where the old one was moved away."""
        if self._path is None or time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), os.fstat(self._fd)):
                return
        fresh = _open(self._path)
        os.close(self._fd)
        self._fd = fresh


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _standard_output() -> int:
    """Return its descriptor; where it was closed, its number may be any other file of ours by now."""
    try:
        return -1 if sys.stdout is None else sys.stdout.fileno()
    except (OSError, ValueError):
        return -1


def _is_pipe(fd: int) -> bool:
    return fd >= 0 and stat.S_ISFIFO(os.fstat(fd).st_mode)


def _pieces(batch: bytes) -> list[bytes]:
    """Cut lines so that those of several processes do not mix in a pipe."""
    pieces = [b""]
    for line in batch.splitlines(keepends=True):
        if len(pieces[-1]) + len(line) > PIPE_BYTES:
            pieces.append(b"")
        pieces[-1] += line
    return pieces


def _write(piece: bytes, fd: int) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]
