"""What ffmpeg's end means."""

import signal

import pytest

from streamserver.encoder.verdict import stall_verdict, verdict

DAMAGED = "source: Invalid data found when processing input"
NO_PLACE = "Slave '[f=mp4]/a.mp4': error opening: No such file or directory\nNothing was written into output file"
NOT_OPENED = "Error while opening encoder - maybe incorrect parameters\nNothing was written into output file"
INTERRUPTED = "Error submitting a packet to the muxer: Immediate exit requested"
FULL = "av_interleaved_write_frame(): No space left on device"


@pytest.mark.parametrize(
    ("exit_code", "complaints", "code"),
    [
        (183, DAMAGED, "source_unusable"),
        (1, "Nothing was written into output file", "source_unusable"),
        (1, "", "encoder_failed"),
        (254, "Error opening output", "encoder_failed"),
        (254, NO_PLACE, "encoder_failed"),
        (228, FULL, "out_of_room"),
        (1, f"{DAMAGED}\n{FULL}", "out_of_room"),
        (1, "Error: Disk quota exceeded", "out_of_room"),
        (229, "Error submitting a packet to the muxer: File too large", "out_of_room"),
        (226, f"{NO_PLACE}: Read-only file system", "machine_failed"),
        (1, "Error opening output: Too many open files", "machine_failed"),
        (244, "Error initializing: Cannot allocate memory", "out_of_memory"),
        (1, "x264 [error]: malloc of size 99999 failed", "out_of_memory"),
        (187, NOT_OPENED, "machine_failed"),
        (187, f"x264 [error]: malloc of size 99999 failed\n{NOT_OPENED}", "out_of_memory"),
        (-signal.SIGKILL, "", "encoder_killed"),
        (-signal.SIGKILL, DAMAGED, "encoder_killed"),
        (128 + signal.SIGKILL, "", "encoder_killed"),
        (-signal.SIGTERM, "", "encoder_killed"),
        (255, "", "encoder_killed"),
        (255, INTERRUPTED, "encoder_killed"),
        (255, "Operation not permitted", "encoder_failed"),
        (123, "Received > 3 system signals, hard exiting", "source_unusable"),
        (123, f"{INTERRUPTED}\nReceived > 3 system signals, hard exiting", "source_unusable"),
        (-signal.SIGSEGV, "", "encoder_failed"),
        (-signal.SIGSEGV, DAMAGED, "encoder_failed"),
        (128 + signal.SIGABRT, DAMAGED, "encoder_failed"),
        (1, "bwrap: No permissions to create new namespace", "machine_failed"),
        (1, f"{DAMAGED}\nbwrap: ", "source_unusable"),
        (1, "/usr/bin/bwrap is not started, for a bound cannot be had: Operation not permitted", "machine_failed"),
        (-signal.SIGXCPU, "", "source_unusable"),
        (128 + signal.SIGXFSZ, "", "source_unusable"),
    ],
)
def test_whose_fault_it_is(exit_code: int, complaints: str, code: str) -> None:
    """What the machine lacks counts before what the source is blamed for, and a crash is never the source's."""
    failure = verdict(exit_code, complaints)
    assert failure is not None
    assert failure.code == code


def test_complaints_alone_are_no_failure() -> None:
    """What ffmpeg got over does no harm."""
    assert verdict(0, f"{DAMAGED}\n{FULL}") is None


@pytest.mark.parametrize(
    ("cpu_seconds", "code"),
    [(0.0, "encoder_hung"), (14.9, "encoder_hung"), (15.0, "encoder_stalled"), (110.0, "encoder_stalled")],
)
def test_who_gets_no_further(cpu_seconds: float, code: str) -> None:
    """Whoever waits does so for the machine; whoever works is lost in the source."""
    assert stall_verdict(60.0, cpu_seconds).code == code
