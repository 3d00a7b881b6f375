"""Files that come in parts: each is one file, written at several places at a time.

{name}           the bytes, each part where it belongs; whoever writes a part holds a shared lock on it (flock)
{name}.ledger    a line for each part that is durable: number, length, SHA-256

A part is there when the ledger says so, which is after its bytes are durable; before a part is written over, the
ledger says that it is not there any more. A line that a power cut has torn is not a line.
"""

import asyncio
import fcntl
import hashlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from streamserver.blobs.digests import Digest
from streamserver.blobs.filling import fill, write
from streamserver.blobs.incoming import GATHERED_BYTES, IncomingFolder
from streamserver.blobs.keys import is_part
from streamserver.blobs.locking import explained
from streamserver.blobs.moving import move, sync_folder
from streamserver.domain.parts import Part, StoredPart, check_size
from streamserver.errors import Locked, NotFound
from streamserver.ports import ReadInto

WRITE_BACK_BYTES: Final = 8 * 1024 * 1024
LEDGER: Final = ".ledger"
GONE: Final = "gone"
LINE: Final = re.compile(rf"(\d+) (?:(\d+) ([0-9a-f]{{64}})|{GONE})")


class PartFolder:
    """`Parts` in a folder beside that of incoming bytes, `target`."""

    def __init__(self, folder: Path, incoming: IncomingFolder, target: Path) -> None:
        self._folder = folder
        self._target = target
        self._folder.mkdir(parents=True, exist_ok=True)
        self._incoming = incoming
        self._receiving: set[tuple[str, int]] = set()

    @asynccontextmanager
    async def part(self, name: str, part: Part) -> "AsyncIterator[LocalPartDraft]":
        """See `Parts.part`."""
        path, claim = self._path(name), (name, part.number)
        if claim in self._receiving:
            raise Locked
        self._receiving.add(claim)
        try:
            draft = LocalPartDraft(self._incoming, path, part, await self._open(path, fcntl.LOCK_SH))
            try:
                yield draft
            finally:
                await draft.leave()
        finally:
            self._receiving.discard(claim)

    async def stored(self, name: str) -> Sequence[StoredPart]:
        """See `Parts.stored`."""
        found = await self._incoming.threads.run(_read_ledger, self._path(name))
        return [found[number] for number in sorted(found)]

    async def sizes(self) -> Mapping[str, int]:
        """See `Parts.sizes`."""
        return await self._incoming.threads.run(_sizes, self._folder)

    async def sha256(self, name: str) -> str:
        """See `Parts.sha256`."""
        digest, descriptor = self._incoming.digest(name), await self._open(self._path(name), fcntl.LOCK_EX)
        try:
            while await self._incoming.threads.run(_is_behind, digest, descriptor):
                pass
            return digest.hexdigest()
        finally:
            await self._incoming.threads.run(os.close, descriptor)

    async def hand_over(self, name: str) -> None:
        """See `Parts.hand_over`."""
        await self._incoming.threads.run(_hand_over, self._path(name), self._target / name)

    async def delete(self, name: str) -> None:
        """See `Parts.delete`."""
        await self._incoming.threads.run(_delete, self._path(name))
        self._incoming.forget(name)

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """See `Parts.sweep`."""
        removed = [
            name for name in await self._incoming.threads.run(_names, self._folder) if not await is_known(name)
        ]
        for name in removed:
            await self.delete(name)
        return removed

    async def _open(self, path: Path, lock: int) -> int:
        opening = asyncio.ensure_future(self._incoming.threads.run(_open_locked, path, lock))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})
            if not opening.exception():
                os.close(opening.result())  # nobody else would let go of the lock
            raise

    def _path(self, name: str) -> Path:
        if not is_part(name) or name.endswith(LEDGER):
            raise NotFound
        return self._folder / name


