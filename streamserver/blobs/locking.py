"""Files that one writer holds at a time: a lock (flock) that ends with his process, whatever ends that."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from streamserver.blobs.moving import NO_ROOM
from streamserver.errors import Locked, StorageFault, StorageFull


@contextmanager
def explained() -> Iterator[None]:
    """Raise what the system complains about in the words of the product."""
    try:
        yield
    except ConnectionError:  # of whoever sends the bytes
        raise
    except OSError as error:
        raise (StorageFull() if error.errno in NO_ROOM else StorageFault()) from error


def open_locked(path: Path) -> tuple[int, int]:
    """Open a file, or make it, for the one who writes it; return the descriptor and how long the file is."""
    while True:
        with explained():
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Locked from None
        status = os.fstat(descriptor)
        if status.st_nlink:
            return descriptor, status.st_size
        os.close(descriptor)  # before it was locked, a sweep or its last writer removed it


def durable_size(path: Path) -> int:
    """Return how long a file is, once that much of it is durable; 0 where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        size_bytes = os.fstat(descriptor).st_size
        with explained():
            os.fdatasync(descriptor)  # a writer that was killed may not have come to it
    finally:
        os.close(descriptor)
    return size_bytes


def sizes_in(folder: Path) -> dict[str, int]:
    """Return the lengths of files by name."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # it has just become whole
                found[entry.name] = entry.stat().st_size
    return found


def remove_left(path: Path) -> bool:
    """Remove a file that nobody writes; with its lock in hand, so that who is about to write it notices."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # it is gone, or not ours
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
