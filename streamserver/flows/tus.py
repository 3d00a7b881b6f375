"""What clients of tus 1.0.0 do: begin uploads, look how far they are, go on, join and end them."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from streamserver.domain.tus import (
    FINAL_PREFIX,
    Checksum,
    Standing,
    final_id,
    parse_concat,
    parse_metadata,
    wanted,
)
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.domain.videos import Video
from streamserver.errors import BadInput, Conflict, Forbidden, Gone, NotFound, StreamserverError, TooLarge
from streamserver.flows.library import Library
from streamserver.flows.pieces import checked, forget_parts, join, whole_parts
from streamserver.flows.receive import Receive
from streamserver.flows.receiving import Receiving
from streamserver.ports import Blobs, Catalog, ReadInto

SILENCE_SECONDS: Final = 30.0
"""How long a connection that holds an upload may say nothing: the one that replaces it is kept out meanwhile."""
REMEMBERED: Final = 1000
"""Uploads that became whole whose fields can still be told."""


class Body(Protocol):
    """What a request brings."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield its bytes; with `rest`, the first of them alone."""

    def rest(self) -> AsyncIterator[ReadInto]:
        """Yield what reads bytes in a thread, again and again while there are some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """An upload that somebody wants to begin."""

    user: str
    """Who."""
    length_bytes: int | None
    """How long it is to be; None where that is said later, or follows from its parts."""
    metadata: str = ""
    """`Upload-Metadata`."""
    concat: str | None = None
    """`Upload-Concat`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bytes that somebody adds to an upload."""

    user: str
    """Who."""
    offset_bytes: int
    """Where they belong."""
    body: Body
    """The bytes."""
    announced_bytes: int | None = None
    """How many there are, where that is known before."""
    length_bytes: int | None = None
    """How long the whole upload is to be, where that was not said before."""
    checksum: Checksum | None = None
    """What they are to have as their digest."""


class Tus:
    """The verbs behind the routes of resumable uploads."""

    def __init__(self, *, catalog: Catalog, blobs: Blobs, receive: Receive, library: Library) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._receive = receive
        self._uploads = receive.uploads
        self._library = library
        self._finished: OrderedDict[str, Standing] = OrderedDict()

    @property
    def max_bytes(self) -> int:
        """The largest file that is accepted."""
        return self._receive.max_bytes

    async def create(self, creation: Creation) -> Standing:
        """Begin an upload; where its announced SHA-256 is that of a video in the library it is whole at once.

        Raises `BadInput`, and as `Intake.create` does.
        """
        parts = parse_concat(creation.concat)
        if parts:
            return await self._create_final(creation, parts)
        wants, is_partial = wanted(parse_metadata(creation.metadata)), parts is not None
        if creation.length_bytes == 0 and not is_partial:
            raise BadInput("The file is empty.")
        upload = await self._receive.create(
            UploadKind.TUS,
            user=creation.user,
            file_name=wants.file_name,
            title=wants.title,
            length_bytes=creation.length_bytes,
            sha256=None if is_partial else wants.sha256,
            details=_details(creation, is_partial=is_partial),
        )
        known = await self._known(upload)
        if known is None:
            return _standing(upload, 0)
        await self._receive.finish_as(upload, known)
        return self._remember(upload, known.source.size_bytes)

    async def look(self, upload_id: str, *, user: str) -> Standing:
        """Tell how an upload stands, and what became whole while a server was ended is finished.

        Raises as `Uploads.get` does.
        """
        try:
            upload = await self._upload(upload_id, user)
        except Gone:
            raise
        except NotFound:
            return await self._whole(upload_id)
        received = await self._uploads.received_bytes(upload)
        if received == upload.length_bytes and not upload.is_partial:
            with suppress(StreamserverError):  # somebody is at it, or it is found out by another request
                async with self._receive.resume(upload_id, user=user) as receiving:
                    return await self._finish(receiving)
        return _standing(upload, received)

    async def add(self, upload_id: str, piece: Piece) -> Standing:
        """Add bytes to an upload; what has come is durable when this returns, and mostly also where it fails.

        Raises as `Intake.resume` does, `Conflict` where the bytes belong elsewhere, `TooLarge` where they are too
        many, `ChecksumMismatch` where they are others, and as `Intake.finish` does.
        """
        if upload_id.startswith(FINAL_PREFIX):
            raise Forbidden("To an upload that was made of others nothing can be added.")
        try:
            await self._upload(upload_id, piece.user)
        except Gone:
            raise
        except NotFound:
            standing = await self._whole(upload_id)
            _check_place(piece, standing.offset_bytes or 0)
            _check_rest(piece, standing.offset_bytes or 0, standing.length_bytes)
            return standing
        async with self._receive.resume(upload_id, user=piece.user, patience_seconds=SILENCE_SECONDS) as receiving:
            _check_place(piece, receiving.incoming.size_bytes)
            await self._declare(receiving, piece)
            _check_rest(piece, receiving.incoming.size_bytes, receiving.upload.length_bytes)
            receiving.check_room(piece.announced_bytes or 0)
            await self._take(receiving, piece)
            upload, received = receiving.upload, await receiving.sync()
            if received == upload.length_bytes and not upload.is_partial:
                return await self._finish(receiving)
        return _standing(upload, received)

    async def end(self, upload_id: str, *, user: str) -> None:
        """End an upload with all that has come of it; of one that is whole the video is removed.

        A video that was there before the upload stays. Raises `NotFound` or `Forbidden`.
        """
        self._finished.pop(upload_id, None)
        try:
            await self._receive.cancel(upload_id, user=user)
        except NotFound:
            job = await self._catalog.job(upload_id)
            if not job.is_duplicate:
                await self._library.delete(job.video_id)

    async def _create_final(self, creation: Creation, part_ids: tuple[str, ...]) -> Standing:
        """Begin an upload that is made of others, or go on where that was begun before."""
        upload_id, wants = final_id(part_ids), wanted(parse_metadata(creation.metadata))
        with suppress(NotFound):
            return await self._whole(upload_id)
        parts = await whole_parts(self._uploads, part_ids, user=creation.user)
        length_bytes = sum(part.length_bytes or 0 for part in parts)
        if not length_bytes:
            raise BadInput("The file is empty.")
        with suppress(Conflict):  # it was begun before
            await self._receive.create(
                UploadKind.TUS,
                user=creation.user,
                file_name=wants.file_name,
                title=wants.title,
                length_bytes=length_bytes,
                sha256=wants.sha256,
                details=_details(creation),
                upload_id=upload_id,
                besides=part_ids,
            )
        async with self._receive.resume(upload_id, user=creation.user) as receiving:
            await join(self._blobs, receiving, parts)
            standing = await self._finish(receiving)
        await forget_parts(self._uploads, parts)
        return standing

    async def _known(self, upload: Upload) -> Video | None:
        """Return the video that an upload will be as it was announced; None where that is not to be told."""
        length_bytes, sha256 = upload.length_bytes, upload.sha256
        if length_bytes is None or sha256 is None:
            return None

        async def announced() -> str:
            return sha256

        return await self._receive.duplicates.find(length_bytes, announced)

    async def _take(self, receiving: Receiving, piece: Piece) -> None:
        if piece.checksum is None:
            async for chunk in piece.body.chunks():
                await receiving.write(chunk)
            async for read_into in piece.body.rest():
                await receiving.fill(read_into)
            return
        async with checked(self._blobs, receiving, piece.checksum) as aside:
            async for chunk in piece.body.chunks():
                await aside.write(chunk)
            await aside.finish()

    async def _declare(self, receiving: Receiving, piece: Piece) -> None:
        """Take in how long an upload is to be, once."""
        upload, length_bytes = receiving.upload, piece.length_bytes
        if length_bytes is None or length_bytes == upload.length_bytes:
            return
        received = receiving.incoming.size_bytes
        if upload.length_bytes is not None or length_bytes < received:
            raise BadInput("Upload-Length cannot be changed, nor be less than what has come.")
        _check_rest(piece, received, length_bytes)  # refused together, so that another length can still be said
        known = replace(upload, length_bytes=length_bytes)
        receiving.upload = await self._receive.promise(known, received_bytes=received)

    async def _finish(self, receiving: Receiving) -> Standing:
        video, _ = await self._receive.finish(receiving)
        return self._remember(receiving.upload, video.source.size_bytes)

    def _remember(self, upload: Upload, size_bytes: int) -> Standing:
        standing = replace(_standing(upload, size_bytes), expires_at=None)
        self._finished[upload.id] = standing
        if len(self._finished) > REMEMBERED:
            self._finished.popitem(last=False)
        return standing

    async def _upload(self, upload_id: str, user: str) -> Upload:
        upload = await self._uploads.get(upload_id, user=user)
        if upload.kind is not UploadKind.TUS:
            raise Gone("This upload comes by another way.")
        return upload

    async def _whole(self, upload_id: str) -> Standing:
        """Return how an upload stands that is a video by now; `NotFound` where there is none."""
        job = await self._catalog.job(upload_id)
        size_bytes = (await self._catalog.video(job.video_id)).source.size_bytes
        plain = Standing(upload_id=upload_id, offset_bytes=size_bytes, length_bytes=size_bytes)
        return self._finished.get(upload_id, plain)


def _details(creation: Creation, *, is_partial: bool = False) -> dict[str, object]:
    return {"metadata": creation.metadata, "concat": creation.concat or "", "is_partial": is_partial}


def _standing(upload: Upload, received_bytes: int) -> Standing:
    is_joining = upload.id.startswith(FINAL_PREFIX) and received_bytes != upload.length_bytes
    return Standing(
        upload_id=upload.id,
        offset_bytes=None if is_joining else received_bytes,
        length_bytes=upload.length_bytes,
        expires_at=upload.expires_at,
        metadata=str(upload.details.get("metadata", "")),
        concat=str(upload.details.get("concat", "")),
    )


def _check_place(piece: Piece, received_bytes: int) -> None:
    if piece.offset_bytes != received_bytes:
        raise Conflict(f"The upload has {received_bytes} bytes, and goes on there.")


def _check_rest(piece: Piece, received_bytes: int, length_bytes: int | None) -> None:
    more = piece.announced_bytes
    if more is not None and length_bytes is not None and received_bytes + more > length_bytes:
        raise TooLarge(f"The upload is to have {length_bytes} bytes; more are announced.")
