"""Blobs in a folder of this machine, or in one that several machines share.

media/{video_id}/{name}    what is kept
incoming/{random}          what is received in one go; its writer holds a lock on it (flock)
uploads/{name}             what may be received in several goes; likewise while it is written
parts/{name}               what comes in parts, until none is missing; see `PartFolder`
"""

import asyncio
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

from streamserver.blobs.descriptors import Descriptor, Descriptors, open_file
from streamserver.blobs.incoming import IncomingFolder, LocalIncoming
from streamserver.blobs.keys import is_part, parts_of
from streamserver.blobs.locking import explained, remove_left
from streamserver.blobs.moving import move, sync_folder
from streamserver.blobs.part_folder import PartFolder
from streamserver.errors import NotFound, StreamserverError, Unavailable

WRITE_BYTES = 1024 * 1024
"""Received bytes are gathered until there are this many, so that a thread is woken once for each."""


class LocalBlobs:
    """`Blobs` below one folder."""

    def __init__(self, root: Path, *, open_files: int = 512) -> None:
        self._media = root / "media"
        self._incoming = root / "incoming"
        self._descriptors = Descriptors(limit=open_files)
        self._media.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._uploads = IncomingFolder(root / "uploads")
        self.parts = PartFolder(root / "parts", self._uploads, root / "uploads")

    async def check(self) -> None:
        """See `Blobs.check`."""
        try:
            async with self.draft() as draft:
                await draft.write(b"can this be stored?")
                await asyncio.to_thread(draft.flush)
        except (OSError, StreamserverError) as error:
            raise Unavailable(f"Nothing can be stored in {self._media.parent}: {error}") from error

    async def close(self) -> None:
        """See `Blobs.close`."""
        self._descriptors.close()
        self._uploads.close()

    @asynccontextmanager
    async def draft(self) -> "AsyncIterator[LocalDraft]":
        """See `Blobs.draft`."""
        draft = LocalDraft(self._incoming / secrets.token_hex(16), self._path)
        try:
            yield draft
        finally:
            await asyncio.to_thread(draft.leave)

    @asynccontextmanager
    async def incoming(self, name: str) -> AsyncIterator[LocalIncoming]:
        """See `Blobs.incoming`."""
        incoming = await self._uploads.open(name, self._path)
        try:
            yield incoming
        finally:
            await incoming.leave()

    async def incoming_size(self, name: str) -> int:
        """See `Blobs.incoming_size`."""
        return await self._uploads.size(name)

    async def incoming_sizes(self) -> Mapping[str, int]:
        """See `Blobs.incoming_sizes`."""
        return {**await self.parts.sizes(), **await self._uploads.sizes()}

    async def room_bytes(self) -> int | None:
        """See `Blobs.room_bytes`."""
        found = await asyncio.to_thread(os.statvfs, self._media)
        return found.f_bavail * found.f_frsize

    @contextmanager
    def lease(self, key: str) -> Iterator[Descriptor]:
        """See `Blobs.lease`."""
        descriptor = self._descriptors.acquire(self._path(key))
        try:
            yield descriptor
        finally:
            self._descriptors.release(descriptor)

    def path(self, key: str) -> Path:
        """See `Blobs.path`."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    async def settle(self, key: str) -> int:
        """See `Blobs.settle`."""
        return await asyncio.to_thread(_settle, self._path(key))

    async def delete(self, key: str) -> None:
        """See `Blobs.delete`."""
        path = self._media.joinpath(*parts_of(key, at_least=1))
        await asyncio.to_thread(_remove, path)
        self._descriptors.forget(path)

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """See `Blobs.sweep`."""
        removed = await asyncio.to_thread(_remove_left_drafts, self._incoming)
        removed += await self._uploads.sweep(is_known)
        removed += await self.parts.sweep(is_known)
        for folder in await asyncio.to_thread(_folders, self._media):
            # The locks first, the question second: a writer lets go only after its video is known.
            if not await asyncio.to_thread(_has_no_writer, folder) or await is_known(folder.name):
                continue
            if await asyncio.to_thread(_remove_left_folder, folder):
                self._descriptors.forget(folder)
                removed.append(folder.name)
        return removed

    def _path(self, key: str) -> Path:
        return self._media.joinpath(*parts_of(key))


class LocalDraft:
    """`Draft` in a file that its writer keeps locked."""

    def __init__(self, path: Path, final_path: Callable[[str], Path]) -> None:
        self._path = path
        self._final_path = final_path
        self._file = _create_locked(path)
        self._gathered = bytearray()
        self._size_bytes = 0
        self._is_kept = False

    @property
    def size_bytes(self) -> int:
        """See `Draft.size_bytes`."""
        return self._size_bytes

    async def write(self, chunk: bytes) -> None:
        """See `Draft.write`."""
        self._gathered += chunk
        self._size_bytes += len(chunk)
        if len(self._gathered) >= WRITE_BYTES:
            await asyncio.to_thread(self.flush)

    async def keep(self, key: str) -> None:
        """See `Draft.keep`."""
        await asyncio.to_thread(self._keep, self._final_path(key))

    def flush(self) -> None:
        """Hand what was gathered to the system; blocks."""
        gathered, self._gathered = self._gathered, bytearray()
        with explained():
            view = memoryview(gathered)
            while view:
                view = view[self._file.write(view) :]

    def leave(self) -> None:
        """Remove the bytes unless they were kept, and let go of the lock; blocks."""
        if not self._is_kept:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def _keep(self, target: Path) -> None:
        self.flush()
        with explained():
            os.fsync(self._file.fileno())
            move(self._path, target)
            self._is_kept = True
            sync_folder(target.parent)
            sync_folder(target.parent.parent)


def _create_locked(path: Path) -> BinaryIO:
    while True:
        with explained():
            file = path.open("xb", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # before it was locked, a sweep took it for one that was left behind


def _settle(path: Path) -> int:
    try:
        file = os.fdopen(open_file(path), "rb")
    except FileNotFoundError:
        raise NotFound from None
    with file:
        os.fsync(file.fileno())
        size_bytes = os.fstat(file.fileno()).st_size
    sync_folder(path.parent)
    return size_bytes


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():  # a file system that cannot be written to would complain also of what is not there
        with explained():
            path.unlink(missing_ok=True)


def _remove_left_drafts(incoming: Path) -> list[str]:
    return [draft.name for draft in sorted(incoming.iterdir()) if remove_left(draft)]


def _folders(media: Path) -> list[Path]:
    """Return the folders of blobs; what else lies there is not ours."""
    return sorted(folder for folder in media.iterdir() if is_part(folder.name) and folder.is_dir())


def _has_no_writer(folder: Path) -> bool:
    """Tell whether nobody holds a file of a folder locked."""
    try:
        for path in folder.iterdir():
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # it is locked, or just going, or not ours
        return False
    return True


def _remove_left_folder(folder: Path) -> bool:
    """Remove a folder with all that nobody writes in it; False where something stays."""
    for path in list(folder.iterdir()):
        remove_left(path)
    try:
        folder.rmdir()
    except OSError:  # since it was looked at, a writer has moved a file here
        return False
    return True
