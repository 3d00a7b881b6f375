"""Programs on cores of their own, that are there when they are needed and gone afterwards."""

import os
import sys
from pathlib import Path

import pytest
from benchmarks.servers import (
    BenchError,
    all_cores,
    free_port,
    group_members,
    output_of,
    pinned,
    running,
    split_cores,
)

LISTEN = """
import os, signal, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("listening", flush=True)
signal.pause()
"""
FAIL = "import sys; sys.exit('there is no such file')"


def test_a_server_ends_with_all_that_it_started(tmp_path: Path) -> None:
    """Its processes are one group, of which nobody is left, not even one that does not listen."""
    port = free_port()
    command = [sys.executable, "-c", LISTEN, str(port)]
    with running("forking", command, port=port, cores=all_cores(), log=tmp_path / "log") as server:
        assert server.url == f"http://127.0.0.1:{port}"
        assert server.group in server.process_ids()
        assert server.resident_bytes() > 0
        group = server.group
    assert group_members(group) == []


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """The error quotes the end of what it printed, and its exit status."""
    command = [sys.executable, "-c", FAIL]
    with (
        pytest.raises(BenchError, match=r"broken ended with status 1:\n    there is no such file"),
        running("broken", command, port=free_port(), cores=all_cores(), log=tmp_path / "log"),
    ):
        pytest.fail("it started")


def test_a_server_keeps_to_its_cores(tmp_path: Path) -> None:
    """It runs where it was put from its first instruction on, and this process where it was before."""
    before = os.sched_getaffinity(0)
    core = frozenset({min(all_cores())})
    port = free_port()
    command = [sys.executable, "-c", LISTEN, str(port)]
    with running("pinned", command, port=port, cores=core, log=tmp_path / "log") as server:
        assert {frozenset(os.sched_getaffinity(member)) for member in server.process_ids()} == {core}
    assert os.sched_getaffinity(0) == before


def test_the_two_sides_share_cores_only_where_there_are_too_few() -> None:
    """The load gets what the server leaves, or, if that is nothing, the same."""
    one = frozenset({min(all_cores())})
    with pinned(one):
        cores = split_cores(1)
        assert (cores.server, cores.load) == (one, one)
    if len(all_cores()) > 1:
        cores = split_cores(1)
        assert cores.server == one
        assert cores.load == all_cores() - one


def test_a_program_that_fails_is_quoted() -> None:
    """Whoever needs its output gets its complaint in place of it."""
    assert output_of([sys.executable, "-c", "print('fine')"]) == "fine\n"
    with pytest.raises(BenchError, match="there is no such file"):
        output_of([sys.executable, "-c", FAIL])
