"""File-system calls are counted by kind, of real processes where strace is there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.deliveries.syscalls import counting, read_counts
from benchmarks.servers import BenchError, Server

from tests.facts import missing

TABLE = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 71.20    0.000089           1        61           sendfile
 20.00    0.000025           2        12         3 openat
  8.80    0.000011           5         2           statx
------ ----------- ----------- --------- --------- ------------------
100.00    0.000125           1        75         3 total
"""
OPENS_TEN = """
import os, sys
print(flush=True)
sys.stdin.readline()
for _ in range(10):
    os.close(os.open("/", os.O_RDONLY))
print(flush=True)
"""


def test_a_table_of_strace_is_read() -> None:
    """Calls are added up by kind, failed ones too, and the total is no call."""
    assert read_counts(TABLE) == {"open": 12, "stat": 2, "read": 0, "sendfile": 61, "write": 0}
    assert sum(read_counts("").values()) == 0


def test_calls_of_a_process_are_counted(tmp_path: Path) -> None:
    """What a process does while it is watched is counted, from the first call on."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    command = [sys.executable, "-c", OPENS_TEN]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()  # its interpreter has opened by now whatever it opens
        watched = Server(name="made up", port=0, group=process.pid)
        try:
            with counting([watched], tmp_path) as counts:
                process.stdin.write(b"\n")
                process.stdin.flush()
                process.stdout.readline()
        except BenchError as error:
            missing(str(error))
    assert counts["open"] == 10


def test_a_process_that_is_gone_is_told(tmp_path: Path) -> None:
    """Nothing to watch ends the benchmark with a sentence."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    with pytest.raises(BenchError, match="strace"), counting([Server(name="gone", port=0, group=2**22)], tmp_path):
        pass
