"""Open files, kept for the next reader: a hot file costs no `open` and no `stat`."""

import errno
import os
import stat
import time
from collections import OrderedDict
from pathlib import Path

from streamserver.errors import NotFound

FRESH_SECONDS = 1.0
"""How long a descriptor is trusted before its path is looked at again."""


def open_file(path: Path) -> int:
    """Return a descriptor of a file; `FileNotFoundError` for anything else.

    An encoder that a video took over could leave a link, or a pipe that nobody writes to, where a file should be.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileNotFoundError(error.errno, "is a link", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, "is no file", str(path))
    return fd


class Descriptor:
    """A file held open for any number of readers, who use `pread` and `sendfile` alone."""

    __slots__ = ("_checked_at", "_was_used", "fd", "identity", "is_listed", "path", "readers")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = open_file(path)
        status = os.fstat(self.fd)
        self.identity = (status.st_dev, status.st_ino)
        self.readers = 0
        self.is_listed = True
        self._was_used = False  # many are read once and never again
        self._checked_at = time.monotonic()

    def current_size(self) -> int:
        """See `Lease.current_size`."""
        return os.fstat(self.fd).st_size

    def read(self, position: int, count: int) -> bytes:
        """See `Lease.read`."""
        return os.pread(self.fd, count, position)

    def take_use(self) -> bool:
        """Tell whether anyone used the file since this was asked last."""
        was_used, self._was_used = self._was_used, False
        return was_used

    def is_current(self) -> bool:
        """See `Lease.is_current`; the path is looked at at most once in `FRESH_SECONDS`."""
        if not self.is_listed:
            return False
        self._was_used = True
        now = time.monotonic()
        if now - self._checked_at < FRESH_SECONDS:
            return True
        try:
            status = self.path.stat()
        except OSError:
            return False
        if (status.st_dev, status.st_ino) != self.identity:
            return False
        self._checked_at = now
        return True


class Descriptors:
    """A bounded set of open files; one that was not used lately is closed first, never one that is being read.

    A use costs an assignment: order is kept only when room is needed, by giving each used file a second chance.
    """

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
        descriptor.readers += 1
        self._trim()
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
        while len(self._open) > self._limit:
            path, oldest = next(iter(self._open.items()))
            if oldest.take_use():
                self._open.move_to_end(path)
            else:
                self._drop(path)

    def _drop(self, path: Path) -> None:
        descriptor = self._open.pop(path)
        descriptor.is_listed = False
        if not descriptor.readers:
            os.close(descriptor.fd)
