"""Whose fault it is that a job cannot go on: what was raised, as a reason for people."""

import errno
from typing import Final

from streamserver.errors import (
    CatalogAway,
    EncoderFault,
    EncoderHung,
    EncoderStalled,
    EncodingFailed,
    MachineFault,
    OutOfMemory,
    OutOfRoom,
    StorageFault,
    StorageFull,
    Unavailable,
)

BY_KIND: Final[dict[type[Exception], type[EncodingFailed]]] = {
    StorageFull: OutOfRoom,  # before what it is a kind of
    StorageFault: MachineFault,
    Unavailable: CatalogAway,
    MemoryError: OutOfMemory,
}
BY_NUMBER: Final[dict[int | None, type[EncodingFailed]]] = {
    errno.ENOSPC: OutOfRoom,
    errno.EDQUOT: OutOfRoom,
    errno.EFBIG: OutOfRoom,
    errno.ENOMEM: OutOfMemory,
    errno.EAGAIN: OutOfMemory,  # fork(2), where there may be no more processes
    errno.EIO: MachineFault,
    errno.EMFILE: MachineFault,
    errno.ENFILE: MachineFault,
    errno.EROFS: MachineFault,
    errno.ESTALE: MachineFault,
    -1: MachineFault,  # of uvloop, where a program that is to be started can have no descriptor
}


SAME_PLACE_SECONDS: Final = 10.0
"""Of the source: an encoder tells how far it is twice a second, and may do ten of them in that time."""


def failure_of(error: Exception) -> EncodingFailed:
    """Return the reason that an exception is; what nobody foresaw counts as ours."""
    if isinstance(error, EncodingFailed):
        return error
    if isinstance(error, OSError):
        return BY_NUMBER.get(error.errno, EncoderFault)()
    return next((reason for kind, reason in BY_KIND.items() if isinstance(error, kind)), EncoderFault)()


def judge_hang(hang: EncoderHung, before_seconds: float | None) -> EncodingFailed:
    """Return whose fault it is that an encoder stood still, given where it did so the last time, if it did.

    A machine that hangs does so anywhere; it is the source where an encoder comes to rest at one place again and
    again. Before the first picture there is no place to know again.
    """
    at_seconds = hang.at_seconds
    if not at_seconds or before_seconds is None or abs(at_seconds - before_seconds) > SAME_PLACE_SECONDS:
        return hang
    return EncoderStalled(
        f"The encoder came to a standstill twice, both times {at_seconds:.0f} seconds into the video."
    )