class LocalPartDraft:
    """`PartDraft` at its place in the file."""

    def __init__(self, folder: IncomingFolder, path: Path, part: Part, descriptor: int) -> None:
        self._folder = folder
        self._path = path
        self._part = part
        self._fd = descriptor
        self._gathered = bytearray()
        self._size_bytes = 0
        self._written_bytes = 0
        self._sha256 = hashlib.sha256()
        self._whole = folder.digest(path.name)
        self._written_back_bytes = 0
        self._flushing: asyncio.Task[None] | None = None

    async def write(self, chunk: bytes) -> None:
        """See `PartDraft.write`."""
        self._size_bytes += len(chunk)
        check_size(self._part, self._size_bytes, is_end=False)
        self._gathered += chunk
        if len(self._gathered) >= GATHERED_BYTES:
            await self._flush()

    async def fill(self, read_into: ReadInto) -> int:
        """See `PartDraft.fill`."""
        check_size(self._part, self._size_bytes + 1, is_end=False)
        await self._flush()
        await self._flushed()
        before = self._size_bytes
        await self._folder.movers.run(self._fill, read_into)
        return self._size_bytes - before

    async def keep(self) -> StoredPart:
        """See `PartDraft.keep`."""
        check_size(self._part, self._size_bytes, is_end=True)
        await self._flush()
        await self._flushed()
        return await self._folder.threads.run(self._keep)

    async def leave(self) -> None:
        """Let go of the lock."""
        with suppress(Exception):  # whoever wrote has heard of it
            await self._flushed()
        await self._folder.threads.run(os.close, self._fd)

    async def _flush(self) -> None:
        """Let a thread write what was gathered, while more is."""
        await self._flushed()
        gathered, self._gathered = self._gathered, bytearray()
        self._flushing = asyncio.create_task(self._folder.threads.run(self._write, gathered))

    async def _flushed(self) -> None:
        """Wait for the thread that is writing; raise what it raised."""
        if self._flushing is not None:
            flushing, self._flushing = self._flushing, None
            await flushing

    def _write(self, gathered: bytearray) -> None:
        self._begin()
        with explained():
            end = write(self._fd, memoryview(gathered), self._part.position + self._written_bytes)
        self._note(end, memoryview(gathered))

    def _fill(self, read_into: ReadInto) -> None:
        self._begin()
        left = self._part.size_bytes - self._written_bytes

        def read_part_into(view: memoryview) -> int:
            nonlocal left
            count = read_into(view[:left])  # what is beyond belongs to the next part
            left -= count
            return count

        with explained():
            fill(self._fd, self._part.position + self._written_bytes, read_part_into, self._note)

    def _begin(self) -> None:
        if not self._written_bytes:
            _forget(self._path, self._part.number)
            self._whole.restart(self._part.position)

    def _note(self, end: int, view: memoryview) -> None:
        """Take in what was written."""
        self._sha256.update(view)
        self._whole.take_in(end - len(view), view)
        self._written_bytes = end - self._part.position
        self._size_bytes = max(self._size_bytes, self._written_bytes)
        self._begin_to_write_back()

    def _begin_to_write_back(self) -> None:
        """Have the disk at work while more comes, rather than when all has to be durable.

        On Linux this is what the advice does to pages that are not on the disk yet; it drops none of them.
        """
        count = self._written_bytes - self._written_back_bytes
        if count >= WRITE_BACK_BYTES:
            position = self._part.position + self._written_back_bytes
            os.posix_fadvise(self._fd, position, count, os.POSIX_FADV_DONTNEED)
            self._written_back_bytes = self._written_bytes

    def _keep(self) -> StoredPart:
        etag = self._sha256.hexdigest()
        with explained():
            os.fdatasync(self._fd)
        if not os.fstat(self._fd).st_nlink:
            raise NotFound
        _record(self._path, f"{self._part.number} {self._part.size_bytes} {etag}")
        return StoredPart(number=self._part.number, size_bytes=self._part.size_bytes, etag=etag)


def _is_behind(digest: Digest, descriptor: int) -> bool:
    with explained():
        return digest.follow(descriptor, os.fstat(descriptor).st_size)


def _open_locked(path: Path, lock: int) -> int:
    """Return a descriptor of the file, which is made when it is not there."""
    while True:
        with explained():
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, lock | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Locked from None
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)  # before it was locked, it was handed over or deleted


def _ledger(path: Path) -> Path:
    return path.with_name(path.name + LEDGER)


def _record(path: Path, line: str) -> None:
    """Add a line and return once it is durable. It begins anew, after whatever a power cut has left."""
    with explained():
        descriptor = os.open(_ledger(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            is_new = not os.fstat(descriptor).st_size
            os.write(descriptor, f"\n{line}\n".encode())
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync_folder(path.parent)


def _forget(path: Path, number: int) -> None:
    if number in _read_ledger(path):
        _record(path, f"{number} {GONE}")


def _read_ledger(path: Path) -> dict[int, StoredPart]:
    """Return the parts that are there, by number."""
    found: dict[int, StoredPart] = {}
    try:
        text = _ledger(path).read_text(errors="replace")  # whatever a power cut has left
    except FileNotFoundError:
        return found
    for line in text.split("\n")[:-1]:
        if match := LINE.fullmatch(line):
            number = int(match[1])
            found.pop(number, None)
            if match[3]:
                found[number] = StoredPart(number=number, size_bytes=int(match[2]), etag=match[3])
    return found


def _names(folder: Path) -> list[str]:
    return sorted({path.name.removesuffix(LEDGER) for path in folder.iterdir()})


def _sizes(folder: Path) -> dict[str, int]:
    return {name: sum(part.size_bytes for part in _read_ledger(folder / name).values()) for name in _names(folder)}


def _hand_over(path: Path, target: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        _ledger(path).unlink(missing_ok=True)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with explained():
            move(path, target)
            sync_folder(target.parent)
        _ledger(path).unlink(missing_ok=True)
    except BlockingIOError:
        raise Locked from None
    finally:
        os.close(descriptor)


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    _ledger(path).unlink(missing_ok=True)
