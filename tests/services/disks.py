"""Small file systems, to be full soon."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.facts import missing


@contextmanager
def small_file_system(folder: Path, options: str) -> Iterator[Path]:
    """Mount one with a few options of tmpfs(5) at a new folder; the test is given up where nobody may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        missing("a small file system can be mounted only by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def make_read_only(folder: Path) -> None:
    """Let nothing be written any more to such a file system, in which no file may be open for that."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
