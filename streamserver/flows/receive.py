"""Taking in a source: durable first, then known, then acknowledged."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from streamserver.domain.jobs import Job, JobError
from streamserver.domain.titles import clean_file_name
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.domain.users import ANYONE
from streamserver.domain.videos import Subtitle, Video
from streamserver.errors import BadInput, StreamserverError
from streamserver.flows.intake import CUT_OFF, Intake, chosen_title
from streamserver.flows.receiving import Receiving
from streamserver.flows.uploads import CANCELLED, source_key

__all__ = ["Receive", "poster_key", "source_key", "storyboard_key", "storyboard_sheet_key", "subtitle_key"]

log = logging.getLogger(__name__)


def poster_key(video_id: str, key: str) -> str:
    """Return where a poster is kept."""
    return f"{video_id}/poster-{key}.jpg"


def subtitle_key(subtitle: Subtitle) -> str:
    """Return where a text track is kept."""
    return f"{subtitle.video_id}/subtitle-{subtitle.key}.vtt"


def storyboard_key(video_id: str, key: str) -> str:
    """Return where the text of a storyboard is kept."""
    return f"{video_id}/storyboard-{key}.vtt"


def storyboard_sheet_key(video_id: str, key: str, number: int) -> str:
    """Return where a sheet of a storyboard is kept."""
    return f"{video_id}/storyboard-{key}-{number}.jpg"


class Receive(Intake):
    """The verb behind every way a file comes in."""

    @asynccontextmanager
    async def upload(
        self,
        announced_bytes: int | None = None,
        *,
        user: str = ANYONE,
        expected_bytes: int | None = None,
        patience_seconds: float | None = None,
    ) -> "AsyncIterator[OneGo]":
        """Begin to receive a file in one go; unless it is finished inside, nothing of it remains.

        Raises `QueueFull`, or as `Uploads.admit` does, before a byte is read. `announced_bytes` is what it has at
        least, `expected_bytes` what it will most likely have.
        """
        with self.place_in_line() as ahead:
            await self.uploads.admit(announced_bytes, user=user)
            await self.check_line(ahead)
            one_go = OneGo(
                self,
                user=user,
                expected_bytes=expected_bytes or announced_bytes,
                patience_seconds=patience_seconds,
            )
            async with one_go.held:
                try:
                    yield one_go
                except StreamserverError as error:
                    await one_go.drop(JobError(code=error.code, message=error.message))
                    raise
                finally:
                    await one_go.drop()


class OneGo:
    """A file that comes in one go, or not at all."""

    def __init__(
        self, receive: Receive, *, user: str, expected_bytes: int | None, patience_seconds: float | None
    ) -> None:
        self.held = AsyncExitStack()
        """What is given back in the end."""
        self._receive = receive
        self._user = user
        self._expected_bytes = expected_bytes
        self._patience_seconds = patience_seconds
        self._upload: Upload | None = None
        self._receiving: Receiving | None = None

    async def begin(self, file_name: str, title: str | None = None) -> Receiving:
        """Let everyone see that the file is coming; `BadInput` for an impossible title."""
        self._upload = await self._receive.create(
            UploadKind.FORM,
            user=self._user,
            file_name=file_name,
            title=title,
            length_bytes=self._expected_bytes,
            has_place=True,
        )
        writing = self._receive.writing(self._upload.id, user=self._user, patience_seconds=self._patience_seconds)
        self._receiving = await self.held.enter_async_context(writing)
        return self._receiving

    async def write(self, chunk: bytes) -> None:
        """Take in the next bytes; refuse the file once it is too large, or certainly no video."""
        receiving = self._receiving or await self.begin("video")
        await receiving.write(chunk)

    async def finish(self, file_name: str, title: str | None) -> tuple[Video, Job]:
        """Acknowledge the file: it is durable, in the catalog and in line when this returns.

        Raises `BadInput` for an empty file or an impossible title, `UnsupportedMedia` for what is no video.
        """
        if self._receiving is None:
            raise BadInput("The file is empty.")
        self._receiving.upload = replace(
            self._receiving.upload, file_name=clean_file_name(file_name), title=chosen_title(title)
        )
        return await self._receive.finish(self._receiving)

    async def drop(self, error: JobError | None = None) -> None:
        """Leave nothing of a file that was not finished, and tell everyone why it ended."""
        upload, receiving = self._upload, self._receiving
        if upload is None or (receiving is not None and receiving.is_ended):
            return
        self._upload = None
        try:
            if receiving is None:  # its place could not be opened
                await self._receive.uploads.forget(upload, error or CUT_OFF)
            else:
                await self._end(receiving, error or _why(receiving))
        except StreamserverError as fault:
            log.warning("upload %s is not ended yet: %s", upload.id, fault)

    async def _end(self, receiving: Receiving, error: JobError) -> None:
        receiving.is_ended = True
        receiving.ended_as = await self._receive.uploads.remove(receiving.upload, receiving.incoming, error)


def _why(receiving: Receiving) -> JobError:
    """Say why nothing more came."""
    if receiving.is_stopped:
        return CANCELLED
    if not receiving.patience.is_over:
        return CUT_OFF
    error = receiving.why_over()
    return JobError(code=error.code, message=error.message)
