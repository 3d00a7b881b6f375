"""Where bytes rest."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Protocol

from streamserver.ports.parts import Parts
from streamserver.ports.reading import ReadInto


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


class Incoming(Protocol):
    """Bytes that may come in several goes, held by one writer at a time.

    What was synced stays when the writer lets go, also when its process is killed; what was written and not synced
    is synced when the writer lets go in good order. Where the storage fails, bytes that may not be durable are
    taken back.
    """

    @property
    def size_bytes(self) -> int:
        """How many bytes there are, those included that are not durable yet."""

    async def write(self, chunk: bytes) -> None:
        """Add bytes; raise `StorageFull` when there is no room, `StorageFault` when the storage fails."""

    async def fill(self, read_into: ReadInto) -> int:
        """Add bytes in a thread of its own, while there are some at once, and not for long; return how many.

        Raises as `write` does, and what `read_into` raises once what came before is added.
        """

    async def join(self, other: "Incoming", position: int = 0) -> None:
        """Add the bytes that another has from a position on."""

    async def sync(self) -> None:
        """Return once all that was written is durable; raises as `write` does."""

    async def read(self, position: int, count: int) -> bytes:
        """Return bytes, fewer only at the end."""

    def follow(self) -> None:
        """Have the SHA-256 worked out while bytes come; otherwise it takes a reading of them all in the end."""

    async def sha256(self) -> str:
        """Return the SHA-256 of all bytes in hexadecimal."""

    async def keep(self, key: str) -> None:
        """Make the bytes a blob, all or nothing, and return once that is durable; nothing is to be added then.

        Until the writer lets go they count as being written: a sweep does not touch them.
        """

    async def clear(self) -> None:
        """Forget all bytes; what is written next is the beginning."""

    async def discard(self) -> None:
        """Remove the bytes, unless they were kept."""


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

    @property
    def parts(self) -> Parts:
        """What comes in parts."""

    async def check(self) -> None:
        """Return if bytes can be stored; raise `Unavailable` with a sentence otherwise."""

    async def close(self) -> None:
        """Give back what is held."""

    def draft(self) -> AbstractAsyncContextManager[Draft]:
        """Begin to receive bytes."""

    def incoming(self, name: str) -> AbstractAsyncContextManager[Incoming]:
        """Hold the incoming bytes of a name, none at first; raise `Locked` where another writer holds them."""

    async def incoming_size(self, name: str) -> int:
        """Return how many bytes have come and are durable; 0 where there are none."""

    async def incoming_sizes(self) -> Mapping[str, int]:
        """Return how many bytes have come, durable or not, by name; those that come in parts, too."""

    async def room_bytes(self) -> int | None:
        """Return how many bytes more can be stored, None where nobody knows."""

    def lease(self, key: str) -> AbstractContextManager[Lease]:
        """Hold a blob open while it is read; raise `NotFound` where there is none. Never blocks on a hot blob."""

    def path(self, key: str) -> Path:
        """Return where an encoder reads or writes a blob; its folder is made when missing."""

    async def settle(self, key: str) -> int:
        """Make durable what an encoder wrote and return its length in bytes; `NotFound` where it wrote nothing."""

    async def delete(self, key: str) -> None:
        """Remove a blob, or a folder with all its blobs; what is not there is ignored.

        Raises `StorageFault` where the storage does not let go of a blob.
        """

    async def sweep(self, is_known: Callable[[str], Awaitable[bool]]) -> list[str]:
        """Remove what a writer that is gone left behind, and name it.

        That is: drafts, and folders and incoming bytes that are neither known by their name nor being written.
        """
