"""Blobs in memory files of this process (Linux): real descriptors, gone with the process."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamserver.blobs.keys import is_part, parts_of
from streamserver.blobs.memory_parts import MemoryParts
from streamserver.errors import Locked, NotFound
from streamserver.ports import Incoming, ReadInto


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

    def __init__(self, keep: Callable[[str, bytes], None]) -> None:
        self._received = bytearray()
        self._keep = keep
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
        self._keep(key, bytes(self._received))
        self.key = key


class MemoryIncoming:
    """Bytes that come in several goes."""

    def __init__(self, name: str, uploads: dict[str, bytearray], keep: Callable[[str, bytes], None]) -> None:
        self._name = name
        self._uploads = uploads
        self._keep = keep
        self._received = uploads.setdefault(name, bytearray())
        self.key: str | None = None

    @property
    def size_bytes(self) -> int:
        """See `Incoming.size_bytes`."""
        return len(self._received)

    async def write(self, chunk: bytes) -> None:
        """See `Incoming.write`."""
        self._received += chunk

    async def fill(self, read_into: ReadInto) -> int:
        """See `Incoming.fill`."""
        before, room = len(self._received), memoryview(bytearray(65536))
        while count := await asyncio.to_thread(read_into, room):
            self._received += room[:count]
        return len(self._received) - before

    async def join(self, other: Incoming, position: int = 0) -> None:
        """See `Incoming.join`."""
        self._received += await other.read(position, other.size_bytes)

    async def sync(self) -> None:
        """See `Incoming.sync`."""

    async def read(self, position: int, count: int) -> bytes:
        """See `Incoming.read`."""
        return bytes(self._received[position : position + count])

    def follow(self) -> None:
        """See `Incoming.follow`."""

    async def sha256(self) -> str:
        """See `Incoming.sha256`."""
        return hashlib.sha256(self._received).hexdigest()

    async def keep(self, key: str) -> None:
        """See `Incoming.keep`."""
        self._keep(key, bytes(self._received))
        self.key = key
        await self.discard()

    async def clear(self) -> None:
        """See `Incoming.clear`."""
        self._received.clear()

    async def discard(self) -> None:
        """See `Incoming.discard`."""
        self._uploads.pop(self._name, None)


class MemoryBlobs:
    """`Blobs` in a dictionary of memory files."""

    def __init__(self, *, room_bytes: int | None = None) -> None:
        self._kept: dict[str, int] = {}
        self._writing: set[str] = set()
        self._uploads: dict[str, bytearray] = {}
        self.parts = MemoryParts(self._uploads)
        self._held: set[str] = set()
        self._room_bytes = room_bytes

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
        draft = MemoryDraft(self._keep)
        try:
            yield draft
        finally:
            self._writing.discard(draft.key or "")

    @asynccontextmanager
    async def incoming(self, name: str) -> AsyncIterator[MemoryIncoming]:
        """See `Blobs.incoming`."""
        if not is_part(name):
            raise NotFound
        if name in self._held:
            raise Locked
        self._held.add(name)
        incoming = MemoryIncoming(name, self._uploads, self._keep)
        try:
            yield incoming
        finally:
            self._held.discard(name)
            self._writing.discard(incoming.key or "")

    async def incoming_size(self, name: str) -> int:
        """See `Blobs.incoming_size`."""
        if not is_part(name):
            raise NotFound
        return len(self._uploads.get(name, b""))

    async def incoming_sizes(self) -> Mapping[str, int]:
        """See `Blobs.incoming_sizes`."""
        whole = {name: len(received) for name, received in self._uploads.items()}
        return {**await self.parts.sizes(), **whole}

    async def room_bytes(self) -> int | None:
        """See `Blobs.room_bytes`."""
        return self._room_bytes

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
        removed = await self.parts.sweep(is_known)
        for name in sorted(self._uploads.keys() - self._held):
            if not await is_known(name):
                del self._uploads[name]
                removed.append(name)
        for folder in sorted({key.split("/")[0] for key in self._kept.keys() - self._writing}):
            is_written = any(key.startswith(f"{folder}/") for key in self._writing)
            if not is_written and not await is_known(folder):
                await self.delete(folder)
                removed.append(folder)
        return removed

    def _keep(self, key: str, content: bytes) -> None:
        parts_of(key)
        self._writing.add(key)
        if key in self._kept:
            os.close(self._kept[key])
        self._kept[key] = os.memfd_create("blob")
        with os.fdopen(os.dup(self._kept[key]), "wb") as file:
            file.write(content)
