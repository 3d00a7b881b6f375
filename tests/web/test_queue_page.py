"""The queue page as the server makes it: what it shows before any script runs, and at what cost."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from streamserver.domain.jobs import Job, JobStatus, Stage
from streamserver.web.job_words import (
    bytes_words,
    can_retry,
    problem_words,
    progress_words,
    span_words,
    state_of,
    status_words,
    took_words,
)
from streamserver.web.queue_page import ENDED_SHOWN, WAITING_SHOWN, in_line
from tests.flows.doubles import TroubledCatalog
from tests.web.house import House, assert_problem, open_house
from tests.web.test_pages import data_of, page

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def text_of(html: str) -> str:
    """Return what a reader sees, without tags."""
    return " ".join(unescape(re.sub(r"<(script|template)\b.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)).split())


def sections(html: str) -> dict[str, list[str]]:
    """Return the texts of the rows in each section that is shown."""
    found = re.findall(r'<section[^>]* id="(\w+)"[^>]*?( hidden)?>(.*?)</section>', html, flags=re.DOTALL)
    assert all(("<li" in inside) == (not hidden) for _, hidden, inside in found)
    rows = r'<li class="queue-row".*?\n</li>'
    return {
        name: [text_of(row) for row in re.findall(rows, inside, flags=re.DOTALL)]
        for name, hidden, inside in found
        if not hidden
    }


async def test_jobs_stand_where_they_belong(house: House) -> None:
    """What runs first with its renditions, then what waits by its place, then what is over, the newest first."""
    await house.complete("Done")
    _, failed = await house.upload("Broken", fault="The encoder had a bad day.")
    await house.end_of(failed["id"])
    await house.growing(seconds=20)
    for number in (1, 2):
        await house.upload(f"Waiting {number}")
    html = await page(house, "/jobs")
    shown = sections(html)
    assert list(shown) == ["running", "waiting", "ended"]
    (running,) = shown["running"]
    assert "Encoding" in running
    assert "% 10× real time 250 frames/s about 5 seconds left" in running
    assert all(f"{name} 10 %" in running for name in ("360p", "270p", "180p"))
    for row, words in zip(
        shown["waiting"], ("Waiting 1 Waiting, 1st in", "Waiting 2 Waiting, 2nd in"), strict=True
    ):
        assert row.startswith(words)
    assert "Failed" in shown["ended"][0]
    assert "The encoder had a bad day." in shown["ended"][0]
    assert re.search(r"Done Complete \d+ \w+ \d{4}, \d\d:\d\d UTC , took ", shown["ended"][1])


async def test_rows_lead_to_the_player_with_a_picture(house: House) -> None:
    """Title and poster are links to the video's page; the data for the scripts are the same rows."""
    video = await house.complete("My clip")
    html = await page(house, "/jobs")
    assert html.count(f'href="{video["url"]}"') == 2
    assert f'<img src="{video["poster_url"]}"' in html
    data = data_of(html, "queue-data")
    assert isinstance(data, dict)
    job = await house.json(f"/api/jobs/{video['job_id']}")
    assert data["jobs"] == [{**job, "title": "My clip", "poster_url": video["poster_url"]}]
    assert (data["is_older"], data["behind"]) == (False, [])


async def test_jobs_that_are_over_stay_listed_page_by_page(house: House) -> None:
    """The link to the older ones leads through all of them; there nothing but what is over is shown."""
    for number in range(ENDED_SHOWN + 3):
        await house.complete(f"Clip {number}.")
    await house.growing()
    html = await page(house, "/jobs")
    (address,) = re.findall(r'href="([^"]*)" rel="next"', html)
    older = await page(house, unescape(address))
    assert list(sections(html)) == ["running", "ended"]
    assert list(sections(older)) == ["ended"]
    titles = [row.split(".")[0] for row in sections(html)["ended"] + sections(older)["ended"]]
    assert titles == [f"Clip {number}" for number in reversed(range(ENDED_SHOWN + 3))]
    assert 'rel="next"' not in older
    assert '<a class="button" href="/jobs">Newest</a>' in older


async def test_a_long_line_is_shown_as_far_as_one_reads(tmp_path: Path) -> None:
    """Those too far behind are counted, and named for the scripts."""
    async with open_house(tmp_path, queue_limit=WAITING_SHOWN + 10) as house:
        await house.growing()
        for number in range(WAITING_SHOWN + 3):
            await house.upload(f"Clip {number}")
        html = await page(house, "/jobs")
        assert len(sections(html)["waiting"]) == WAITING_SHOWN - 1
        assert "4 more wait behind these." in text_of(html)
        data = data_of(html, "queue-data")
        assert isinstance(data, dict)
        assert len(data["behind"]) == 4
        house.encoder.gate.set()


