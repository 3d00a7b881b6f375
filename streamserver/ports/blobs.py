"""Where bytes rest."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Protocol


class Draft(Protocol):
    """Bytes that are being received. They are gone when the draft is left, unless they were kept."""

    @property
    def size_bytes(self) -> int:
        """How many bytes were written."""

    async def write(self, chunk: bytes) -> None:
        """Add bytes; raise `StorageFull` when there is no room."""

    async def keep(self, key: str) -> None:
        """Make the bytes durable under a key, all or nothing, and return once they are.

        Until the draft is left they count as being written: a sweep does not touch them.
        """


class Lease(Protocol):
    """A blob held open for reading, shared with other readers."""

    @property
    def fd(self) -> int:
        """A descriptor for `pread` and `sendfile`; its own offset is not to be used."""

    def current_size(self) -> int:
        """Return how long the blob is at this moment, in bytes."""

    def is_current(self) -> bool:
        """Tell whether `fd` is open, also after the lease was given back, and still what the key names.

        Good until the next `await`. A blob that was removed by another process is found out within a second.
        """

    def read(self, position: int, count: int) -> bytes:
        """Return bytes, fewer only at the end of the blob; blocks where they are not in memory."""


class Blobs(Protocol):
    """Where bytes rest, under keys of the form `{folder}/{name}`.

    Every method that takes a key raises `NotFound` for one that could lead anywhere else.
    """

    async def check(self) -> None:
        """Return if bytes can be stored; raise `Unavailable` with a sentence otherwise."""

    async def close(self) -> None:
        """Give back what is held."""

    def draft(self) -> AbstractAsyncContextManager[Draft]:
        """Begin to receive bytes."""

    def lease(self, key: str) -> AbstractContextManager[Lease]:
        """Hold a blob open while it is read; raise `NotFound` where there is none. Never blocks on a hot blob."""

    def path(self, key: str) -> Path:
        """Return where an encoder reads or writes a blob; its folder is made when missing."""

    async def settle(self, key: str) -> int:
        """Make durable what an encoder wrote and return its length in bytes; `NotFound` where it wrote nothing."""

    async def delete(self, key: str) -> None:
        """Remove a blob, or a folder with all its blobs; what is not there is ignored."""

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """Remove what a writer that is gone left behind, and name it.

        That is: drafts, and folders that are neither known nor being written.
        """
