"""The load generator (load.c): built when it is needed, started on its own cores, its figures read."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Literal

from benchmarks.servers import BenchError, Server, output_of, pinned

SOURCE = Path(__file__).parents[1] / "load.c"
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")
Work = Literal["range", "whole", "conditional", "seek", "paced"]
"""How a server can be asked; see load.c."""
BUSY = 0.9
"""A side that uses this share of its core is taken for the one that limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a server is asked, over and over."""

    work: Work
    """How it is asked."""
    path: str
    """Of the resource."""
    length: int
    """Bytes in the resource."""
    size: int = 0
    """Bytes of a range, or after which a seeking viewer leaves."""
    connections: int = 16
    """How many ask at the same time."""
    etag: str = ""
    """What a conditional request holds already."""
    rate: float = 0
    """Bytes a second that a paced viewer takes."""
    max_segment: int = 0
    """TCP_MAXSEG; 0 for what loopback has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of asking one server for a while. Times in µs; memory in bytes."""

    seconds: float
    """How long was measured."""
    requests: int
    """Answers that were right, and whole."""
    bytes: int
    """Of bodies."""
    reconnections: int
    """Connections that were made anew."""
    latency_p50: int
    """From the request to the last byte."""
    latency_p90: int
    """Likewise."""
    latency_p99: int
    """Likewise."""
    latency_max: int
    """Likewise."""
    reads_due: int
    """How often paced viewers read."""
    reads_short: int
    """How often they found less than they wanted."""
    worst_lateness: int
    """How far behind its own schedule the generator was with paced viewers."""
    load_cpu_seconds: float
    """Of the generator."""
    server_cpu_seconds: float
    """Of all the server's processes."""
    resident_before: int
    """In the server's processes, before anyone connected."""
    resident_after: int
    """Likewise, at the end."""
    tcp_memory_before: int
    """In the kernel, for all connections of the machine."""
    tcp_memory_after: int
    """Likewise, at the end."""
    faults: Mapping[str, int]
    """Answers that were wrong, by what was wrong."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def server_cpu_microseconds(self) -> float | None:
        """What a request cost the server; None where it answered none."""
        return self.server_cpu_seconds * 1e6 / self.requests if self.requests else None

    @property
    def load_share(self) -> float:
        """How much of one core the generator worked."""
        return self.load_cpu_seconds / self.seconds

    @property
    def server_share(self) -> float:
        """How much of one core the server used."""
        return self.server_cpu_seconds / self.seconds

    @property
    def is_limited_by_load(self) -> bool:
        """Whether the generator, not the server, may have been the limit."""
        return self.load_share >= BUSY and self.server_share < BUSY

    @property
    def fault_count(self) -> int:
        """All wrong answers."""
        return sum(self.faults.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """The built load generator."""

    program: Path
    """Where it lies."""
    seconds: float
    """How long it measures."""
    warmup_seconds: float
    """How long it asks before that."""
    is_awake: bool = False
    """Whether it polls in place of sleeping, which only a generator with a core of its own may."""

    def measure(self, server: Server, question: Question, *, cores: frozenset[int]) -> Cell:
        """Ask a server from these cores; return what came of it."""
        return self.finish(self.begin(server, question, cores=cores))

    def begin(self, server: Server, question: Question, *, cores: frozenset[int]) -> "Popen[str]":
        """Start asking; `finish` waits for what comes of it."""
        options = {
            "port": server.port,
            "pids": ",".join(map(str, server.process_ids())),
            "seconds": self.seconds,
            "warmup": self.warmup_seconds,
            **{name: getattr(question, name) for name in ("work", "path", "length", "size", "connections")},
            "etag": question.etag,
            "rate": question.rate,
            "mss": question.max_segment,
            "awake": int(self.is_awake),
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with pinned(cores):
            return Popen([self.program, *words], stdout=PIPE, stderr=PIPE, text=True)

    def finish(self, asking: "Popen[str]") -> Cell:
        """Wait until asking ends by itself; `BenchError` where nothing at all could be measured."""
        try:
            said, complaint = asking.communicate()
        finally:
            asking.kill()
        if asking.returncode:
            raise BenchError(f"the load generator gave up: {complaint.strip()}")
        figures: dict[str, Any] = json.loads(said)
        return Cell(**figures)


def build_generator(folder: Path, *, seconds: float, warmup_seconds: float) -> Generator:
    """Compile the generator into a folder, unless that was done before; `BenchError` without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError("A C compiler is needed; on Debian: apt-get install gcc libc6-dev")
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"load-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}"
    if not program.exists():
        unfinished = program.with_suffix(".tmp")
        output_of([compiler, *FLAGS, "-o", str(unfinished), str(SOURCE)])
        unfinished.replace(program)
    return Generator(program=program, seconds=seconds, warmup_seconds=warmup_seconds)