async def test_many_rows_cost_no_more_questions(tmp_path: Path) -> None:
    """The videos of twenty jobs are one question to the catalog."""
    catalog = TroubledCatalog()
    async with open_house(tmp_path, catalog=catalog) as house:
        for _ in range(20):
            await house.complete()
        catalog.calls.clear()
        assert len(sections(await page(house, "/jobs"))["ended"]) == 20
        assert catalog.calls.count("videos_of") == 1
        # These are looks of the memory catalog's own, within that one question.
        assert catalog.calls.count("video") == 20
        assert "job" not in catalog.calls


async def test_a_broken_link_says_so(house: House) -> None:
    """A cursor that was cut off is a 400."""
    await assert_problem(await house.client.get("/jobs?cursor=x"), 400, "bad_input")


def job(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Give a job as pages and scripts see it."""
    usual = {"status": "RUNNING", "stage": "encode", "percent": 34.9, "attempt": 1, "renditions": []}
    faults = {"error": None, "last_error": None, "retry_at": None}
    figures = {"speed": None, "frames_per_second": None, "eta_seconds": None, "queue_position": None}
    upload = {"received_bytes": None, "size_bytes": None, "bytes_per_second": None, "is_duplicate": False}
    return {**usual, **faults, **figures, **upload, "started_at": None, "finished_at": None, **changes}


def coming(received_bytes: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """Return a job whose file is on its way."""
    return job(status="READY", stage="upload", received_bytes=received_bytes, **changes)


FAULT = {"code": "encoder_failed", "message": "The encoder stopped."}
RENDITIONS = [
    {"name": "360p", "percent": 100.0},
    {"name": "270p", "percent": 99.9},
    {"name": "180p", "percent": 100.0},
]
CANCELLED = {"code": "cancelled", "message": "The job was cancelled."}
UNUSABLE = {"code": "source_unusable", "message": "No video."}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (job(), "Encoding"),
        (job(stage="probe"), "Looking at the file"),
        (job(stage="something new"), "Working"),
        (job(status="READY"), "Waiting"),
        (job(stage="wait", queue_position=2), "Waiting to go on, 2nd in the queue"),
        (job(status="READY", retry_at="2026-03-04T12:00:00Z"), "Waiting to be tried again"),
        (job(status="READY", retry_at="2026-03-04T12:00:00Z", queue_position=1), "Waiting, 1st in the queue"),
        (job(status="READY", queue_position=1), "Waiting, 1st in the queue"),
        (job(status="READY", queue_position=12), "Waiting, 12th in the queue"),
        (job(status="READY", queue_position=103), "Waiting, 103rd in the queue"),
        (coming(0, size_bytes=100), "Waiting for the file"),
        (coming(10, size_bytes=100, bytes_per_second=5), "Receiving"),
        (coming(10, size_bytes=100), "On hold"),
        (coming(10), "On hold"),
        (coming(100, size_bytes=100, bytes_per_second=5), "Checking the file"),
        (coming(10, retry_at="2026-03-04T12:00:00Z"), "Waiting to be tried again"),
        (job(status="COMPLETE"), "Complete"),
        (job(status="COMPLETE", is_duplicate=True), "In the library already"),
        (job(status="ERROR", error=FAULT), "Failed"),
        (job(status="ERROR", error=CANCELLED), "Cancelled"),
    ],
)
def test_status_in_words(found: dict[str, Any], words: str) -> None:
    """Where a job stands, also at a stage that the page does not know."""
    assert status_words(found) == words


@pytest.mark.parametrize(
    ("found", "facts"),
    [
        (job(), ["34 %"]),
        (
            job(speed=1.84, frames_per_second=45.4, eta_seconds=200),
            ["34 %", "1.8× real time", "45 frames/s", "about 3 minutes left"],
        ),
        (job(speed=12.3), ["34 %", "12× real time"]),
        (job(status="READY", eta_seconds=4000), ["done in about 1 hour 7 minutes"]),
        (job(stage="wait"), ["34 %"]),
        (
            job(stage="wait", eta_seconds=60, renditions=[RENDITIONS[0], RENDITIONS[2]]),
            ["34 %", "360p, 180p ready", "done in about 1 minute"],
        ),
        (job(stage="wait", renditions=[RENDITIONS[1]]), ["34 %"]),
        (job(status="READY"), []),
        (
            coming(51_600_000, size_bytes=120_000_000, percent=43.2, bytes_per_second=8e6, eta_seconds=8.6),
            ["51.6 MB of 120 MB", "43 %", "8.0 MB/s", "about 10 seconds left"],
        ),
        (coming(5_000, bytes_per_second=700), ["5.0 kB", "700 bytes/s"]),
        (coming(0, size_bytes=2_000, percent=0.0), ["0 bytes of 2.0 kB", "0 %"]),
        (coming(0), []),
        (job(status="COMPLETE", speed=2.0, eta_seconds=0.0), []),
    ],
)
def test_progress_in_words(found: dict[str, Any], facts: list[str]) -> None:
    """The figures that there are, and no others."""
    assert progress_words(found) == facts


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.1, "5 seconds"),
        (12, "10 seconds"),
        (57.4, "55 seconds"),
        (58, "1 minute"),
        (95, "2 minutes"),
        (3600, "1 hour"),
        (3600 * 5 + 60 * 20 + 12, "5 hours 20 minutes"),
    ],
)
def test_spans_in_words(seconds: float, words: str) -> None:
    """A guess is not given to the second."""
    assert span_words(seconds) == words


def test_problems_in_words() -> None:
    """Why it failed, or failed the last time; a person's own wish is none."""
    assert problem_words(job(status="ERROR", error=FAULT)) == "The encoder stopped."
    before = "The last attempt failed: The encoder stopped."
    assert [problem_words(job(status=it, last_error=FAULT)) for it in ("READY", "RUNNING")] == [before] * 2
    assert problem_words(job(status="ERROR", error=CANCELLED)) == ""
    assert problem_words(job()) == ""


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (job(), "running"),
        (job(stage="publish"), "running"),
        (job(stage="wait"), "waiting"),
        (job(status="READY", stage="upload"), "waiting"),
        (coming(0), "receiving"),
        (job(status="ERROR", stage="upload", received_bytes=0, error=FAULT), "ended"),
        (job(status="COMPLETE", stage="publish"), "ended"),
        (job(status="ERROR", stage="wait", error=CANCELLED), "ended"),
    ],
)
def test_the_list_that_a_job_stands_in(found: dict[str, Any], state: str) -> None:
    """Who waits between two tasks waits, though the job was begun."""
    assert state_of(found) == state


