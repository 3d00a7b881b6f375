"""Job reports over Server-Sent Events: snapshot, order, resumption, slow readers, and how streams end."""

import asyncio
import socket
from dataclasses import replace

import pytest

from streamserver.domain.jobs import JobEvent, JobStatus, claimed, completed, waiting_again
from tests.web.clock import skip, until
from tests.web.house import House, source_bytes
from tests.web.sse import blocks, events_of, next_event, parse
from tests.web.test_jobs import JOB_KEYS
from tests.web.tus import create, patch
from tests.web.wire import connection


async def test_a_job_is_followed_from_line_to_end(house: House) -> None:
    """Ready, running, progress and complete come in order, with rising ids and percent; then the stream ends."""
    first = await house.growing()
    _, job = await house.upload(seconds=30)
    async with house.client.get(f"/api/jobs/{job['id']}/events") as stream:
        reports = events_of(stream)
        heard = [await anext(reports)]
        house.encoder.gate.set()
        heard += [report async for report in reports]
    assert (await house.end_of(first["job_id"])).status is JobStatus.COMPLETE
    names = [event.name for event in heard]
    assert (names[0], names[-1]) == ("ready", "complete")
    assert names.index("running") < names.index("progress") < names.index("complete")
    assert names.count("running") == names.count("complete") == 1
    assert heard[0].job["queue_position"] == 1
    assert heard[0].retry_milliseconds == 2000
    assert {event.retry_milliseconds for event in heard[1:]} == {None}
    for event in heard:
        assert event.job.keys() == JOB_KEYS
        assert event.id == str(event.job["sequence"])
        assert event.job["status"] == {"progress": "RUNNING"}.get(event.name, event.name.upper())
    sequences = [event.job["sequence"] for event in heard]
    assert sequences == sorted(set(sequences))
    percents = [event.job["percent"] for event in heard]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0.0, 100.0)


async def test_a_stream_is_not_kept_back_by_caches_and_proxies(house: House) -> None:
    """Its header says so to caches, and to nginx."""
    video = await house.growing()
    async with house.client.get(f"/api/jobs/{video['job_id']}/events") as stream:
        assert stream.content_type == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-cache"
        assert stream.headers["X-Accel-Buffering"] == "no"


async def test_the_snapshot_comes_at_once(house: House) -> None:
    """Who joins late hears how far the job is, without waiting for the next report."""
    video = await house.growing()
    snapshot = await house.json(f"/api/jobs/{video['job_id']}")
    async with house.client.get(f"/api/jobs/{video['job_id']}/events") as stream:
        event = await next_event(stream)
    assert (event.name, event.job) == ("running", snapshot)


async def test_a_job_that_is_over_is_told_once(house: House) -> None:
    """The terminal report, and the end of the stream."""
    video = await house.complete()
    async with house.client.get(f"/api/jobs/{video['job_id']}/events") as stream:
        (event,) = [event async for event in events_of(stream)]
    assert (event.name, event.job["percent"]) == ("complete", 100.0)


async def test_a_failure_is_told_with_its_reason(house: House) -> None:
    """The event `error` carries the sentence."""
    _, job = await house.upload(fault="The encoder had a bad day.")
    async with house.client.get(f"/api/jobs/{job['id']}/events") as stream:
        heard = [event async for event in events_of(stream)]
    assert [event.name for event in heard].count("error") == 1
    assert heard[-1].job["error"] == {"code": "encoder_failed", "message": "The encoder had a bad day."}


async def test_a_browser_that_heard_the_end_is_stopped(house: House) -> None:
    """It comes back by itself with the last id, and 204 tells it not to (§9.2.3)."""
    video = await house.complete()
    path = f"/api/jobs/{video['job_id']}/events"
    async with house.client.get(path) as stream:
        (event,) = [event async for event in events_of(stream)]
    async with house.client.get(path, headers={"Last-Event-ID": event.id}) as response:
        assert (response.status, await response.read()) == (204, b"")


async def test_who_comes_back_hears_what_is_new(house: House) -> None:
    """With the id of the present report nothing is repeated; with an older one the present report comes first."""
    video = await house.growing()
    path = f"/api/jobs/{video['job_id']}/events"
    async with house.client.get(path) as stream:
        first = await next_event(stream)
    async with house.client.get(path, headers={"Last-Event-ID": first.id}) as stream:
        await house.grow(video)
        second = await next_event(stream)
        assert int(second.id) > int(first.id)
    async with house.client.get(path, headers={"Last-Event-ID": first.id}) as stream:
        assert int((await next_event(stream)).id) >= int(second.id)
    complete = await house.finish(video)
    async with house.client.get(path, headers={"Last-Event-ID": first.id}) as stream:
        (last,) = [event async for event in events_of(stream)]
    assert (last.name, last.job["video_id"]) == ("complete", complete["id"])


@pytest.mark.parametrize("heard", ["", "x", "-1", "1.5", "9" * 100, "٣", "1; 2"])
async def test_an_id_that_is_none_is_ignored(house: House, heard: str) -> None:
    """The snapshot comes as if it were the first visit."""
    video = await house.complete()
    path = f"/api/jobs/{video['job_id']}/events"
    async with house.client.get(path, headers={"Last-Event-ID": heard}) as stream:
        assert (await next_event(stream)).name == "complete"


