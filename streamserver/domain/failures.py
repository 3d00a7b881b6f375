"""Whose fault it is that a job cannot go on: what was raised, as a reason for people."""

import errno
from typing import Final

from streamserver.errors import (
    CatalogAway,
    EncoderFault,
    EncodingFailed,
    MachineFault,
    OutOfMemory,
    OutOfRoom,
    StorageFull,
    Unavailable,
)

BY_KIND: Final[dict[type[Exception], type[EncodingFailed]]] = {
    StorageFull: OutOfRoom,  # before what it is a kind of
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
}


def failure_of(error: Exception) -> EncodingFailed:
    """Return the reason that an exception is; what nobody foresaw counts as ours."""
    if isinstance(error, EncodingFailed):
        return error
    if isinstance(error, OSError):
        return BY_NUMBER.get(error.errno, EncoderFault)()
    return next((reason for kind, reason in BY_KIND.items() if isinstance(error, kind)), EncoderFault)()
