"""Servers that start fast: what they import, which takes most of a start, one process has imported already.

Run as a program it forks a server for each order on the socket that is its standard input, and tells its end.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from streamserver.cli import main

LATER = ("aiosqlite", "streamserver.bucket.s3", "streamserver.catalog.revisions", "uvloop")
"""What a server imports only once it needs it."""
ORDER_BYTES = 256 * 1024


class Fork:
    """A server's process, as `subprocess.Popen` would have it."""

    def __init__(self, pid: int, ends: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ends = ends

    def poll(self) -> int | None:
        """Return the exit code, negative for the number of a signal; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(timeout=0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once there is one; `subprocess.TimeoutExpired` where that takes too long."""
        if self.returncode is None:
            if not select.select([self._ends], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout or 0)
            self.returncode = int(self._ends.recv(64))
            self._ends.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)


def fork(arguments: Sequence[str], *, environment: Mapping[str, str], said: int, complaints: int) -> Fork:
    """Start `streamserver` with arguments in a session of its own; it writes to the two descriptors."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        order = {"arguments": list(arguments), "environment": dict(environment), "folder": str(Path.cwd())}
        socket.send_fds(_orders(), [json.dumps(order).encode()], [said, complaints, theirs.fileno()])
    return Fork(int(ours.recv(64)), ours)


@cache
def _orders() -> socket.socket:
    """Start the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.forks"],
            stdin=theirs.fileno(),
            cwd=Path(__file__).parents[2],
            process_group=0,  # at Ctrl-C it is there until the last server has ended
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class Nursery:
    """Where servers are forked."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._ends: dict[int, int] = {}
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> None:
        """Fork and reap until nobody is there to give orders."""
        while True:
            ready, _, _ = select.select([self._orders.fileno(), self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._orders.fileno() in ready:
                order, descriptors, _, _ = socket.recv_fds(self._orders, ORDER_BYTES, 3)
                if not order:
                    return
                self._fork(json.loads(order), *descriptors)

    def _fork(self, order: dict[str, Any], said: int, complaints: int, end: int) -> None:
        if not (pid := os.fork()):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            live(order, said, complaints)
        os.write(end, str(pid).encode())
        self._ends[pid] = end
        os.close(said)
        os.close(complaints)

    def _reap(self) -> None:
        while self._ends:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            end = self._ends.pop(pid)
            with suppress(BrokenPipeError):  # nobody wants to know
                os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(end)


def live(order: dict[str, Any], said: int, complaints: int) -> NoReturn:
    """Be the server that was ordered, with nothing of the process that this one is a fork of but its modules."""
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    with Path(os.devnull).open("rb") as nothing:
        for number, taken in enumerate((nothing.fileno(), said, complaints)):
            os.dup2(taken, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.exit(main(order["arguments"]))


if __name__ == "__main__":
    for name in LATER:
        import_module(name)
    gc.freeze()  # what all have in common is not looked through for garbage by each
    Nursery(socket.socket(fileno=0)).run()