async def test_all_jobs_are_followed_at_once(house: House) -> None:
    """/api/events tells of those that are not over, then of every job that comes, and does not end with one."""
    await house.complete("over before")
    running = await house.growing()
    _, waiting = await house.upload()
    async with house.client.get("/api/events") as stream:
        reports = events_of(stream)
        present: dict[str, str] = {}
        while present.keys() != {running["job_id"], waiting["id"]}:
            event = await anext(reports)
            present[event.job["id"]] = event.name
        assert present == {running["job_id"]: "running", waiting["id"]: "ready"}
        house.encoder.gate.set()
        over: list[str] = []
        while len(over) < 2:
            event = await anext(reports)
            if event.name == "complete":
                over.append(event.job["id"])
        assert over == [running["job_id"], waiting["id"]]
        _, later = await house.upload()
        while event.job["id"] != later["id"] or event.name != "complete":
            event = await anext(reports)


async def test_nothing_is_told_twice(house: House) -> None:
    """/api/events begins with each job as it is, and goes on with what is newer than that."""
    running = await house.growing(seconds=30)
    await house.upload()
    async with house.client.get("/api/events") as stream:
        reports = events_of(stream)
        heard = [await anext(reports), await anext(reports)]
        await house.grow(running)
        heard += [await anext(reports)]
        await house.grow(running)
        heard += [await anext(reports)]
    assert [event.name for event in heard] == ["running", "ready", "progress", "progress"]
    told = [(event.job["id"], event.id) for event in heard]
    assert len(set(told)) == len(told)


async def test_a_slow_reader_misses_progress_but_no_change_of_status(house: House) -> None:
    """While it does not read, thousands of reports cost it the middle ones; the latest and the end still come."""
    await house.growing()
    _, upload = await house.upload()
    waiting = await house.services.jobs.get(upload["id"])
    count = 15_000
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", house.port))
        client.setblocking(False)
        client.sendall(f"GET /api/jobs/{upload['id']}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = await receive_until(client, b"\r\n\r\n\r\n")
        job = claimed(waiting, now=waiting.created_at)
        for number in range(count):
            job = replace(job, sequence=job.sequence + 1, percent=round(number * 100 / count, 2))
            await house.bus.publish(job)
            await asyncio.sleep(0)
        released = waiting_again(job, JobEvent.RELEASE)
        again = claimed(released, now=job.created_at)
        for report in (released, again, completed(again, now=job.created_at)):
            await house.bus.publish(report)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received += await receive_until(client, b"0\r\n\r\n")
    events = [event for block in received.decode().split("\r\n\r\n") if (event := parse(block.splitlines()))]
    assert [event.name for event in events][:2] == ["ready", "running"]
    assert [event.name for event in events][-4:] == ["progress", "ready", "running", "complete"]
    assert events[-4].job["sequence"] == job.sequence
    assert len(events) < count


async def receive_until(client: socket.socket, end: bytes) -> bytes:
    received = bytearray()
    while not received.endswith(end):
        received += await asyncio.get_running_loop().sock_recv(client, 1 << 20)
    return bytes(received)


async def test_a_quiet_stream_is_kept_alive(house: House) -> None:
    """A comment comes every 15 seconds, so that proxies do not close what is only quiet."""
    await house.growing()
    _, waiting = await house.upload()
    async with house.client.get(f"/api/jobs/{waiting['id']}/events") as stream:
        lines = blocks(stream.content)
        assert parse(await anext(lines)) is not None
        for _ in range(2):
            skip(15)
            while (block := await anext(lines)) != [": ping"]:
                assert parse(block) is not None


async def test_who_leaves_is_forgotten(house: House) -> None:
    """The subscription of a client that is gone is given back at the latest with the next ping."""
    await house.growing()
    _, waiting = await house.upload()
    listeners = house.bus._listeners
    for path in (f"/api/jobs/{waiting['id']}/events", "/api/events"):
        async with house.client.get(path) as stream:
            await next_event(stream)
            assert len(listeners) == len(house.services.streams) == 1
            stream.close()
        skip(15)
        await until(lambda: not listeners and not house.services.streams)


async def test_streams_end_when_the_server_stops(house: House) -> None:
    """Browsers come back to the server that is next; nobody waits for them to leave."""
    await house.growing()
    _, waiting = await house.upload()
    one = await house.client.get(f"/api/jobs/{waiting['id']}/events")
    every = await house.client.get("/api/events")
    assert (await next_event(one)).name == "ready"
    await house.client.server.close()
    assert b"event: complete" not in await one.read()
    await every.read()
    assert not house.services.streams
    assert not house.bus._listeners
    house.encoder.gate.set()


async def test_an_old_proxy_hears_the_end_too(house: House) -> None:
    """Over HTTP/1.0, as nginx asks by default, the end of the stream is that of the connection."""
    video = await house.complete()
    async with connection(house.port) as (reader, writer):
        writer.write(f"GET /api/jobs/{video['job_id']}/events HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        received = await reader.read()
    head, _, stream = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    assert b"chunked" not in head.lower()
    assert stream.startswith(b"id: ")
    assert stream.endswith(b"\r\n\r\n")


async def test_an_upload_and_its_job_are_one_stream(house: House) -> None:
    """Who follows an upload hears how much has come, the encoding and its end, and nothing twice."""
    content = source_bytes(note="x" * 9000)
    path = await create(house, len(content))
    job_id = path.rsplit("/", 1)[1]
    async with house.client.get(f"/api/jobs/{job_id}/events") as stream:
        reports = events_of(stream)
        heard = [await anext(reports)]
        for start in range(0, len(content), 9000):
            assert (await patch(house, path, start, content[start : start + 9000])).status == 204
        heard += [report async for report in reports]
    assert [event.name for event in heard[:2]] == ["ready", "ready"]
    assert heard[-1].name == "complete"
    received = [event.job["received_bytes"] for event in heard]
    assert received[0] == 0
    assert 9000 in received
    assert received[-1] is None
    assert {event.job["video_id"] for event in heard} == {heard[0].job["video_id"]}
    sequences = [event.job["sequence"] for event in heard]
    assert sequences == sorted(set(sequences))
