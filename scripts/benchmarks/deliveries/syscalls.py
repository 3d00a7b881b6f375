"""How often servers touch the file system, counted by strace."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers import END_SECONDS, BenchError, Server, tail

KINDS: Mapping[str, tuple[str, ...]] = {
    "open": ("open", "openat", "openat2"),
    "stat": ("stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"),
    "read": ("pread64", "preadv", "preadv2"),
    "sendfile": ("sendfile",),
    "write": ("pwrite64", "pwritev", "rename", "renameat", "renameat2", "mkdir", "unlink", "unlinkat"),
}
"""What is counted, by kind. Plain `read` and `close` are not: sockets and timers make them too."""
ATTACH_SECONDS = 20.0
LOOK_SECONDS = 0.02


@contextmanager
def counting(servers: Sequence[Server], folder: Path) -> Iterator[dict[str, int]]:
    """Count the calls that all processes of the servers make meanwhile, which slows them down.

    The counts, by kind, are filled in when the context is left.
    """
    program = shutil.which("strace")
    if program is None:
        raise BenchError("strace is not installed")
    processes = [process for server in servers for process in server.process_ids()]
    if not processes:
        raise BenchError("there is nothing left for strace to watch")
    counts, log = folder / "strace.counts", folder / "strace.log"
    # Names that this processor's system lacks are no error with a question mark.
    calls = ",".join(f"?{call}" for calls in KINDS.values() for call in calls)
    command = [program, "-f", "-c", "-o", str(counts), "-e", f"trace={calls}", "-p", ",".join(map(str, processes))]
    found: dict[str, int] = {}
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as tracer:
        try:
            _await_attached(processes, tracer, log)
            yield found
        finally:
            # It lets go of the processes, and writes its table, when it is interrupted.
            tracer.send_signal(signal.SIGINT)
            tracer.wait(timeout=END_SECONDS)
    found.update(read_counts(counts.read_text()))


def read_counts(table: str) -> dict[str, int]:
    """Add up the calls of a table that `strace -c` wrote, by kind."""
    calls: dict[str, int] = {}
    for line in table.splitlines():
        # % time, seconds, µs a call, calls, errors where there were any, name
        row = re.fullmatch(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)", line)
        if row:
            calls[row[2]] = int(row[1])
    return {kind: sum(calls.get(name, 0) for name in names) for kind, names in KINDS.items()}


def _await_attached(processes: Sequence[int], tracer: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + ATTACH_SECONDS
    while time.monotonic() < deadline:
        if tracer.poll() is not None:
            raise BenchError(f"strace cannot watch the server:\n{tail(log)}")
        if all(_tracer_of(process) == tracer.pid for process in processes):
            return
        time.sleep(LOOK_SECONDS)
    raise BenchError(f"strace did not attach within {ATTACH_SECONDS:.0f} s")


def _tracer_of(process: int) -> int:
    """Return who traces all threads of a process; 0 where not all of them have a tracer."""
    tracers = set()
    for thread in Path(f"/proc/{process}/task").iterdir():
        found = re.search(r"^TracerPid:\s+(\d+)$", (thread / "status").read_text(), re.MULTILINE)
        tracers.add(int(found[1]) if found else 0)
    return tracers.pop() if len(tracers) == 1 else 0
