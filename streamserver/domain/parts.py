"""Files that come in parts, in any order: how they are cut, and what is still missing.

The limits are those of S3 ("Amazon S3 multipart upload limits"), with a larger least size, so that they hold for
every storage alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streamserver.errors import BadInput, ChecksumMismatch, Incomplete, NotFound, TooLarge

LEAST_PART_BYTES = 16 * 2**20
"""Of all parts but the last."""
MOST_PART_BYTES = 5 * 2**30
MOST_PARTS = 10_000
USUAL_PART_BYTES = 64 * 2**20
"""Small enough to be sent again after a fault, large enough to be fast. What fits in one needs no parts."""
MANY = 10
"""Numbers that one sentence names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a file."""

    number: int
    """From 1 on."""
    position: int
    """Where in the file it begins, in bytes."""
    size_bytes: int
    """How long it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A part that is durable."""

    number: int
    """From 1 on."""
    size_bytes: int
    """How long it is."""
    etag: str
    """Made from its bytes by the storage, without quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How a file is cut into parts."""

    length_bytes: int
    """Of the whole."""
    part_bytes: int
    """Of every part but the last."""

    @property
    def count(self) -> int:
        """How many parts there are; 1 where the file is sent in one piece."""
        return -(-self.length_bytes // self.part_bytes)

    def part(self, number: int) -> Part:
        """Return a part; `NotFound` where the file has none of this number."""
        if not 1 <= number <= self.count:
            raise NotFound(f"There is no part {number}; the parts are numbered from 1 to {self.count}.")
        position = (number - 1) * self.part_bytes
        return Part(
            number=number,
            position=position,
            size_bytes=min(self.part_bytes, self.length_bytes - position),
        )

    def parts(self) -> tuple[Part, ...]:
        """Return all parts, in order."""
        return tuple(self.part(number) for number in range(1, self.count + 1))

    def missing(self, stored: Iterable[StoredPart]) -> tuple[Part, ...]:
        """Return the parts that are not there, or not in their length."""
        there = {part.number: part.size_bytes for part in stored}
        return tuple(part for part in self.parts() if there.get(part.number) != part.size_bytes)


def cut(length_bytes: int, part_bytes: int | None = None) -> Cut:
    """Cut a file into parts, of a length that is wished or of the usual one; `BadInput` where that cannot be."""
    least = max(LEAST_PART_BYTES, -(-length_bytes // MOST_PARTS))
    if length_bytes < 1 or least > MOST_PART_BYTES:
        raise BadInput(f"The size_bytes must be from 1 to {MOST_PARTS * MOST_PART_BYTES}.")
    if part_bytes is None:
        part_bytes = max(USUAL_PART_BYTES, least)
    elif not least <= part_bytes <= MOST_PART_BYTES:
        raise BadInput(f"The part_bytes must be from {least} to {MOST_PART_BYTES} for a file of this size.")
    return Cut(length_bytes=length_bytes, part_bytes=part_bytes)


def check_size(part: Part, size_bytes: int, *, is_end: bool) -> None:
    """Return if so many bytes of a part may have come; at its end, or before that.

    Raises `TooLarge` for more than it has, and `BadInput` where it ended too soon.
    """
    if size_bytes > part.size_bytes:
        raise TooLarge(f"Part {part.number} has {part.size_bytes} bytes; there came more.")
    if is_end and size_bytes < part.size_bytes:
        raise BadInput(f"Part {part.number} has {part.size_bytes} bytes; there came only {size_bytes}.")


def check_complete(cut: Cut, stored: Iterable[StoredPart], etags: Mapping[int, str]) -> None:
    """Return if every part is there, and is the one that was sent as far as its sender names ETags.

    Raises `Incomplete` or `ChecksumMismatch` with the numbers of the parts to be sent (again), and `BadInput` for
    an ETag of a part that the file does not have.
    """
    there = {part.number: part for part in stored}
    missing = cut.missing(there.values())
    if missing:
        raise Incomplete(f"Not all parts are here; please send {_named(part.number for part in missing)}.")
    unknown = etags.keys() - there.keys()
    if unknown:
        raise BadInput(f"There is no {_named(unknown)}; the parts are numbered from 1 to {cut.count}.")
    differing = [number for number, etag in etags.items() if there[number].etag != etag.strip('"')]
    if differing:
        raise ChecksumMismatch(f"What is here differs from what was sent; please send {_named(differing)} again.")


def _named(numbers: Iterable[int]) -> str:
    every = sorted(numbers)
    named = [str(number) for number in every[:MANY]]
    if len(every) > MANY:
        named.append(f"{len(every) - MANY} more")
    *others, last = named
    return f"part{'s' if others else ''} {' and '.join([', '.join(others), last] if others else [last])}"
