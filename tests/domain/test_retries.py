"""How long a job waits until it is tried again."""

import pytest

from streamserver.domain.retries import LONGEST_SECONDS, Retries


@pytest.mark.parametrize(
    ("failures", "wait_seconds"), [(1, 5), (2, 20), (3, 80), (4, 320), (5, 1280), (6, None), (100, None)]
)
def test_each_wait_is_longer_until_it_is_given_up(failures: int, wait_seconds: float | None) -> None:
    """By default six attempts within half an hour."""
    assert Retries().wait_seconds(failures) == wait_seconds


def test_no_wait_is_endless() -> None:
    """However often it failed, it is tried again within an hour."""
    assert Retries(limit=1000).wait_seconds(1000) == LONGEST_SECONDS


def test_never_again() -> None:
    """With a limit of 0 the first failure is the last."""
    assert Retries(limit=0).wait_seconds(1) is None
