"""Whether pages may send bytes to a bucket, and letting them."""

import pytest

from streamserver.bucket.memory import MemoryBucket
from streamserver.clock import SystemClock
from streamserver.errors import Unavailable
from streamserver.flows.bucket_rules import look_at_bucket


@pytest.mark.parametrize(
    ("before", "wanted", "sentence"),
    [
        ([], ["*"], "every origin"),
        (["https://a.example"], ["*"], "every origin"),
        ([], ["https://b.example", "https://a.example"], "https://a.example and https://b.example"),
        (["https://a.example"], ["https://b.example", "https://a.example"], "https://b.example"),
    ],
)
async def test_pages_that_are_not_let_in_are_told(before: list[str], wanted: list[str], sentence: str) -> None:
    """With what mends it, which does: afterwards all is well, also for who does not ask to have it mended."""
    bucket = MemoryBucket(SystemClock())
    await bucket.allow_origins(before)
    with pytest.raises(Unavailable, match=f"not by pages of {sentence.replace('*', '.')}: .* check --fix"):
        await look_at_bucket(bucket, wanted, fix=False)
    assert await bucket.origins() == frozenset(before)
    assert (await look_at_bucket(bucket, wanted, fix=True)).endswith(", from now on")
    assert await bucket.origins() == frozenset(wanted)
    assert "from now on" not in await look_at_bucket(bucket, wanted, fix=False)


@pytest.mark.parametrize("before", [["*"], ["https://a.example", "https://b.example"], ["*", "https://c.example"]])
async def test_what_is_allowed_stays(before: list[str]) -> None:
    """There is nothing to mend where more is allowed than is wanted."""
    bucket = MemoryBucket(SystemClock())
    await bucket.allow_origins(before)
    assert await look_at_bucket(bucket, ["https://a.example"], fix=True) == (
        "objects can be stored, also by pages of https://a.example"
    )
    assert await bucket.origins() == frozenset(before)
