"""The load generator's honesty: it counts what was answered rightly and whole, and nothing else."""

import itertools
import os
import shutil
import threading
import time
from dataclasses import replace

import pytest
from benchmarks.serve.load import Cell, Generator, Question, build_generator
from benchmarks.servers import BenchError, Server, all_cores, free_port

from tests.bench.liar import LENGTH, Answer, Closing, Liar, partial, serving
from tests.facts import missing

SIZE = 1000
RANGES = Question(work="range", path="/video.mp4", length=LENGTH, size=SIZE, connections=4)
NOT_MODIFIED = b'HTTP/1.1 304 Not Modified\r\nContent-Length: 100000\r\nETag: "a"\r\n\r\n'


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    if shutil.which("cc") is None:
        missing("there is no C compiler")
    return build_generator(tmp_path_factory.mktemp("load"), seconds=0.2, warmup_seconds=0)


def server_at(port: int) -> Server:
    """Describe a server in this very process."""
    return Server(name="liar", port=port, group=os.getpgrp())


def measure(generator: Generator, answer: Answer, question: Question = RANGES) -> tuple[Cell, Liar]:
    with serving(answer) as liar:
        return generator.measure(server_at(liar.port), question, cores=all_cores()), liar


def every_second(wrong: Answer) -> Answer:
    """Answer rightly and wrongly in turn."""
    turns = itertools.count()
    return lambda first, last: wrong(first, last) if next(turns) % 2 else partial(first, last)


def test_it_claims_no_more_than_was_answered(generator: Generator) -> None:
    """Where all answers are right there are no faults, and no request that the server did not answer."""
    cell, liar = measure(generator, partial)
    assert cell.fault_count == 0
    assert cell.reconnections == 0
    assert 0 < cell.requests <= liar.answered <= cell.requests + RANGES.connections
    assert cell.requests * SIZE <= cell.bytes <= liar.answered * SIZE


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("status", lambda first, last: partial(first, last, status="200 OK")),
        ("status", lambda first, last: partial(first, last, status="404 Not Found")),
        ("length", lambda first, last: partial(first, last, content_length=str(last - first))),
        ("length", lambda first, last: partial(first, last, content_length=str(LENGTH))),
        ("length", lambda first, last: partial(first, last, content_length=None)),
        ("content_range", lambda first, last: partial(first, last, content_range=None)),
        ("content_range", lambda first, last: partial(first, last, content_range=f"bytes {first}-{last}/1")),
        ("content_range", lambda first, last: partial(first + 1, last + 1)),
        ("malformed", lambda first, last: partial(first, last, transfer_encoding="chunked")),
        ("malformed", lambda first, last: partial(first, last, content_length="ten")),
        ("malformed", lambda _first, _last: b"SSH-2.0-OpenSSH\r\n\r\n"),
        ("malformed", lambda _first, _last: b"x" * 10_000),
        ("cut_off", lambda first, last: Closing(partial(first, last)[:-1])),
    ],
)
def test_a_lie_is_counted_as_a_fault(generator: Generator, fault: str, wrong: Answer) -> None:
    """An answer that is wrong in one way is no request, and is counted under its name alone."""
    cell, liar = measure(generator, every_second(wrong))
    assert cell.fault_count == cell.faults[fault] > 0
    assert 0 < cell.requests <= liar.answered - cell.fault_count


def test_more_bytes_than_announced_are_a_fault(generator: Generator) -> None:
    """What follows a body unasked is found at once, or as the head of the next answer."""
    cell, _ = measure(generator, every_second(lambda first, last: partial(first, last) + b"more"))
    assert cell.fault_count == cell.faults["surplus"] + cell.faults["malformed"] > 0


def test_an_answer_that_does_not_end_is_no_request(generator: Generator) -> None:
    """Bodies of which the last byte never comes are bytes, but no requests."""
    cell, _ = measure(generator, lambda first, last: partial(first, last)[:-1])
    assert cell.requests == 0
    assert cell.bytes == RANGES.connections * (SIZE - 1)
    assert cell.server_cpu_microseconds is None


def test_a_connection_may_end_between_answers(generator: Generator) -> None:
    """A server that closes idle connections does nothing wrong: the generator connects again."""
    cell, _ = measure(generator, lambda first, last: Closing(partial(first, last)))
    assert cell.fault_count == 0
    assert cell.reconnections > 0
    assert cell.requests > 0


