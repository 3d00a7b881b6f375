"""What processes ask of the kernel, as strace(1) writes it down: a file for each thread."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.clips.programs import PROGRAMS
from tests.facts import missing

CALLS = "open,openat,openat2,creat,execve,socket,connect,sendto,sendmsg,clone,clone3,fork,vfork"
OPTIONS = ("-ff", "-qq", "-v", "-s", "400", "--decode-pids=pidns", "-e", "signal=none", "-e", f"trace={CALLS}")
OPENED = re.compile(r'(?:open|creat)\w*\((?:\w+, )?"((?:[^"\\]|\\.)*)"')
STARTED = re.compile(r"(?:clone|clone3|fork|vfork)\(.* = (\d+)(?: /\* (\d+) in strace's PID NS \*/)?")
EXECUTED = re.compile(r'execve\("([^"]*)"')
ENCODERS = tuple(Path(program).name for program in (PROGRAMS.ffmpeg, PROGRAMS.ffprobe))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What was written down."""

    folder: Path
    """A file for each thread, its number behind the last dot."""

    @property
    def prefix(self) -> str:
        """What strace is told."""
        return str(self.folder / "trace")

    def everything(self) -> str:
        """Return all calls of all threads."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.iterdir()))

    def by_encoders(self) -> list[str]:
        """Return the calls of ffmpeg and ffprobe, with all their threads, from their start on."""
        calls: list[str] = []
        threads: set[str] = set()
        for path in sorted(self.folder.iterdir()):
            lines = path.read_text(errors="replace").splitlines()
            starts = [number for number, line in enumerate(lines) if _is_an_encoders_start(line)]
            if starts:
                calls += self._with_threads(lines[starts[-1] + 1 :], threads)
        return calls

    def _with_threads(self, lines: list[str], seen: set[str]) -> Iterator[str]:
        for line in lines:
            yield line
            started = STARTED.match(line)
            thread = (started[2] or started[1]) if started else ""
            file = self.folder / f"trace.{thread}"
            if started and thread not in seen and file.exists():
                seen.add(thread)
                yield from self._with_threads(file.read_text(errors="replace").splitlines(), seen)


def _is_an_encoders_start(line: str) -> bool:
    """Tell a start of the program itself from that of a wrapper, which names it too."""
    started = EXECUTED.match(line)
    return started is not None and Path(started[1]).name in ENCODERS and line.endswith(" = 0")


def opened(calls: list[str]) -> set[str]:
    """Return the paths that were opened, or would have been."""
    return {found[1] for line in calls if (found := OPENED.match(line))}


def traced(folder: Path, *command: str, standard_input: str) -> tuple[Trace, str]:
    """Run a program to its end; return what it and its children asked for, and what it said."""
    trace = Trace(folder=folder)
    words = [_strace(), *OPTIONS, "--seccomp-bpf", "-f", "-o", trace.prefix, "--", *command]
    done = subprocess.run(words, input=standard_input, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return trace, done.stdout


def tracing(folder: Path) -> tuple[Trace, list[str]]:
    """Return the words before a command that have it traced, and the trace, which is whole once it has ended.

    The process that is started becomes the command; the tracer is not its parent, but its grandchild.
    """
    trace = Trace(folder=folder)
    return trace, [_strace(), *OPTIONS, "--seccomp-bpf", "--daemonize=pgroup", "-f", "-o", trace.prefix, "--"]


@cache
def _strace() -> str:
    found = shutil.which("strace") or missing("strace is not installed (Debian: strace)")
    tried = subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return missing(f"nothing can be traced here: {tried.stderr.strip()}") if tried.returncode else found
