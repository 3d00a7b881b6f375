"""What a database gives to a catalog beyond memory: it lasts, is shared by processes, and can be large."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.ext.asyncio import AsyncConnection

from streamserver.catalog.address import parse_address
from streamserver.catalog.database import Database
from streamserver.catalog.sql import SqlCatalog, open_catalog
from streamserver.domain.jobs import completed
from streamserver.domain.videos import Cursor, VideoStatus
from streamserver.ports import Catalog
from tests.catalog.samples import (
    LATER,
    NOON,
    add,
    add_running,
    sample_index,
    sample_rendition,
    sample_subtitle,
)

pytest_plugins = ["tests.services.catalogs"]

CLAIM = """
import asyncio, sys
from dataclasses import replace
from streamserver.catalog.sql import open_catalog
from streamserver.domain.jobs import JobStatus, claimed

async def main(url):
    catalog = open_catalog(url)
    print("ready", flush=True)
    sys.stdin.readline()
    jobs = await catalog.jobs()
    claims = [claimed(replace(job, status=JobStatus.READY, attempt=0), now=job.created_at) for job in jobs]
    won = [claim.id for claim in claims if await catalog.claim_job(claim)]
    await catalog.close()
    print(*won)

asyncio.run(main(sys.argv[1]))
"""
"""A process of its own that claims every job it can."""

ADD = """
import asyncio, sys
from streamserver.catalog.sql import open_catalog
from tests.catalog.samples import add

async def main(url):
    catalog = open_catalog(url)
    for number in range(1_000_000):
        await add(catalog, str(number))
        print(number, flush=True)

asyncio.run(main(sys.argv[1]))
"""
"""A process of its own that records videos, and says so, until it is killed."""


@pytest.fixture
async def database_catalog(database_url: str) -> AsyncIterator[Catalog]:
    """Give an empty catalog, once in each database."""
    catalog = open_catalog(database_url)
    yield catalog
    await catalog.close()


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL that is carried out meanwhile."""
    heard: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        heard.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


async def run(program: str, database_url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, database_url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )


async def test_what_was_recorded_is_there_after_reopening(database_url: str) -> None:
    """All that belongs to a video is read again by the next server."""
    catalog = open_catalog(database_url)
    job = completed(await add_running(catalog), now=LATER)
    await catalog.add_renditions([sample_rendition()])
    await catalog.complete_rendition(sample_rendition(), sample_index())
    await catalog.add_subtitle(sample_subtitle())
    assert await catalog.finish_job(job, VideoStatus.COMPLETE)
    video = await catalog.video("v")
    await catalog.close()
    reopened = open_catalog(database_url)
    assert await reopened.video("v") == video
    assert video.status is VideoStatus.COMPLETE
    assert await reopened.job(job.id) == job
    assert await reopened.fragment_index("720p-a") == sample_index()
    await reopened.close()


async def test_what_was_acknowledged_survives_a_kill(database_url: str) -> None:
    """A server that is killed, perhaps in a write, loses none that it told of, and locks nobody out."""
    server = await run(ADD, database_url)
    assert server.stdout is not None
    told = [(await server.stdout.readline()).decode().strip() for _ in range(10)]
    server.kill()
    told += (await server.stdout.read()).decode().split()
    await server.wait()
    catalog = open_catalog(database_url)
    for video_id in told:
        assert (await catalog.job((await catalog.video(video_id)).job_id)).video_id == video_id
    await add(catalog)
    await catalog.close()


async def test_sqlite_waits_for_the_disk(sqlite_url: str) -> None:
    """A commit to SQLite returns once it is on the disk: 2 is FULL; with 1, a power cut could take it back."""
    database = Database(parse_address(sqlite_url))
    for transact in (database.read, database.write):
        assert await transact(lambda connection: connection.scalar(text("PRAGMA synchronous"))) == 2
        assert await transact(lambda connection: connection.scalar(text("PRAGMA journal_mode"))) == "wal"
    await database.close()


async def test_another_catalog_sees_at_once_what_was_recorded(
    database_url: str, database_catalog: Catalog
) -> None:
    """Two servers on one database read each other's writes."""
    other = open_catalog(database_url)
    assert await other.videos() == []
    video = await add(database_catalog)
    assert await other.videos() == [video]
    await other.rename_video("v", "renamed")
    assert (await database_catalog.video("v")).title == "renamed"
    await other.close()


