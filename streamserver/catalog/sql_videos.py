"""Videos, renditions and subtitles in a database."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from streamserver.catalog.database import Database, reads, writes
from streamserver.catalog.folding import fold
from streamserver.catalog.rows import (
    RENDITION_COLUMNS,
    VIDEO_COLUMNS,
    job_values,
    rendition_of,
    rendition_values,
    subtitle_of,
    subtitle_values,
    title_values,
    video_of,
    video_values,
)
from streamserver.catalog.sentences import FINAL, NO_RENDITION, NO_VIDEO, STILL_GROWING
from streamserver.catalog.sql_pages import older_than
from streamserver.catalog.sql_webhooks import change_status
from streamserver.catalog.tables import jobs, renditions, subtitles, videos
from streamserver.domain.chapters import Chapter, pack_chapters
from streamserver.domain.fragments import FragmentIndex, pack_index, unpack_index
from streamserver.domain.jobs import Job
from streamserver.domain.videos import (
    AnyRendition,
    AudioRendition,
    Cursor,
    Rendition,
    Subtitle,
    Video,
    VideoStatus,
)
from streamserver.errors import Conflict, NotFound


class SqlVideos:
    """The part of a catalog that is about videos."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @writes
    async def add_video(self, connection: AsyncConnection, video: Video, job: Job) -> None:
        """Record a video and its job together; `Conflict` where an id is taken."""
        await connection.execute(insert(videos).values(video_values(video)))
        await connection.execute(insert(jobs).values(job_values(job)))

    @reads
    async def video(self, connection: AsyncConnection, video_id: str) -> Video:
        """Return a video with its renditions and subtitles."""
        return await _load(connection, video_id)

    @reads
    async def videos(
        self, connection: AsyncConnection, *, query: str = "", limit: int = 50, after: Cursor | None = None
    ) -> Sequence[Video]:
        """Return a page of the library, newest first."""
        page = select(*VIDEO_COLUMNS).where(videos.c.status != VideoStatus.ERROR.value)
        if query:
            page = page.where(func.instr(videos.c.title_folded, fold(query)) > 0)  # unlike LIKE, has no wildcards
        if after is not None:
            page = page.where(older_than(after, videos))
        page = page.order_by(videos.c.created_at.desc(), videos.c.id.desc()).limit(limit)
        return await _assemble(connection, (await connection.execute(page)).all())

    async def videos_of(self, video_ids: Iterable[str]) -> Mapping[str, Video]:
        """Return videos by id; those that are not there are left out."""
        return {video.id: video for video in await self._videos_of(list(video_ids))}

    @reads
    async def _videos_of(self, connection: AsyncConnection, video_ids: list[str]) -> Sequence[Video]:
        found = await connection.execute(select(*VIDEO_COLUMNS).where(videos.c.id.in_(video_ids)))
        return await _assemble(connection, found.all())

    @reads
    async def sources_of_size(self, connection: AsyncConnection, size_bytes: int) -> Mapping[str, str | None]:
        """Return the sources that are so long."""
        found = (
            select(videos.c.id, videos.c.source_sha256)
            .where(videos.c.source_size_bytes == size_bytes, videos.c.status != VideoStatus.ERROR.value)
            .order_by(videos.c.created_at, videos.c.id)
        )
        return {row.id: row.source_sha256 for row in await connection.execute(found)}

    @writes
    async def set_source_sha256(self, connection: AsyncConnection, video_id: str, sha256: str) -> None:
        """Record what the bytes of a source are known by."""
        await _change(connection, video_id, source_sha256=sha256)

    @reads
    async def video_ids(self, connection: AsyncConnection) -> set[str]:
        """Return the ids of all videos."""
        return set((await connection.scalars(select(videos.c.id))).all())

    @writes
    async def rename_video(self, connection: AsyncConnection, video_id: str, title: str) -> Video:
        """Change the title."""
        await _change(connection, video_id, **title_values(title))
        return await _load(connection, video_id)

    @writes
    async def describe_video(
        self,
        connection: AsyncConnection,
        video_id: str,
        *,
        content_type: str,
        duration_seconds: float,
        width: int,
        height: int,
    ) -> None:
        """Record what a probe found."""
        await _change(
            connection,
            video_id,
            source_content_type=content_type,
            duration_seconds=duration_seconds,
            width=width,
            height=height,
        )

    @writes
    async def set_video_status(self, connection: AsyncConnection, video_id: str, status: VideoStatus) -> None:
        """Record what a viewer can do with a video, and the events that follow."""
        await change_status(connection, video_id, status)

    @writes
    async def set_storyboard(self, connection: AsyncConnection, video_id: str, storyboard_key: str) -> None:
        """Record which pictures help to seek in a video."""
        await _change(connection, video_id, storyboard_key=storyboard_key)

    @writes
    async def set_chapters(self, connection: AsyncConnection, video_id: str, chapters: Sequence[Chapter]) -> None:
        """Record the chapters of a video, in place of those before."""
        await _change(connection, video_id, chapters=pack_chapters(chapters))

    @writes
    async def set_poster(self, connection: AsyncConnection, video_id: str, poster_key: str) -> None:
        """Record which picture stands for a video."""
        await _change(connection, video_id, poster_key=poster_key)

    @writes
    async def delete_video(self, connection: AsyncConnection, video_id: str) -> None:
        """Forget a video; its foreign keys take along all that belongs to it."""
        deleted = await connection.execute(delete(videos).where(videos.c.id == video_id))
        if not deleted.rowcount:
            raise NotFound(NO_VIDEO)

    async def add_renditions(self, renditions: Iterable[AnyRendition]) -> None:
        """Record renditions that begin to grow: all of them, or none and `Conflict` where a key is taken."""
        rows = [rendition_values(rendition) for rendition in renditions]
        if rows:
            await self._insert_renditions(rows)

    @writes
    async def _insert_renditions(self, connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
        await connection.execute(insert(renditions), rows)

    @writes
    async def complete_rendition(
        self, connection: AsyncConnection, rendition: AnyRendition, index: FragmentIndex
    ) -> None:
        """Record a rendition as it is in the end; `Conflict` where that was done before."""
        completed = await connection.execute(
            update(renditions)
            .where(renditions.c.key == rendition.key, renditions.c.fragment_index.is_(None))
            .values(**rendition_values(rendition), fragment_index=pack_index(index))
        )
        if not completed.rowcount:
            await _packed_index(connection, rendition.key)
            raise Conflict(FINAL)

    async def delete_renditions(self, keys: Iterable[str]) -> None:
        """Forget renditions and their indexes."""
        await self._delete_renditions(list(keys))

    @writes
    async def _delete_renditions(self, connection: AsyncConnection, keys: list[str]) -> None:
        await connection.execute(delete(renditions).where(renditions.c.key.in_(keys)))

    @reads
    async def fragment_index(self, connection: AsyncConnection, rendition_key: str) -> FragmentIndex:
        """Return the index of a complete rendition."""
        packed = await _packed_index(connection, rendition_key)
        if packed is None:
            raise NotFound(STILL_GROWING)
        return unpack_index(packed)

    @writes
    async def add_subtitle(self, connection: AsyncConnection, subtitle: Subtitle) -> None:
        """Record a text track; `Conflict` where its key is taken."""
        await connection.execute(insert(subtitles).values(subtitle_values(subtitle)))

    async def delete_subtitles(self, keys: Iterable[str]) -> None:
        """Forget text tracks."""
        await self._delete_subtitles(list(keys))

    @writes
    async def _delete_subtitles(self, connection: AsyncConnection, keys: list[str]) -> None:
        await connection.execute(delete(subtitles).where(subtitles.c.key.in_(keys)))


async def _change(connection: AsyncConnection, video_id: str, **values: str | float) -> None:
    changed = await connection.execute(update(videos).where(videos.c.id == video_id).values(**values))
    if not changed.rowcount:
        raise NotFound(NO_VIDEO)


async def _load(connection: AsyncConnection, video_id: str) -> Video:
    rows = (await connection.execute(select(*VIDEO_COLUMNS).where(videos.c.id == video_id))).all()
    if not rows:
        raise NotFound(NO_VIDEO)
    (video,) = await _assemble(connection, rows)
    return video


async def _assemble(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Video]:
    """Put renditions and subtitles to their videos, with one query each however many videos there are."""
    video_ids = [row.id for row in rows]
    renditions_of: defaultdict[str, list[Rendition]] = defaultdict(list)
    audio_of: defaultdict[str, list[AudioRendition]] = defaultdict(list)
    subtitles_of: defaultdict[str, list[Subtitle]] = defaultdict(list)
    if video_ids:
        best_first = (
            renditions.c.audio_number,
            renditions.c.height.desc(),
            renditions.c.bit_rate_bps.desc(),
            renditions.c.key,
        )
        growing = select(*RENDITION_COLUMNS).where(renditions.c.video_id.in_(video_ids)).order_by(*best_first)
        for row in await connection.execute(growing):
            rendition = rendition_of(row)
            if isinstance(rendition, Rendition):
                renditions_of[row.video_id].append(rendition)
            else:
                audio_of[row.video_id].append(rendition)
        by_language = subtitles.c.language, subtitles.c.key
        tracks = select(subtitles).where(subtitles.c.video_id.in_(video_ids)).order_by(*by_language)
        for row in await connection.execute(tracks):
            subtitles_of[row.video_id].append(subtitle_of(row))
    return [
        video_of(row, tuple(renditions_of[row.id]), tuple(subtitles_of[row.id]), tuple(audio_of[row.id]))
        for row in rows
    ]


async def _packed_index(connection: AsyncConnection, rendition_key: str) -> str | None:
    """Return the index as it is kept; None while the rendition grows."""
    row = (
        await connection.execute(select(renditions.c.fragment_index).where(renditions.c.key == rendition_key))
    ).one_or_none()
    if row is None:
        raise NotFound(NO_RENDITION)
    packed: str | None = row.fragment_index
    return packed
