"""The JSON routes of jobs: what they answer, cancelling, trying again, and the bound of the line."""

from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import FormData

from streamserver.domain.jobs import JobStatus
from tests.web.house import House, assert_problem, open_house, source_bytes

JOB_KEYS = {
    *("id", "video_id", "status", "stage", "percent", "speed", "frames_per_second", "eta_seconds"),
    *("queue_position", "attempt", "failures", "last_error", "retry_at", "error", "renditions", "sequence"),
    *("created_at", "started_at", "finished_at"),
    *("title", "received_bytes", "size_bytes", "bytes_per_second", "is_duplicate"),
}


async def test_a_complete_job_tells_how_it_went(house: House) -> None:
    """GET of a job: exactly the documented keys, 100 percent of every rendition, when it began and ended."""
    video = await house.complete()
    job = await house.json(f"/api/jobs/{video['job_id']}")
    assert job.keys() == JOB_KEYS
    assert (job["id"], job["video_id"]) == (video["job_id"], video["id"])
    assert (job["status"], job["stage"], job["percent"], job["attempt"]) == ("COMPLETE", "publish", 100.0, 1)
    assert (job["error"], job["queue_position"]) == (None, None)
    assert job["renditions"] == [{"name": name, "percent": 100.0} for name in ("360p", "270p", "180p")]
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]


async def test_a_running_job_tells_how_far_it_is(house: House) -> None:
    """Percent lies between 0 and 100, each rendition has its own, and what is left is estimated."""
    video = await house.growing(seconds=20)
    job = await house.json(f"/api/jobs/{video['job_id']}")
    assert (job["status"], job["stage"], job["finished_at"]) == ("RUNNING", "encode", None)
    assert job["renditions"] == [{"name": name, "percent": 10.0} for name in ("360p", "270p", "180p")]
    assert (job["speed"], job["frames_per_second"], job["eta_seconds"]) == (10.0, 250.0, 1.8)
    await house.grow(video)
    later = await house.json(f"/api/jobs/{video['job_id']}")
    assert 0 < job["percent"] < later["percent"] < 100
    assert later["sequence"] > job["sequence"]


async def test_those_who_wait_know_their_place(house: House) -> None:
    """The next in line has place 1; when one leaves the line those behind it move up."""
    await house.growing()
    waiting = [(await house.upload(f"No {number}"))[1]["id"] for number in range(3)]

    async def places() -> list[int | None]:
        return [(await house.json(f"/api/jobs/{job_id}"))["queue_position"] for job_id in waiting]

    assert await places() == [1, 2, 3]
    await house.json(f"/api/jobs/{waiting[1]}", method="DELETE", status=202)
    assert await places() == [1, None, 2]


async def test_all_jobs_are_listed(house: House) -> None:
    """GET /api/jobs: the newest first, the running and the waiting as they are at the moment."""
    first = await house.growing()
    _, second = await house.upload()
    listed = await house.json("/api/jobs")
    assert listed.keys() == {"jobs", "next"}
    assert [job["id"] for job in listed["jobs"]] == [second["id"], first["job_id"]]
    assert [job["status"] for job in listed["jobs"]] == ["READY", "RUNNING"]
    assert [job["queue_position"] for job in listed["jobs"]] == [1, None]
    assert all(job.keys() == JOB_KEYS for job in listed["jobs"])


async def test_jobs_come_page_by_page(house: House) -> None:
    """`limit` and `cursor` lead through all of them, newest first, each once; the last page has no `next`."""
    running = await house.growing()
    newest_first = [running["job_id"], *[(await house.upload())[1]["id"] for _ in range(4)]][::-1]
    seen, query = [], "?limit=2"
    for more in (True, True, False):
        listed = await house.json(f"/api/jobs{query}")
        seen += [job["id"] for job in listed["jobs"]]
        assert (listed["next"] is not None) == more
        query = f"?limit=2&cursor={listed['next']}"
    assert seen == newest_first


async def test_jobs_are_listed_by_status(house: House) -> None:
    """`status` picks those that stand there, and may be given several times, also with pages."""
    complete = await house.complete()
    running = await house.growing()
    waiting = [(await house.upload())[1]["id"] for _ in range(2)]
    await house.json(f"/api/jobs/{waiting[0]}", method="DELETE", status=202)

    async def ids(query: str) -> list[str]:
        return [job["id"] for job in (await house.json(f"/api/jobs?{query}"))["jobs"]]

    assert await ids("status=READY") == [waiting[1]]
    assert await ids("status=RUNNING&status=READY") == [waiting[1], running["job_id"]]
    assert await ids("status=COMPLETE&status=ERROR") == [waiting[0], complete["job_id"]]
    first = await house.json("/api/jobs?status=COMPLETE&status=ERROR&limit=1")
    assert await ids(f"status=COMPLETE&status=ERROR&cursor={first['next']}") == [complete["job_id"]]


@pytest.mark.parametrize("query", ["status=ready", "status=", "limit=0", "limit=101", "limit=x", "cursor=x"])
async def test_a_list_that_makes_no_sense_is_refused(house: House, query: str) -> None:
    """400 with what is allowed."""
    await assert_problem(await house.client.get(f"/api/jobs?{query}"), 400, "bad_input")


