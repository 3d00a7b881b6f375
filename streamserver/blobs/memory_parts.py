"""The parts of tests, which show what parts mean."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from streamserver.blobs.keys import is_part
from streamserver.domain.parts import Part, StoredPart, check_size
from streamserver.errors import Locked, NotFound
from streamserver.ports import ReadInto

Kept = dict[int, tuple[Part, bytes]]


class MemoryPartDraft:
    """Bytes of a part that are being received."""

    def __init__(self, part: Part, kept: Kept, is_there: Callable[[], bool]) -> None:
        self._part = part
        self._kept = kept
        self._is_there = is_there
        self._received = bytearray()

    async def write(self, chunk: bytes) -> None:
        """See `PartDraft.write`."""
        check_size(self._part, len(self._received) + len(chunk), is_end=False)
        self._kept.pop(self._part.number, None)
        self._received += chunk

    async def fill(self, read_into: ReadInto) -> int:
        """See `PartDraft.fill`."""
        before, left = len(self._received), self._part.size_bytes - len(self._received)
        check_size(self._part, before + 1, is_end=False)
        self._kept.pop(self._part.number, None)
        room = memoryview(bytearray(65536))
        while count := await asyncio.to_thread(read_into, room[:left]):
            self._received += room[:count]
            left -= count
        return len(self._received) - before

    async def keep(self) -> StoredPart:
        """See `PartDraft.keep`."""
        check_size(self._part, len(self._received), is_end=True)
        if not self._is_there():
            raise NotFound
        self._kept[self._part.number] = (self._part, bytes(self._received))
        return _stored(self._part, self._received)


class MemoryParts:
    """`Parts` in dictionaries, handed over to that of incoming bytes."""

    def __init__(self, incoming: dict[str, bytearray]) -> None:
        self._incoming = incoming
        self._kept: dict[str, Kept] = {}
        self._receiving: set[tuple[str, int]] = set()

    @asynccontextmanager
    async def part(self, name: str, part: Part) -> AsyncIterator[MemoryPartDraft]:
        """See `Parts.part`."""
        claim = (_checked(name), part.number)
        if claim in self._receiving:
            raise Locked
        self._receiving.add(claim)
        kept = self._kept.setdefault(name, {})
        try:
            yield MemoryPartDraft(part, kept, lambda: self._kept.get(name) is kept)
        finally:
            self._receiving.discard(claim)

    async def stored(self, name: str) -> Sequence[StoredPart]:
        """See `Parts.stored`."""
        kept = self._kept.get(_checked(name), {})
        return [_stored(*kept[number]) for number in sorted(kept)]

    async def sizes(self) -> Mapping[str, int]:
        """See `Parts.sizes`."""
        return {name: sum(part.size_bytes for part, _ in kept.values()) for name, kept in self._kept.items()}

    async def sha256(self, name: str) -> str:
        """See `Parts.sha256`."""
        if _checked(name) in {receiving for receiving, _ in self._receiving}:
            raise Locked
        kept = self._kept.get(name, {})
        return hashlib.sha256(b"".join(kept[number][1] for number in sorted(kept))).hexdigest()

    async def hand_over(self, name: str) -> None:
        """See `Parts.hand_over`."""
        if _checked(name) in {receiving for receiving, _ in self._receiving}:
            raise Locked
        if name in self._kept:
            kept = self._kept.pop(name)
            self._incoming[name] = bytearray(b"".join(kept[number][1] for number in sorted(kept)))

    async def delete(self, name: str) -> None:
        """See `Parts.delete`."""
        self._kept.pop(_checked(name), None)

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """See `Parts.sweep`."""
        removed = [name for name in sorted(self._kept) if not await is_known(name)]
        for name in removed:
            await self.delete(name)
        return removed


def _stored(part: Part, content: bytes | bytearray) -> StoredPart:
    return StoredPart(number=part.number, size_bytes=part.size_bytes, etag=hashlib.sha256(content).hexdigest())


def _checked(name: str) -> str:
    if not is_part(name):
        raise NotFound
    return name
