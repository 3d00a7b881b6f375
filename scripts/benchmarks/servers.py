"""Starting other programs on cores of their own, and ending them for certain."""

import os
import resource
import secrets
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 30.0
"""How long a server may take until it listens."""
END_SECONDS = 10.0
"""How long a server may take to end when it is asked to."""
LOOK_SECONDS = 0.02
PORTS = range(16_384, 32_768)
"""Those below are for services that people know; the system chooses among those above (ip(7))."""
TAIL_LINES = 15


class BenchError(Exception):
    """A benchmark cannot go on; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Who works where. Where there are too few cores, the two sides share them."""

    server: frozenset[int]
    """Of the server that is measured."""
    load: frozenset[int]
    """Of whatever asks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs, alone in its process group."""

    name: str
    """What people call it."""
    port: int
    """Where it listens, on 127.0.0.1."""
    group: int
    """Its first process and the group that this leads."""

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    def process_ids(self) -> list[int]:
        """Return all processes of the group, as of now."""
        return group_members(self.group)

    def cpu_seconds(self) -> float:
        """Return what its processes, and those that they waited for, have spent in user and system mode."""
        return sum(_cpu_seconds(process_id) for process_id in self.process_ids())

    def resident_bytes(self) -> int:
        """Return what its processes have in memory."""
        return sum(_resident_bytes(process_id) for process_id in self.process_ids())


def all_cores() -> frozenset[int]:
    """Return the cores that there are for us."""
    return frozenset(os.sched_getaffinity(0))


def split_cores(server_cores: int) -> Cores:
    """Give the first cores to the server and the rest to whoever asks it."""
    cores = sorted(all_cores())
    server = frozenset(cores[:server_cores])
    return Cores(server=server, load=frozenset(cores) - server or server)


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Keep this process, and those it starts meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """Return a port that nobody listens on, and that is handed to nobody who lets the system choose."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def allow_many_files() -> None:
    """Let this process, and those it starts, have as many open connections as the system grants."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    cores: frozenset[int],
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Server]:
    """Start a server, wait until it listens on the port, and end its whole process group on leaving.

    What it prints goes to the log, whose end is quoted in the `BenchError` for a server that does not come up.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, pinned(cores):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    try:
        _await_listener(name, process, port, log)
        yield Server(name=name, port=port, group=process.pid)
    finally:
        end_group(process)


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process group to end, kill what does not, and return once nobody is left of it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=END_SECONDS)
    while group_members(process.pid):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(LOOK_SECONDS)
    process.wait()


def group_members(group: int) -> list[int]:
    """Return the ids of all processes in a process group that have not ended."""
    processes = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return sorted(process_id for process_id in processes if _works_in(process_id, group))


def _await_listener(name: str, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"{name} ended with status {process.returncode}:\n{tail(log)}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(LOOK_SECONDS)
    raise BenchError(f"{name} does not listen after {READY_SECONDS:.0f} s:\n{tail(log)}")


def tail(log: Path) -> str:
    """Return the end of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])


def output_of(command: Sequence[str]) -> str:
    """Run a program that prints something; return that, or raise `BenchError` with what it complained about."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{shlex.join(command[:1])} failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
    return done.stdout


def _works_in(process_id: int, group: int) -> bool:
    # proc(5): the state and the process group are the first and third field behind the name.
    fields = _fields_of(process_id)
    return bool(fields) and fields[0] not in {"Z", "X"} and int(fields[2]) == group


def _cpu_seconds(process_id: int) -> float:
    # proc(5): utime, stime, cutime and cstime are the fields 14 to 17, the name being the second.
    return sum(map(int, _fields_of(process_id)[11:15])) / os.sysconf("SC_CLK_TCK")


def _fields_of(process_id: int) -> list[str]:
    """Return what /proc/[pid]/stat holds behind the name; nothing where the process is gone."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _resident_bytes(process_id: int) -> int:
    try:
        pages = Path(f"/proc/{process_id}/statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
