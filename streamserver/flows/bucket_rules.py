"""Whether pages may send bytes to the bucket, and letting them."""

from collections.abc import Iterable

from streamserver.domain.buckets import EVERY_ORIGIN
from streamserver.errors import Unavailable
from streamserver.ports import Bucket


async def look_at_bucket(bucket: Bucket, origins: Iterable[str], *, fix: bool) -> str:
    """Say that a bucket can be used, and from which origins' pages; with `fix`, let them first where they may not.

    Raises `Unavailable` with a sentence for what is amiss.
    """
    wanted = frozenset(origins)
    await bucket.check()
    is_fixed = fix and not _covers(await bucket.origins(), wanted)
    if is_fixed:
        await bucket.allow_origins(wanted)
    allowed = await bucket.origins()
    if not _covers(allowed, wanted):
        missing = _named(wanted - allowed)
        raise Unavailable(
            f"Objects can be stored, but not by pages of {missing}: the bucket does not allow it (CORS). "
            "`streamserver check --fix` lets it."
        )
    return f"objects can be stored, also by pages of {_named(wanted)}{', from now on' if is_fixed else ''}"


def _covers(allowed: frozenset[str], wanted: frozenset[str]) -> bool:
    return EVERY_ORIGIN in allowed or wanted <= allowed


def _named(origins: Iterable[str]) -> str:
    return " and ".join("every origin" if origin == EVERY_ORIGIN else origin for origin in sorted(origins))
