"""Incoming bytes in parts that come in any order, several at a time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from streamserver.domain.parts import Part, StoredPart
from streamserver.ports.reading import ReadInto


class PartDraft(Protocol):
    """A part that is being received. It is not there when the draft is left, unless it was kept."""

    async def write(self, chunk: bytes) -> None:
        """Add bytes; raise `TooLarge` beyond the part's end, otherwise as `Incoming.write` does."""

    async def fill(self, read_into: ReadInto) -> int:
        """Add what a thread reads, up to the part's end, as `Incoming.fill` does; return how much that was.

        Raises `TooLarge` at that end, which is where nothing more may come.
        """

    async def keep(self) -> StoredPart:
        """Make the part durable and known, and return once it is.

        Raises `BadInput` where bytes are missing, and `NotFound` where the whole was deleted meanwhile.
        """


class Parts(Protocol):
    """What has come of files in parts. The names are those of incoming bytes (`Blobs`)."""

    def part(self, name: str, part: Part) -> AbstractAsyncContextManager[PartDraft]:
        """Begin to receive a part, in place of one that may be there.

        Raises `Locked` while the same part is being received, or the whole handed over.
        """

    async def stored(self, name: str) -> Sequence[StoredPart]:
        """Return the parts that are there, in order of their numbers; the ETag is the SHA-256 in hexadecimal."""

    async def sizes(self) -> Mapping[str, int]:
        """Return how many bytes are there, by name."""

    async def sha256(self, name: str) -> str:
        """Return the SHA-256 of what all parts are together, in hexadecimal.

        It is for the caller to know that no part is missing. Raises `Locked` while a part is being received; none
        can be meanwhile.
        """

    async def hand_over(self, name: str) -> None:
        """Make of all parts incoming bytes of this name; where that was done before, nothing happens.

        It is for the caller to know that no part is missing. Raises `Locked` while a part is being received.
        """

    async def delete(self, name: str) -> None:
        """Remove what has come; what is not there is ignored."""

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """Remove what has come under names that are not known, and return these."""
