"""From "upload finished" to "first segment served": how soon a video can be watched."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from benchmarks.encode.outcome import CRF, LOOK_SECONDS, PATIENCE_SECONDS, PRESET
from benchmarks.product import ask, segment_paths, streamserver, upload
from benchmarks.report import table, with_spread
from benchmarks.servers import BenchError, Server, all_cores
from benchmarks.statistics import Summary, summarize

PIECE_BYTES = 1024 * 1024
MEGA = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A source, and how long its viewers are asked to wait."""

    label: str
    """What people call it."""
    source: Path
    """The file."""
    patience_seconds: float
    """The longest wait that is wanted, on a machine that does nothing else."""
    is_copied: bool
    """Whether the server takes it as it is, so that it may also take as long as reading the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPlay:
    """One upload."""

    first_segment_seconds: float
    """From the end of the upload until a player had a first segment."""
    read_seconds: float
    """What the disk took to give the whole file, right before, when none of it was in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What all uploads of a case came to."""

    label: str
    """What people call it."""
    size_bytes: int
    """Of the source."""
    first_segment: Summary
    """Seconds."""
    read: Summary
    """Seconds."""
    wanted_seconds: float
    """The longest wait that is wanted, with the reading."""


def first_play(case: Case, folder: Path) -> FirstPlay:
    """Upload a file to a server of its own, wait for a first segment, and end the server."""
    read_seconds = _read_cold(case.source)
    settings = {"x264_preset": PRESET, "x264_crf": str(CRF)}
    with streamserver(folder / "data", cores=all_cores(), log=folder / "server.log", settings=settings) as server:
        ask(server, "/healthz")
        added = upload(server, case.source, title=case.label)
        ended = time.monotonic()
        served = await_segment(server, added["video"]["id"], added["job"]["id"])
        return FirstPlay(first_segment_seconds=served - ended, read_seconds=read_seconds)


def await_segment(server: Server, video_id: str, job_id: str) -> float:
    """Return when a first segment was served to a player that looks again and again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if has_segment(server, video_id):
            return time.monotonic()
        job = ask(server, f"/api/jobs/{job_id}").json()
        if job["status"] == "ERROR":
            raise BenchError(f"the server could not encode: {job['error']}")
        time.sleep(LOOK_SECONDS)
    raise BenchError(f"there was no segment within {PATIENCE_SECONDS:.0f} s")


def has_segment(server: Server, video_id: str) -> bool:
    """Tell whether a player that starts with the multivariant playlist gets a segment of what is listed last."""
    master = f"/media/{video_id}/hls/master.m3u8"
    answer = ask(server, master)
    if answer.status != HTTPStatus.OK:
        return False
    *_, playlist = (line for line in answer.body.decode().splitlines() if not line.startswith("#"))
    segments = segment_paths(server, f"{master.rpartition('/')[0]}/{playlist}")
    return bool(segments) and ask(server, segments[0]).status == HTTPStatus.OK


def sum_up(runs: Mapping[Case, Sequence[FirstPlay]]) -> list[Outcome]:
    """Turn uploads into an outcome a case."""
    outcomes = []
    for case, found in runs.items():
        read = summarize(run.read_seconds for run in found)
        outcomes.append(
            Outcome(
                label=case.label,
                size_bytes=case.source.stat().st_size,
                first_segment=summarize(run.first_segment_seconds for run in found),
                read=read,
                wanted_seconds=case.patience_seconds + (read.median if case.is_copied else 0),
            )
        )
    return outcomes


def table_of(outcomes: Sequence[Outcome]) -> str:
    """Lay the outcomes out for people."""
    rows = [
        [
            outcome.label,
            f"{outcome.size_bytes / MEGA:.0f}",
            with_spread(outcome.first_segment),
            f"{outcome.read.median:.2f}",
            f"{outcome.wanted_seconds:.2f}",
            "yes" if outcome.first_segment.median <= outcome.wanted_seconds else "no",
        ]
        for outcome in outcomes
    ]
    headers = ["upload finished → first segment", "MB", "seconds", "reading it once, s", "wanted, s", "kept"]
    return table(headers, rows)


def _read_cold(file: Path) -> float:
    """Return how long the disk takes to give a file of which nothing is in memory."""
    with file.open("rb", buffering=0) as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        began = time.monotonic()
        while opened.read(PIECE_BYTES):
            pass
        return time.monotonic() - began
