"""Open files, kept for the next reader: a hot file costs no `open` and no `stat`."""

import os
import time
from collections import OrderedDict
from pathlib import Path

from streamserver.errors import NotFound

FRESH_SECONDS = 1.0
"""How long a descriptor is trusted before its path is looked at again."""


class Descriptor:
    """A file held open for any number of readers, who use `pread` and `sendfile` alone."""

    __slots__ = ("_checked_at", "fd", "identity", "is_listed", "path", "readers")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self.fd)
        self.identity = (status.st_dev, status.st_ino)
        self.readers = 0
        self.is_listed = True
        self._checked_at = time.monotonic()

    def current_size(self) -> int:
        """See `Lease.current_size`."""
        return os.fstat(self.fd).st_size

    def read(self, position: int, count: int) -> bytes:
        """See `Lease.read`."""
        return os.pread(self.fd, count, position)

    def is_current(self) -> bool:
        """Tell whether the path still leads to this file; looks at most once in `FRESH_SECONDS`."""
        now = time.monotonic()
        if now - self._checked_at < FRESH_SECONDS:
            return True
        self._checked_at = now
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.identity


class Descriptors:
    """A bounded set of open files; the ones unused for longest are closed first, never one that is being read."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._open: OrderedDict[Path, Descriptor] = OrderedDict()

    def acquire(self, path: Path) -> Descriptor:
        """Return an open file; `NotFound` where there is none. Give it back with `release`."""
        descriptor = self._open.get(path)
        if descriptor is not None and not descriptor.is_current():
            self.forget(path)
            descriptor = None
        if descriptor is None:
            try:
                descriptor = Descriptor(path)
            except (FileNotFoundError, NotADirectoryError):
                raise NotFound from None
            self._open[path] = descriptor
            self._trim()
        else:
            self._open.move_to_end(path)
        descriptor.readers += 1
        return descriptor

    def release(self, descriptor: Descriptor) -> None:
        """Give back what `acquire` returned."""
        descriptor.readers -= 1
        if not descriptor.readers and not descriptor.is_listed:
            os.close(descriptor.fd)

    def forget(self, path: Path) -> None:
        """Close the file at a path, or all below it, once the last reader has let go."""
        for known in [known for known in self._open if known == path or path in known.parents]:
            self._drop(known)

    def close(self) -> None:
        """Close everything that nobody reads."""
        for path in list(self._open):
            self._drop(path)

    def _trim(self) -> None:
        for path in list(self._open):
            if len(self._open) <= self._limit:
                return
            self._drop(path)

    def _drop(self, path: Path) -> None:
        descriptor = self._open.pop(path)
        descriptor.is_listed = False
        if not descriptor.readers:
            os.close(descriptor.fd)
