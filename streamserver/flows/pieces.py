"""Bytes that become part of an upload only once something is known of all of them."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from streamserver.domain.tus import Checksum
from streamserver.domain.uploads import Upload
from streamserver.errors import BadInput, ChecksumMismatch, Conflict, Locked, NotFound
from streamserver.flows.receiving import Receiving
from streamserver.flows.uploads import Uploads
from streamserver.ports import Blobs, Incoming


class Checked:
    """A piece of an upload that is looked at as a whole first."""

    def __init__(self, receiving: Receiving, aside: Incoming, checksum: Checksum) -> None:
        self._receiving = receiving
        self._aside = aside
        self._checksum = checksum
        self._digest = hashlib.new(checksum.algorithm, usedforsecurity=False)

    async def write(self, chunk: bytes) -> None:
        """Take in the next bytes of the piece; raise `TooLarge` where the upload cannot have them."""
        with self._receiving.patience.busy():
            self._receiving.check_room(self._aside.size_bytes + len(chunk))
            self._digest.update(chunk)
            await self._aside.write(chunk)

    async def finish(self) -> None:
        """Add the piece to the upload; raise `ChecksumMismatch`, and add nothing, where its bytes are others."""
        if self._digest.digest() != self._checksum.digest:
            raise ChecksumMismatch
        await self._receiving.join(self._aside)


@asynccontextmanager
async def checked(blobs: Blobs, receiving: Receiving, checksum: Checksum) -> AsyncIterator[Checked]:
    """Take in a piece of an upload beside it; of what is not finished nothing remains."""
    # A name of its own each time: what a server left that was killed in the middle does not come between.
    async with blobs.incoming(f"aside-{secrets.token_hex(8)}") as aside:
        try:
            yield Checked(receiving, aside, checksum)
        finally:
            await aside.discard()


async def whole_parts(uploads: Uploads, part_ids: Sequence[str], *, user: str) -> Sequence[Upload]:
    """Return the partial uploads that a final one is made of, in order.

    Raises `BadInput` where one is not there or no partial upload, and `Conflict` where one is not whole.
    """
    found: dict[str, Upload] = {}
    for part_id in part_ids:
        if part_id in found:
            continue
        try:
            part = await uploads.get(part_id, user=user)
        except NotFound:
            raise BadInput(f"There is no partial upload {part_id}.") from None
        if not part.is_partial:
            raise BadInput(f"The upload {part_id} is not a partial one.")
        if await uploads.received_bytes(part) != part.length_bytes:
            raise Conflict(f"The partial upload {part_id} is not whole yet.")
        found[part_id] = part
    return [found[part_id] for part_id in part_ids]


async def join(blobs: Blobs, receiving: Receiving, parts: Sequence[Upload]) -> None:
    """Make an upload of its parts; what was there of it when a server was killed is gone on with.

    Raises `Conflict`, and adds nothing, where one of them has ended meanwhile.
    """
    async with AsyncExitStack() as stack:
        held: dict[str, Incoming] = {}
        for part in parts:
            if part.id not in held:
                held[part.id] = await stack.enter_async_context(blobs.incoming(part.id))
                await _check_whole(part, held[part.id])
        start = 0
        for part in parts:
            incoming = held[part.id]
            there = receiving.incoming.size_bytes - start
            if there < incoming.size_bytes:
                await receiving.join(incoming, there)
            start += incoming.size_bytes


async def _check_whole(part: Upload, incoming: Incoming) -> None:
    if incoming.size_bytes != part.length_bytes:
        if not incoming.size_bytes:
            await incoming.discard()  # it was made by being opened
        raise Conflict(f"The partial upload {part.id} has ended meanwhile.")


async def forget_parts(uploads: Uploads, parts: Sequence[Upload]) -> None:
    """Remove parts that are not needed any more; what somebody still holds expires."""
    for part in {part.id: part for part in parts}.values():
        with suppress(Locked, NotFound):
            await uploads.end(part)
