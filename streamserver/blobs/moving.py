"""Giving a file its final name, so that a power cut finds it under the one or the other."""

import errno
import os
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def move(path: Path, target: Path) -> None:
    """Rename a file; the folder of its new name is made where it is missing."""
    while True:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.rename(target)
        except FileNotFoundError:
            if not path.exists():
                raise
            continue  # a sweep took the new folder for one that was left behind
        return


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
