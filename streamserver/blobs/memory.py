"""Blobs in memory files of this process (Linux): real descriptors, gone with the process."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamserver.blobs.keys import parts_of
from streamserver.errors import NotFound


@dataclass(frozen=True, slots=True)
class MemoryLease:
    """A blob held open."""

    fd: int

    def current_size(self) -> int:
        """See `Lease.current_size`."""
        return os.fstat(self.fd).st_size

    def is_current(self) -> bool:
        """See `Lease.is_current`; the descriptor is closed with the lease."""
        return False

    def read(self, position: int, count: int) -> bytes:
        """See `Lease.read`."""
        return os.pread(self.fd, count, position)


class MemoryDraft:
    """Bytes that are being received."""

    def __init__(self, kept: dict[str, int], writing: set[str]) -> None:
        self._received = bytearray()
        self._kept = kept
        self._writing = writing
        self.key: str | None = None

    @property
    def size_bytes(self) -> int:
        """See `Draft.size_bytes`."""
        return len(self._received)

    async def write(self, chunk: bytes) -> None:
        """See `Draft.write`."""
        self._received += chunk

    async def keep(self, key: str) -> None:
        """See `Draft.keep`."""
        parts_of(key)
        self.key = key
        self._writing.add(key)
        if key in self._kept:
            os.close(self._kept[key])
        self._kept[key] = os.memfd_create("blob")
        with os.fdopen(os.dup(self._kept[key]), "wb") as file:
            file.write(self._received)


class MemoryBlobs:
    """`Blobs` in a dictionary of memory files."""

    def __init__(self) -> None:
        self._kept: dict[str, int] = {}
        self._writing: set[str] = set()

    async def check(self) -> None:
        """See `Blobs.check`."""

    async def close(self) -> None:
        """See `Blobs.close`."""
        for descriptor in self._kept.values():
            os.close(descriptor)
        self._kept.clear()

    @asynccontextmanager
    async def draft(self) -> AsyncIterator[MemoryDraft]:
        """See `Blobs.draft`."""
        draft = MemoryDraft(self._kept, self._writing)
        try:
            yield draft
        finally:
            self._writing.discard(draft.key or "")

    @contextmanager
    def lease(self, key: str) -> Iterator[MemoryLease]:
        """See `Blobs.lease`."""
        parts_of(key)
        # What was never written to is there only for the encoder that is about to.
        if key not in self._kept or not os.fstat(self._kept[key]).st_size:
            raise NotFound
        descriptor = os.dup(self._kept[key])
        try:
            yield MemoryLease(descriptor)
        finally:
            os.close(descriptor)

    def path(self, key: str) -> Path:
        """See `Blobs.path`; the path is good inside of this process alone."""
        parts_of(key)
        if key not in self._kept:
            self._kept[key] = os.memfd_create("blob")
        return Path(f"/proc/self/fd/{self._kept[key]}")

    async def settle(self, key: str) -> int:
        """See `Blobs.settle`."""
        with self.lease(key) as lease:
            return lease.current_size()

    async def delete(self, key: str) -> None:
        """See `Blobs.delete`."""
        parts_of(key, at_least=1)
        for known in [known for known in self._kept if known == key or known.startswith(f"{key}/")]:
            os.close(self._kept.pop(known))

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """See `Blobs.sweep`."""
        removed = []
        for folder in sorted({key.split("/")[0] for key in self._kept.keys() - self._writing}):
            is_written = any(key.startswith(f"{folder}/") for key in self._writing)
            if not is_written and not await is_known(folder):
                await self.delete(folder)
                removed.append(folder)
        return removed
