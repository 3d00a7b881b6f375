"""How long the thread of the event loop stays away from it: in calls that touch files, and altogether.

strace watches this one thread, so that those who write files are not slowed down. What it adds makes the figures
larger, never smaller.
"""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deliveries.syscalls import ATTACH_SECONDS, LOOK_SECONDS
from benchmarks.servers import END_SECONDS, BenchError, Server, tail

MOST_SECONDS = 0.020
"""What a call that touches files may take on the loop's thread."""
KINDS: Mapping[str, tuple[str, ...]] = {
    "open": ("open", "openat", "openat2", "creat"),
    "write": ("write", "writev", "pwrite64", "pwritev", "pwritev2", "copy_file_range", "ftruncate", "fallocate"),
    "sync": ("fsync", "fdatasync", "sync_file_range", "sync", "syncfs", "msync"),
    "rename": ("rename", "renameat", "renameat2", "link", "linkat"),
    "unlink": ("unlink", "unlinkat", "rmdir"),
}
"""Calls that may wait for a disk, by kind; `write` has those on sockets among them, which never wait."""
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
LINE = re.compile(r"(?P<at>\d+\.\d+) (?P<name>\w+)\(.*<(?P<seconds>\d+\.\d+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What the loop's thread did."""

    counts: Mapping[str, int]
    """Of calls, by kind."""
    longest_seconds: Mapping[str, float]
    """The longest call, by kind; 0 where there was none."""
    turns: int
    """How often the loop went round."""
    longest_turn_seconds: float
    """The longest time between two looks at what has come."""

    @property
    def is_reached(self) -> bool:
        """Whether no call took longer than it may."""
        return max(self.longest_seconds.values()) <= MOST_SECONDS


@contextmanager
def watching(server: Server, log: Path) -> Iterator[list[Calls]]:
    """Watch the first thread of a server meanwhile; what was seen is added when the context is left."""
    program = shutil.which("strace")
    if program is None:
        raise BenchError("strace is not installed")
    # Names that this processor's system lacks are no error with a question mark.
    names = ",".join(f"?{name}" for names in (*KINDS.values(), WAITS) for name in names)
    said = log.with_suffix(".said")
    command = [program, "-ttt", "-T", "-s", "0", "-o", str(log), "-e", f"trace={names}", "-p", str(server.group)]
    found: list[Calls] = []
    with said.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as tracer:
        try:
            _await_attached(server.group, tracer, said)
            yield found
        finally:
            # It lets go of the thread when it is interrupted.
            tracer.send_signal(signal.SIGINT)
            tracer.wait(timeout=END_SECONDS)
    with log.open() as lines:
        found.append(read_calls(lines))


def read_calls(lines: Iterable[str]) -> Calls:
    """Sum up what strace wrote of one thread; a line is `time name(…) = result <seconds>`."""
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    counts, longest = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0.0)
    turns, longest_turn, woken_at = 0, 0.0, None
    for line in lines:
        call = LINE.match(line)
        if call is None:
            continue
        at, seconds = float(call["at"]), float(call["seconds"])
        if call["name"] in WAITS:
            if woken_at is not None:
                turns, longest_turn = turns + 1, max(longest_turn, at - woken_at)
            woken_at = at + seconds
        elif kind := kind_of.get(call["name"]):
            counts[kind] += 1
            longest[kind] = max(longest[kind], seconds)
    return Calls(counts=counts, longest_seconds=longest, turns=turns, longest_turn_seconds=longest_turn)


def _await_attached(process: int, tracer: "subprocess.Popen[bytes]", said: Path) -> None:
    deadline = time.monotonic() + ATTACH_SECONDS
    while time.monotonic() < deadline:
        if tracer.poll() is not None:
            raise BenchError(f"strace cannot watch the server:\n{tail(said)}")
        if f"TracerPid:\t{tracer.pid}\n" in Path(f"/proc/{process}/status").read_text():
            return
        time.sleep(LOOK_SECONDS)
    raise BenchError(f"strace did not attach within {ATTACH_SECONDS:.0f} s")
