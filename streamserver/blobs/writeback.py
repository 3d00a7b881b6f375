"""Having the system write to the disk what a file was given, long before anybody waits for it."""

import ctypes
import sys
from collections.abc import Callable

_START = 2  # SYNC_FILE_RANGE_WRITE


def _load() -> Callable[[int, int, int, int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        call = ctypes.CDLL(None).sync_file_range
    except AttributeError:  # there are C libraries without it
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return call


_sync_file_range = _load()


def start_writing(descriptor: int, position: int, count: int) -> None:
    """Have bytes of a file go to the disk from now on (sync_file_range(2)).

    They are durable only after an `fdatasync`, which then has less to wait for, and tells of what went wrong.
    """
    if _sync_file_range is not None:
        _sync_file_range(descriptor, position, count, _START)