async def test_a_waiting_job_is_cancelled(house: House) -> None:
    """DELETE answers 202 with a job in ERROR by `cancelled`; it is never run, and its video is not listed."""
    running = await house.growing()
    _, job = await house.upload()
    answer = await house.json(f"/api/jobs/{job['id']}", method="DELETE", status=202)
    assert answer.keys() == JOB_KEYS
    assert (answer["status"], answer["attempt"]) == ("ERROR", 0)
    assert answer["error"] == {"code": "cancelled", "message": "The job was cancelled."}
    await house.finish(running)
    assert await house.json(f"/api/jobs/{job['id']}") == answer
    assert [video["id"] for video in (await house.json("/api/videos"))["videos"]] == [running["id"]]


async def test_a_running_job_is_cancelled(house: House) -> None:
    """DELETE stops the encoder, drops what grew, and lets the next in line begin."""
    running = await house.growing()
    _, job = await house.upload()
    answer = await house.json(f"/api/jobs/{running['job_id']}", method="DELETE", status=202)
    assert (answer["status"], answer["error"]["code"]) == ("ERROR", "cancelled")
    video = await house.json(f"/api/videos/{running['id']}")
    assert (video["status"], video["renditions"]) == ("error", [])
    house.encoder.gate.set()
    assert (await house.end_of(job["id"])).status is JobStatus.COMPLETE


async def test_a_cancelled_job_is_tried_again(house: House) -> None:
    """POST …/retry answers 202 and the job, waiting; it ends COMPLETE at a higher attempt and sequence number."""
    video = await house.growing()
    cancelled = await house.json(f"/api/jobs/{video['job_id']}", method="DELETE", status=202)
    house.encoder.gate.set()
    again = await house.json(f"/api/jobs/{video['job_id']}/retry", method="POST", status=202)
    assert again.keys() == JOB_KEYS
    assert again["error"] is None
    assert again["sequence"] > cancelled["sequence"]
    ended = await house.end_of(video["job_id"])
    assert (ended.status, ended.attempt) == (JobStatus.COMPLETE, 2)
    assert (await house.json(f"/api/videos/{video['id']}"))["status"] == "complete"


async def test_a_job_that_failed_says_why(house: House) -> None:
    """A fault of the encoder ends in ERROR with its code and sentence, and can be tried again."""
    _, job = await house.upload(fault="The encoder had a bad day.")
    await house.end_of(job["id"])
    answer = await house.json(f"/api/jobs/{job['id']}")
    assert answer["error"] == {"code": "encoder_failed", "message": "The encoder had a bad day."}
    assert (await house.json(f"/api/jobs/{job['id']}/retry", method="POST", status=202))["error"] is None


async def test_a_file_that_cannot_be_used_is_not_tried_again(house: House) -> None:
    """What is no video was removed; retrying says to upload it again."""
    _, job = await house.upload(seconds="none")
    await house.end_of(job["id"])
    assert (await house.json(f"/api/jobs/{job['id']}"))["error"]["code"] == "source_unusable"
    response = await house.client.post(f"/api/jobs/{job['id']}/retry")
    assert "upload it again" in await assert_problem(response, 409, "conflict")


async def test_what_makes_no_sense_in_a_state_is_a_conflict(house: House) -> None:
    """A job that is over cannot be cancelled, one that runs or is complete cannot be tried again."""
    running = await house.growing()
    await assert_problem(await house.client.post(f"/api/jobs/{running['job_id']}/retry"), 409, "conflict")
    complete = await house.finish(running)
    await assert_problem(await house.client.post(f"/api/jobs/{complete['job_id']}/retry"), 409, "conflict")
    await assert_problem(await house.client.delete(f"/api/jobs/{complete['job_id']}"), 409, "conflict")


@pytest.mark.parametrize("path", ["/api/jobs/nope", "/api/jobs/nope/events", "/api/jobs/%00", "/api/jobs/a%2Fb"])
async def test_a_job_that_is_not_there_is_not_found(house: House, path: str) -> None:
    """404 for GET, whatever the id looks like."""
    await assert_problem(await house.client.get(path), 404, "not_found")


async def test_the_line_is_bounded(tmp_path: Path) -> None:
    """Past `queue_limit` waiting jobs an upload is refused with Retry-After, until a place is free again."""
    async with open_house(tmp_path, queue_limit=2) as house:
        running = await house.growing()
        _, second = await house.upload()
        await house.upload()
        async with house.client.post("/api/videos", data=FormData({"file": BytesIO(source_bytes())})) as response:
            assert "try again" in await assert_problem(response, 503, "queue_full")
            assert response.headers["Retry-After"] == "60"
        assert len((await house.json("/api/jobs"))["jobs"]) == 3
        await house.json(f"/api/jobs/{second['id']}", method="DELETE", status=202)
        await house.upload()
        house.encoder.gate.set()
        await house.end_of(running["job_id"])


async def test_uploads_under_way_have_their_place_in_line(tmp_path: Path) -> None:
    """A place is taken when an upload begins, not when it ends: nobody sends a gigabyte for a 503."""
    async with open_house(tmp_path, queue_limit=1) as house:
        await house.growing()
        async with house.services.receive.upload():
            response = await house.client.post("/api/videos", data=FormData({"file": BytesIO(source_bytes())}))
            await assert_problem(response, 503, "queue_full")
        await house.upload()
