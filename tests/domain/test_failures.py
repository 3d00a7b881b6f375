"""Whose fault an exception is."""

import errno

import pytest

from streamserver.domain.failures import failure_of, judge_hang
from streamserver.errors import (
    EncoderFault,
    EncoderHung,
    EncoderStalled,
    MachineFault,
    SourceFault,
    StorageFault,
    StorageFull,
    Unavailable,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SourceFault(), "source_unusable"),
        (EncoderStalled(), "encoder_stalled"),
        (StorageFull(), "out_of_room"),
        (StorageFault(), "machine_failed"),
        (Unavailable(), "catalog_away"),
        (MemoryError(), "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "out_of_room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "out_of_room"),
        (BlockingIOError(errno.EAGAIN, "fork: Resource temporarily unavailable"), "out_of_memory"),
        (OSError(errno.EIO, "Input/output error"), "machine_failed"),
        (OSError(-1, "Unknown error -1"), "machine_failed"),
        (FileNotFoundError(errno.ENOENT, "No such file"), "encoder_failed"),
        (ZeroDivisionError(), "encoder_failed"),
    ],
)
def test_every_exception_has_a_reason(error: Exception, code: str) -> None:
    """What the machine lacks is the machine's fault, what nobody foresaw is ours."""
    assert failure_of(error).code == code


def test_a_reason_stays_as_it_is() -> None:
    """The sentence that was found for a failure is kept."""
    fault = SourceFault("The file is incomplete.")
    assert failure_of(fault) is fault


def test_the_machines_faults_are_a_kind() -> None:
    """Only these are tried again by themselves."""
    assert isinstance(failure_of(MemoryError()), MachineFault)
    assert not isinstance(failure_of(ZeroDivisionError()), MachineFault)
    assert isinstance(failure_of(ZeroDivisionError()), EncoderFault)


@pytest.mark.parametrize(
    ("at_seconds", "before_seconds", "code"),
    [
        (0.0, None, "encoder_hung"),
        (0.0, 0.0, "encoder_hung"),  # it never began: nothing is known of a place in the source
        (62.5, None, "encoder_hung"),
        (62.5, 0.0, "encoder_hung"),
        (62.5, 20.0, "encoder_hung"),
        (0.0, 62.5, "encoder_hung"),
        (62.5, 62.5, "encoder_stalled"),
        (62.5, 55.0, "encoder_stalled"),
        (62.5, 70.0, "encoder_stalled"),
    ],
)
def test_where_an_encoder_stands_still(at_seconds: float, before_seconds: float | None, code: str) -> None:
    """Once, or each time somewhere else, it is the machine; twice at one place it is the source."""
    assert judge_hang(EncoderHung(at_seconds=at_seconds), before_seconds).code == code