def test_only_what_may_help_is_offered() -> None:
    """To try again: what failed or was cancelled, unless the file was the fault."""
    assert can_retry(job(status="ERROR", error=FAULT))
    assert can_retry(job(status="ERROR", error=CANCELLED))
    assert not can_retry(job(status="ERROR", error=UNUSABLE))
    assert not can_retry(job(status="COMPLETE"))
    later = "2026-03-04T12:00:20Z"
    assert can_retry(job(status="READY", retry_at=later))
    assert not can_retry(job(status="READY", retry_at=later, queue_position=2))
    assert not can_retry(job(status="READY", retry_at=later, received_bytes=7))
    assert not can_retry(job(status="READY"))


def test_what_never_was_whole_is_fetched_again_or_not_at_all() -> None:
    """A link can be followed once more; a file that somebody sent is not there any more."""
    away = {"code": "link_unreachable", "message": "Nobody answers."}
    assert can_retry(job(status="ERROR", received_bytes=0, error=away))
    for code in ("cancelled", "unsupported_media", "gone"):
        assert not can_retry(job(status="ERROR", received_bytes=0, error={"code": code, "message": "No."}))


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (999.6, "1.0 kB"),
        (99_940, "99.9 kB"),
        (99_960, "100 kB"),
        (12_345_678, "12.3 MB"),
        (2e16, "20000 TB"),
    ],
)
def test_bytes_in_words(count: float, words: str) -> None:
    """In decimal units, with a decimal place where there is more than one to see."""
    assert bytes_words(count) == words


def test_how_long_it_took() -> None:
    """From the beginning of the attempt to its end; nothing where it never began."""
    times = {"started_at": "2026-03-04T12:00:00Z", "finished_at": "2026-03-04T13:00:01.5Z"}
    assert took_words(job(**times)) == "took 1 hour 1 second"
    assert took_words(job(**{**times, "finished_at": "2026-03-04T12:00:00.5Z"})) == "took less than a second"
    assert took_words(job(finished_at="2026-03-04T12:00:00Z")) == ""


def test_the_order_of_the_line() -> None:
    """What runs by when it began, what waits by its place, and what has none yet last, the oldest first."""

    def at(name: str, minute: int, **changes: Any) -> Job:  # noqa: ANN401 - any field
        return Job(id=name, video_id=name, created_at=NOON + timedelta(minutes=minute), **changes)

    begun = {"status": JobStatus.RUNNING, "started_at": NOON}
    line = [
        at("r1", 9, **begun),
        at("r2", 0, status=JobStatus.RUNNING, started_at=NOON + timedelta(seconds=1)),
        at("w1", 8, queue_position=1),
        at("w2", 1, queue_position=2, stage=Stage.WAIT, **begun),
        at("w3", 0, queue_position=3),
        at("x1", 2),
        at("x2", 3),
    ]
    assert in_line(reversed(line)) == line
