"""Moving bytes from whatever reads them to a file, in the thread that calls."""

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from streamserver.ports import ReadInto

STEP_BYTES: Final = 1024 * 1024
"""So many bytes are gathered before they are written."""
COPY_BYTES: Final = 8 * 1024 * 1024
"""The most that is copied from file to file by one system call."""
QUANTUM_SECONDS: Final = 0.25
"""After so long a thread is free for somebody else, and whoever is to stop does, also where the disk is slow."""

_threads = threading.local()


def fill(descriptor: int, position: int, read_into: ReadInto, note: Callable[[int, memoryview], None]) -> None:
    """Write bytes from a position on while there are some, but for a quantum of time at most.

    After each step `note` is told where they end, and what they are. Raises what reading or writing raises; what
    was read before is written.
    """
    buffer = _buffer_of_thread()
    is_over_at = time.monotonic() + QUANTUM_SECONDS
    while True:
        count, fault = _read(read_into, buffer)
        position = write(descriptor, buffer[:count], position)
        note(position, buffer[:count])
        if fault is not None:
            raise fault
        if count < len(buffer) or time.monotonic() >= is_over_at:
            break


def write(descriptor: int, view: memoryview, position: int) -> int:
    """Write all bytes at a position of a file; return where they end."""
    while view:
        count = os.pwrite(descriptor, view, position)
        view, position = view[count:], position + count
    return position


def copy(source: int, position: int, target: int, note: Callable[[int], None]) -> None:
    """Add a file's bytes from a position on to another; after each step `note` is told where that one ends."""
    end = os.fstat(target).st_size
    while count := os.copy_file_range(source, target, COPY_BYTES, position, end):
        position, end = position + count, end + count
        note(end)


def _read(read_into: ReadInto, buffer: memoryview) -> tuple[int, Exception | None]:
    """Fill memory as far as there are bytes; return how many, and what kept more from coming."""
    count = 0
    try:
        while count < len(buffer) and (more := read_into(buffer[count:])):
            count += more
    except ConnectionError as fault:
        return count, fault
    return count, None


def _buffer_of_thread() -> memoryview:
    """Return memory that the calling thread alone uses."""
    if not hasattr(_threads, "buffer"):
        _threads.buffer = memoryview(bytearray(STEP_BYTES))
    buffer: memoryview = _threads.buffer
    return buffer
