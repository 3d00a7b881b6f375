"""Programs that stand in for ffmpeg, and looking for processes that should be gone."""

import os
from collections.abc import Iterator
from pathlib import Path


def script(folder: Path, text: str, name: str = "program") -> str:
    """Write a program of the shell and return its path."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(program)


def is_alive(pid: int) -> bool:
    """Tell whether a process is there that is more than a number its parent has not yet asked for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def group_members(group: int) -> list[int]:
    """Return the processes of a group."""
    return [pid for pid, fields in _processes() if int(fields[2]) == group]


def children() -> list[int]:
    """Return the processes that were started here in sessions of their own, as encoders are, and not reaped."""
    return [pid for pid, fields in _processes() if int(fields[1]) == os.getpid() and int(fields[3]) == pid]


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Yield each process with its fields from the state on (proc(5), /proc/pid/stat)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
