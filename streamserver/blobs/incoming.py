"""Files that grow as bytes come in, in several goes: the length of the file is the only record of how many.

Each is written by one writer, who holds a lock on it (flock) that ends with his process, whatever ends that. All
work on files is done by a few threads of its own: waiting for a disk, they keep nobody else from theirs. Bytes
that come fast are moved by no more threads than half of the processors, which leaves the others to viewers.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final

from streamserver.blobs.digests import Digest
from streamserver.blobs.filling import copy, fill, write
from streamserver.blobs.keys import is_part
from streamserver.blobs.locking import durable_size, explained, open_locked, remove_left, sizes_in
from streamserver.blobs.moving import move, sync_folder
from streamserver.blobs.threads import YieldingThreads, processors
from streamserver.blobs.writeback import start_writing
from streamserver.errors import NotFound, StreamserverError
from streamserver.ports import Incoming, ReadInto

GATHERED_BYTES: Final = 1024 * 1024
"""A thread is woken once for so many bytes; while it writes them, as many more are gathered."""
STEP_BYTES: Final = 8 * 1024 * 1024
"""The most that waits to be written to the disk."""
THREADS: Final = 4


class IncomingFolder:
    """The folder of files that grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self.threads = YieldingThreads(THREADS, "incoming")
        """Where work on files is done."""
        self.movers = YieldingThreads(min(THREADS, max(1, processors() // 2)), "moving")
        """Where bytes come in as fast as they can."""
        self._digests: dict[str, Digest] = {}

    def close(self) -> None:
        """Let go of the threads."""
        self.threads.shutdown(wait=False)
        self.movers.shutdown(wait=False)

    async def open(self, name: str, final_path: Callable[[str], Path]) -> "LocalIncoming":
        """Return a file that is locked for the caller, who has to leave it; an empty one where there is none."""
        path = self._path(name)
        opening = asyncio.ensure_future(self.threads.run(open_locked, path))
        try:
            descriptor, size_bytes = await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})
            if not opening.exception():
                os.close(opening.result()[0])  # nobody else would let go of the lock
            raise
        digest = self.digest(name)
        digest.restart(size_bytes)
        return LocalIncoming(self, path, (descriptor, size_bytes), digest=digest, final_path=final_path)

    async def size(self, name: str) -> int:
        """Return how much of a file is durable."""
        return await self.threads.run(durable_size, self._path(name))

    async def sizes(self) -> Mapping[str, int]:
        """Return the lengths of all files."""
        return await self.threads.run(sizes_in, self._folder)

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """Remove files that are neither known nor being written; name them."""
        removed = []
        for name in sorted(await self.sizes()):
            if not await is_known(name) and await self.threads.run(remove_left, self._folder / name):
                self.forget(name)
                removed.append(name)
        return removed

    def digest(self, name: str) -> Digest:
        """Return the digest of a file, as far as its bytes came in order."""
        return self._digests.setdefault(name, Digest())

    def forget(self, name: str) -> None:
        """Know that a file is gone."""
        self._digests.pop(name, None)

    def _path(self, name: str) -> Path:
        if not is_part(name):
            raise NotFound
        return self._folder / name


class LocalIncoming:
    """`Incoming` in a file that its writer keeps locked."""

    def __init__(
        self,
        folder: IncomingFolder,
        path: Path,
        opened: tuple[int, int],
        *,
        digest: Digest,
        final_path: Callable[[str], Path],
    ) -> None:
        self._folder = folder
        self._path = path
        self._fd, self._size_bytes = opened
        self._durable_bytes = self._begun_bytes = self._size_bytes
        self._digest = digest
        self._final_path = final_path
        self._gathered = bytearray()
        self._flushing: asyncio.Task[None] | None = None
        self._is_followed = False
        self._following: Future[None] | None = None
        self._turn = threading.Lock()
        self._is_there = True

    @property
    def size_bytes(self) -> int:
        """See `Incoming.size_bytes`."""
        return self._size_bytes

    async def write(self, chunk: bytes) -> None:
        """See `Incoming.write`."""
        self._gathered += chunk
        self._size_bytes += len(chunk)
        if len(self._gathered) >= GATHERED_BYTES:
            await self._flushed()
            gathered, self._gathered = self._gathered, bytearray()
            self._flushing = asyncio.create_task(self._folder.threads.run(self._append, gathered))

    async def fill(self, read_into: ReadInto) -> int:
        """See `Incoming.fill`."""
        await self.flush()
        before = self._size_bytes
        await self._folder.movers.run(self._fill, read_into)
        return self._size_bytes - before

    async def join(self, other: Incoming, position: int = 0) -> None:
        """See `Incoming.join`."""
        if not isinstance(other, LocalIncoming):
            raise TypeError(other)
        await self.flush()
        await self._folder.movers.run(self._copy, await other.descriptor(), position)

    async def sync(self) -> None:
        """See `Incoming.sync`."""
        await self.flush()
        await self._folder.threads.run(self._sync)

    async def read(self, position: int, count: int) -> bytes:
        """See `Incoming.read`."""
        await self.flush()
        return await self._folder.threads.run(os.pread, self._fd, count, position)

    def follow(self) -> None:
        """See `Incoming.follow`; it is done in another thread."""
        self._is_followed = True

    async def sha256(self) -> str:
        """See `Incoming.sha256`."""
        await self.flush()
        while await self._folder.threads.run(self._is_digest_behind):
            pass
        return self._digest.hexdigest()

    async def keep(self, key: str) -> None:
        """See `Incoming.keep`."""
        target = self._final_path(key)
        await self.sync()
        await self._folder.threads.run(self._keep, target)
        self._folder.forget(self._path.name)

    async def clear(self) -> None:
        """See `Incoming.clear`."""
        await self._drop_flushing()
        self._gathered.clear()
        await self._folder.threads.run(self._clear)

    async def discard(self) -> None:
        """See `Incoming.discard`."""
        await self._drop_flushing()
        self._gathered.clear()
        if self._is_there:
            await self._folder.threads.run(self._path.unlink)
            self._is_there = False
            self._folder.forget(self._path.name)

    async def descriptor(self) -> int:
        """Return a descriptor from which all can be read that was written."""
        await self.flush()
        return self._fd

    async def flush(self) -> None:
        """Hand all that was written to the system."""
        await self._flushed()
        if self._gathered:
            gathered, self._gathered = self._gathered, bytearray()
            await self._folder.threads.run(self._append, gathered)

    async def leave(self) -> None:
        """Make durable what can be, and let go of the lock."""
        try:
            if self._is_there:
                with suppress(StreamserverError):
                    await self.sync()
        finally:
            await self._drop_flushing()
            if self._following is not None:
                await asyncio.wait({asyncio.wrap_future(self._following)})
            await self._folder.threads.run(os.close, self._fd)

    async def _flushed(self) -> None:
        """Wait for the thread that is writing; raise what it raised."""
        if self._flushing is not None:
            flushing, self._flushing = self._flushing, None
            try:
                await flushing
            except StreamserverError:
                self._drop_gathered()  # what has come since belongs behind what was lost
                raise

    async def _drop_flushing(self) -> None:
        with suppress(StreamserverError):
            await self._flushed()

    def _append(self, gathered: bytearray) -> None:
        with self._turn:
            position = os.fstat(self._fd).st_size
            try:
                with explained():
                    self._begin_to_write(write(self._fd, memoryview(gathered), position))
            except StreamserverError:
                self._drop_gathered()
                raise
            if self._is_followed:
                self._digest.take_in(position, memoryview(gathered))

    def _fill(self, read_into: ReadInto) -> None:
        with self._turn:
            try:
                with explained():
                    fill(self._fd, os.fstat(self._fd).st_size, read_into, lambda end, _: self._note(end))
            finally:
                self._size_bytes = os.fstat(self._fd).st_size

    def _note(self, size_bytes: int) -> None:
        """Have the disk and the digest busy with what there is while more is coming."""
        self._size_bytes = size_bytes
        is_idle = self._following is None or self._following.done()
        if self._begin_to_write(size_bytes) and self._is_followed and is_idle:
            self._following = self._folder.threads.submit(self._follow)

    def _begin_to_write(self, size_bytes: int) -> bool:
        """Have a step go to the disk, if there is one: whoever wants all durable then waits for the rest only."""
        self._begun_bytes = min(self._begun_bytes, size_bytes)
        if size_bytes - self._begun_bytes < STEP_BYTES:
            return False
        start_writing(self._fd, self._begun_bytes, size_bytes - self._begun_bytes)
        self._begun_bytes = size_bytes
        return True

    def _follow(self) -> None:
        with suppress(OSError):  # who asks for the digest meets the fault again
            self._digest.follow(self._fd, self._size_bytes)

    def _copy(self, source: int, position: int) -> None:
        with self._turn, explained():
            copy(source, position, self._fd, self._note)

    def _sync(self) -> None:
        with self._turn:
            size_bytes = os.fstat(self._fd).st_size
            try:
                with explained():
                    os.fdatasync(self._fd)
                    if not self._durable_bytes:
                        sync_folder(self._path.parent)
            except StreamserverError:
                # The next one may succeed although the system has dropped what it could not write (fsync(2)).
                os.ftruncate(self._fd, self._durable_bytes)
                self._digest.restart(self._durable_bytes)
                self._drop_gathered()
                raise
            self._durable_bytes = size_bytes

    def _clear(self) -> None:
        with self._turn, explained():
            os.ftruncate(self._fd, 0)
            self._digest.restart(0)
            self._size_bytes = self._durable_bytes = 0

    def _drop_gathered(self) -> None:
        """Be as long as the file is, after the storage has failed."""
        self._gathered = bytearray()
        self._size_bytes = os.fstat(self._fd).st_size

    def _keep(self, target: Path) -> None:
        with self._turn, explained():
            os.fsync(self._fd)
            move(self._path, target)
            self._is_there = False
            sync_folder(target.parent)
            sync_folder(target.parent.parent)

    def _is_digest_behind(self) -> bool:
        with explained():
            return self._digest.follow(self._fd, os.fstat(self._fd).st_size)
