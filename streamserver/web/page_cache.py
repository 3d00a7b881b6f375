"""Whether a read would wait for the disk, and how to let a thread do that waiting (Linux page cache).

`sendfile` on a file that is not in memory stops the whole loop for as long as the disk takes.
"""

import asyncio
import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor

from streamserver.domain.ranges import ResourceRegion

NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
"""For `preadv`: fail with `BlockingIOError` where the disk would have to be waited for."""
PIECE_BYTES = 1024 * 1024
"""What is looked at together: the kernel reads ahead, so that a few bytes tell of those around them."""
TRUST_SECONDS = 5.0
"""How long a piece that was in memory counts as being there: what was just used is not what the kernel drops."""
REMEMBERED = 4096
"""Pieces of one file."""

LOADS_AT_ONCE = 2
"""More would be quicker by little, and take what the disk costs the processor from whoever needs no disk."""

_threads = ThreadPoolExecutor(LOADS_AT_ONCE, thread_name_prefix="cold")
_probe = [bytearray(1)]


class WarmPieces:
    """Which pieces of a file were in memory when they were looked at last; being asked again costs no call."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    def have(self, fd: int, position: int, count: int) -> bool:
        """Tell whether bytes can be sent without waiting for the disk."""
        now = time.monotonic()
        until = self._until
        for piece in range(position // PIECE_BYTES, (position + count - 1) // PIECE_BYTES + 1):
            if until.get(piece, 0.0) > now:
                continue
            if not is_cached(fd, ResourceRegion(position=piece * PIECE_BYTES, count=PIECE_BYTES)):
                return is_cached(fd, ResourceRegion(position=position, count=count))
            if len(until) >= REMEMBERED:
                until.clear()
            until[piece] = now + TRUST_SECONDS
        return True


def is_cached(fd: int, region: ResourceRegion) -> bool:
    """Tell whether the start, the middle and the end of a region are in memory; True where nobody can tell."""
    if not NOWAIT:
        return True
    try:
        for position in (region.position, region.position + region.count // 2, region.end - 1):
            os.preadv(fd, _probe, position, NOWAIT)
    except BlockingIOError:
        return False
    except OSError:  # a file system that does not know the question (EOPNOTSUPP)
        return True
    return True


def read_cached(fd: int, into: memoryview, position: int) -> int:
    """Read what is in memory, and on file systems that cannot tell whatever is there; return how much that was.

    `BlockingIOError` where the disk would have to be waited for, and where it fails: whoever waits can tell why.
    """
    try:
        return os.preadv(fd, (into,), position, NOWAIT)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise BlockingIOError from error
        return os.preadv(fd, (into,), position)


async def load(fd: int, region: ResourceRegion) -> None:
    """Read a region into memory without stopping the loop.

    The thread goes on when this is cancelled, and `fd` may be another file by then: what it reads is thrown away.
    """
    await asyncio.get_running_loop().run_in_executor(_threads, _read_through, fd, region)


def _read_through(fd: int, region: ResourceRegion) -> None:
    # The disk is told of the whole region; then its last byte is waited for, and no bytes are copied.
    os.posix_fadvise(fd, region.position, region.count, os.POSIX_FADV_WILLNEED)
    os.pread(fd, 1, region.end - 1)
