"""Whose fault it was that ffmpeg ended as it did: the source's, ours, or the machine's."""

import signal
from typing import Final

from streamserver.errors import (
    EncoderFault,
    EncoderHung,
    EncoderKilled,
    EncoderStalled,
    EncodingFailed,
    MachineFault,
    OutOfMemory,
    OutOfRoom,
    SourceFault,
)

NOT_STARTED: Final = "cannot be started"
"""What the launcher says of a program that is not there."""
NO_ROOM: Final = ("No space left on device", "Disk quota exceeded", "File too large")
NO_SANDBOX: Final = "bwrap: "
"""What bubblewrap says first, where the program that it is put around has not begun."""
NO_BOUND: Final = "is not started, for a bound cannot be had"
"""What the launcher says where the kernel refuses what a sandbox is made of."""
NO_THREAD: Final = "Resource temporarily unavailable"
NO_MEMORY: Final = ("Cannot allocate memory", "malloc of size", "MemoryError", NO_THREAD)
NOT_OPENED: Final = ("Error while opening encoder",)
"""What it is asked for is always possible: it lacks memory or threads, of which it says nothing more."""
NO_PLACE: Final = ("': error opening: ",)
"""Where a file cannot be opened for writing, the source is not to blame that nothing was written."""
NO_STORAGE: Final = ("Read-only file system", "Stale file handle", "Too many open files")
"""What a source cannot bring about."""
SOURCE_COMPLAINTS: Final = (
    "Invalid data found when processing input",
    "moov atom not found",
    "Error while decoding stream",
    "Nothing was written into output file",
    "does not contain any stream",
)
"""What ffmpeg says when it is the source that cannot be used."""
DAMAGED: Final = "The video is damaged: the encoder cannot make sense of it."
TOO_DEMANDING: Final = "The video needs more processor time or room than this server grants it."
OVERSTEPPED: Final = frozenset({signal.SIGXCPU, signal.SIGXFSZ})
"""The kernel's way to say that a limit was reached which was set for this one process."""
FROM_OUTSIDE: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""No program does this to itself."""
ASKED_TO_END: Final = 255
"""ffmpeg's exit code after SIGTERM or SIGINT, about which it does not always complain."""
HEARD_TOO_OFTEN: Final = 123
"""ffmpeg's exit code after the fourth signal to end. Only the kernel insists: with SIGXCPU, once a second."""
INTERRUPTED: Final = "Immediate exit requested"
"""What ffmpeg says where a signal caught it in the middle of something."""
BUSY_SHARE: Final = 0.25
"""Of one processor: what works gets more, on a machine that has any to give."""
SHELL_OFFSET: Final = 128
"""A program that waits for another passes on the signal that ended it as an exit code above this."""


def verdict(code: int, complaints: str, *, is_spent: bool = False) -> EncodingFailed | None:
    """Return what an exit code (negative: the signal) and the complaints before it mean; None for a good end.

    `is_spent` tells that the processor time which was granted is used up. ffmpeg takes SIGXCPU for a wish that it
    end, and the kernel kills what is deaf to it: neither shows in how it ended.
    """
    if code == 0:
        return None
    by_signal = _signal(code)
    if by_signal in OVERSTEPPED or code == HEARD_TOO_OFTEN:
        return SourceFault(TOO_DEMANDING)
    if by_signal in FROM_OUTSIDE or (code == ASKED_TO_END and (not complaints or INTERRUPTED in complaints)):
        return SourceFault(TOO_DEMANDING) if is_spent else EncoderKilled()
    return _by_complaints(complaints, crashed=by_signal is not None)


def stall_verdict(seconds: float, cpu_seconds: float, *, at_seconds: float = 0.0) -> EncodingFailed:
    """Return what it means that a program got no further for so long, and took so much processor time meanwhile.

    Who works is lost in the source; who does not waits for a disk that hangs, or was stopped.
    """
    if cpu_seconds >= BUSY_SHARE * seconds:
        return EncoderStalled()
    return EncoderHung(at_seconds=at_seconds)


def is_not_the_file(failure: EncodingFailed, complaints: str) -> bool:
    """Tell whether a look into a file failed for reasons that do not lie in the file.

    Memory is no such reason: a header alone can ask for more than there is.
    """
    if NOT_STARTED in complaints or NO_THREAD in complaints:
        return True
    return isinstance(failure, MachineFault) and not isinstance(failure, OutOfMemory)


def _by_complaints(complaints: str, *, crashed: bool) -> EncodingFailed:
    if complaints.startswith(NO_SANDBOX) or NO_BOUND in complaints:
        return MachineFault()
    if _has_one_of(NO_ROOM, complaints):
        return OutOfRoom()
    if _has_one_of(NO_MEMORY, complaints):
        return OutOfMemory()
    if _has_one_of((*NOT_OPENED, *NO_STORAGE), complaints):
        return MachineFault()
    is_ours = crashed or _has_one_of(NO_PLACE, complaints)
    if _has_one_of(SOURCE_COMPLAINTS, complaints) and not is_ours:
        return SourceFault(DAMAGED)
    return EncoderFault()


def _has_one_of(known: tuple[str, ...], complaints: str) -> bool:
    return any(complaint in complaints for complaint in known)


def _signal(code: int) -> signal.Signals | None:
    number = -code if code < 0 else code - SHELL_OFFSET
    try:
        return signal.Signals(number)
    except ValueError:
        return None