@pytest.mark.parametrize("is_listening", [True, False])
def test_nothing_but_faults_is_no_measurement(generator: Generator, *, is_listening: bool) -> None:
    """Where no answer is good, or nobody listens, there is an error and no rate."""
    patient = replace(generator, seconds=60)
    with serving(lambda _first, _last: b"no\r\n\r\n") as liar:
        port = liar.port if is_listening else free_port()
        with pytest.raises(BenchError, match="no good answer"):
            patient.measure(server_at(port), RANGES, cores=all_cores())


def test_only_304_confirms_what_one_has(generator: Generator) -> None:
    """Its Content-Length is that of a 200 and no body follows; a 200 in its place is a fault."""
    question = replace(RANGES, work="conditional", etag='"a"')
    cell, _ = measure(generator, lambda _first, _last: NOT_MODIFIED, question)
    assert cell.requests > 0
    assert (cell.bytes, cell.fault_count) == (0, 0)
    turns = itertools.count()
    cell, _ = measure(
        generator,
        lambda first, last: partial(first, last, status="200 OK") if next(turns) % 2 else NOT_MODIFIED,
        question,
    )
    assert cell.faults["status"] > 0


def test_a_whole_body_comes_with_200(generator: Generator) -> None:
    """A 206 is no answer to a request without Range."""
    question = replace(RANGES, work="whole", size=0)
    turns = itertools.count()

    def answer(first: int, last: int) -> bytes:
        return partial(first, last, status="206 Partial Content" if next(turns) % 2 else "200 OK")

    cell, _ = measure(generator, answer, question)
    assert cell.faults["status"] > 0
    assert cell.requests * LENGTH <= cell.bytes


def test_a_seek_asks_for_the_rest_and_leaves_early(generator: Generator) -> None:
    """Each request ends the connection after the bytes that were wanted, though more would come."""
    cell, _ = measure(generator, partial, replace(RANGES, work="seek", size=20_000))
    assert cell.fault_count == 0
    assert cell.requests > 0
    assert abs(cell.reconnections - cell.requests) <= RANGES.connections
    assert cell.bytes >= cell.requests * 20_000


def test_viewers_are_slow_and_notice_what_is_missing(generator: Generator) -> None:
    """A viewer takes no more than is due, and reads short where nothing comes."""
    patient = replace(generator, seconds=0.6)
    slow = replace(RANGES, work="paced", size=0, rate=50_000, connections=10)
    cell, _ = measure(patient, partial, slow)
    assert cell.fault_count == 0
    assert 0 < cell.bytes <= cell.reads_due * 5_000
    assert cell.reads_short < cell.reads_due
    stalled, _ = measure(patient, lambda first, last: partial(first, last)[:300], slow)
    assert stalled.reads_short == stalled.reads_due > 0


def test_no_latency_is_shorter_than_it_took(generator: Generator) -> None:
    """A server that takes 20 ms for each answer is never recorded as faster, and quantiles are in order."""

    def answer(first: int, last: int) -> bytes:
        time.sleep(0.02)
        return partial(first, last)

    cell, _ = measure(generator, answer)
    least = 20_000 * 127 / 128  # the width of a bucket
    assert least <= cell.latency_p50 <= cell.latency_p90 <= cell.latency_p99 <= cell.latency_max


def test_its_own_work_is_told(generator: Generator) -> None:
    """Each cell has the processor time of the generator, so that it shows when that was the limit."""
    cell, _ = measure(generator, partial)
    assert 0 < cell.load_cpu_seconds <= cell.seconds
    busy = replace(cell, load_cpu_seconds=0.95 * cell.seconds, server_cpu_seconds=0.5 * cell.seconds)
    assert busy.is_limited_by_load
    assert not replace(busy, server_cpu_seconds=0.95 * cell.seconds).is_limited_by_load


def test_it_measures_no_longer_than_it_is_told(generator: Generator) -> None:
    """A server that never answers does not hold it up."""
    stuck = threading.Event()

    def answer(_first: int, _last: int) -> bytes:
        stuck.wait(60)
        return b""

    with serving(answer) as liar:
        cell = generator.measure(server_at(liar.port), RANGES, cores=all_cores())
        stuck.set()
    assert (cell.requests, cell.fault_count) == (0, 0)