async def test_processes_share_out_the_jobs(database_url: str, database_catalog: Catalog) -> None:
    """Of several processes that claim the same jobs at once, each job is won by exactly one."""
    jobs = {(await add(database_catalog, str(number))).job_id for number in range(20)}
    workers = [await run(CLAIM, database_url) for _ in range(2)]
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    said = await asyncio.gather(*(worker.communicate(b"\n") for worker in workers))
    won = [job for output, _ in said for job in output.decode().split()]
    assert sorted(won) == sorted(jobs)
    assert [worker.returncode for worker in workers] == [0, 0]


async def test_many_at_once(database_catalog: Catalog) -> None:
    """More writers and readers than connections wait for one another, and all are served."""
    await asyncio.gather(*(add(database_catalog, f"{number:03}") for number in range(60)))
    pages = await asyncio.gather(*(database_catalog.videos(limit=5) for _ in range(60)))
    assert {tuple(video.id for video in page) for page in pages} == {("059", "058", "057", "056", "055")}


async def test_reading_before_writing_is_not_overtaken(database_url: str, database_catalog: Catalog) -> None:
    """A transaction that looks first and then writes does not fail because another server wrote in between."""
    other = open_catalog(database_url)
    await add(database_catalog)
    await asyncio.gather(
        *(
            database_catalog.describe_video("v", content_type="video/mp4", duration_seconds=1, width=2, height=2)
            for _ in range(50)
        ),
        *(other.rename_video("v", str(number)) for number in range(50)),
    )
    await other.close()


async def test_a_cancelled_call_is_carried_out(database_url: str) -> None:
    """Whoever gives up in the middle of a transaction leaves no half of it, and no lock: it goes on to its end."""
    database = Database(parse_address(database_url))
    catalog = SqlCatalog(database)
    await add(catalog)
    is_halfway, may_go_on = asyncio.Event(), asyncio.Event()

    async def rename(connection: AsyncConnection) -> None:
        await connection.execute(text("UPDATE videos SET title = 'half'"))
        is_halfway.set()
        await may_go_on.wait()
        await connection.execute(text("UPDATE videos SET title = 'whole'"))

    call = asyncio.create_task(database.write(rename))
    await is_halfway.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await catalog.video("v")).title == "A holiday"
    may_go_on.set()
    await database.close()
    reopened = open_catalog(database_url)
    assert (await reopened.video("v")).title == "whole"
    await reopened.close()


async def test_many_cancelled_calls_leave_a_working_catalog(database_catalog: Catalog) -> None:
    """Calls that are cancelled at any of their steps break no connection."""
    await add(database_catalog)
    for steps in range(40):
        calls = [asyncio.create_task(database_catalog.rename_video("v", str(steps))) for _ in range(3)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert (await database_catalog.rename_video("v", "the last")).title == "the last"


async def test_a_page_takes_three_queries_whatever_its_length(database_catalog: Catalog) -> None:
    """Renditions and subtitles of all videos on a page are read with one query each, without any index."""
    for number in range(30):
        video = await add(database_catalog, str(number))
        await database_catalog.add_renditions([sample_rendition(f"r{number}", video_id=video.id)])
    with statements() as heard:
        page = await database_catalog.videos()
    assert len(page) == 30
    queries = [statement for statement in heard if statement.startswith("SELECT")]
    assert len(queries) == 3
    assert not any("fragment_index" in query or "title_folded" in query for query in queries)


async def test_a_page_deep_in_the_library_is_read_from_the_index(sqlite_url: str) -> None:
    """A page is found in the index on age: neither the library before it nor a sorted copy is read."""
    catalog = open_catalog(sqlite_url)
    await add(catalog)
    plans: list[str] = []

    def explain(
        _connection: object, cursor: DBAPICursor, statement: str, parameters: tuple[object, ...], *_rest: object
    ) -> None:
        if "FROM videos" in statement:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[-1] for row in cursor.fetchall())

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        await catalog.videos(after=Cursor(created_at=NOON + timedelta(days=1), id="x"))
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
        await catalog.close()
    assert plans == ["SEARCH videos USING INDEX videos_by_age (created_at<?)"]
