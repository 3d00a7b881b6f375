"""Blobs in a folder of this machine, or in one that several machines share.

media/{video_id}/{name}    what is kept
incoming/{random}          what is being received; its writer holds a lock on it (flock)
"""

import asyncio
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

from streamserver.blobs.descriptors import Descriptor, Descriptors, open_file
from streamserver.blobs.keys import is_part, parts_of
from streamserver.errors import NotFound, StorageFull, StreamserverError, Unavailable

WRITE_BYTES = 1024 * 1024
"""Received bytes are gathered until there are this many, so that a thread is woken once for each."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LocalBlobs:
    """`Blobs` below one folder."""

    def __init__(self, root: Path, *, open_files: int = 512) -> None:
        self._media = root / "media"
        self._incoming = root / "incoming"
        self._descriptors = Descriptors(limit=open_files)
        self._media.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(parents=True, exist_ok=True)

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

    @asynccontextmanager
    async def draft(self) -> "AsyncIterator[LocalDraft]":
        """See `Blobs.draft`."""
        draft = LocalDraft(self._incoming / secrets.token_hex(16), self._path)
        try:
            yield draft
        finally:
            await asyncio.to_thread(draft.leave)

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
        try:
            view = memoryview(gathered)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise _as_storage_full(error) from error

    def leave(self) -> None:
        """Remove the bytes unless they were kept, and let go of the lock; blocks."""
        if not self._is_kept:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def _keep(self, target: Path) -> None:
        self.flush()
        try:
            os.fsync(self._file.fileno())
            _move(self._path, target)
            self._is_kept = True
            _sync_folder(target.parent)
            _sync_folder(target.parent.parent)
        except OSError as error:
            raise _as_storage_full(error) from error


def _as_storage_full(error: OSError) -> Exception:
    return StorageFull() if error.errno in NO_ROOM else error


def _create_locked(path: Path) -> BinaryIO:
    while True:
        try:
            file = path.open("xb", buffering=0)
        except OSError as error:
            raise _as_storage_full(error) from error
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # before it was locked, a sweep took it for one that was left behind


def _move(path: Path, target: Path) -> None:
    while True:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.rename(target)
        except FileNotFoundError:
            if not path.exists():
                raise
            continue  # a sweep took the new folder for one that was left behind
        return


def _settle(path: Path) -> int:
    try:
        file = os.fdopen(open_file(path), "rb")
    except FileNotFoundError:
        raise NotFound from None
    with file:
        os.fsync(file.fileno())
        size_bytes = os.fstat(file.fileno()).st_size
    _sync_folder(path.parent)
    return size_bytes


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_left_drafts(incoming: Path) -> list[str]:
    return [draft.name for draft in sorted(incoming.iterdir()) if _remove_left_file(draft)]


def _remove_left_file(path: Path) -> bool:
    """Remove a file that nobody writes; with its lock in hand, so that who is about to write it notices."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:  # it is locked, gone, or not ours
        return False
    return True


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
        _remove_left_file(path)
    try:
        folder.rmdir()
    except OSError:  # since it was looked at, a writer has moved a file here
        return False
    return True
