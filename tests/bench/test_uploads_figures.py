"""What becomes of the figures of uploads: who is fast enough, and what kept the loop's thread."""

from benchmarks.statistics import Summary
from benchmarks.uploads.calls import read_calls
from benchmarks.uploads.rates import Rate, is_reached
from benchmarks.uploads.tables import calls_table, rates_table, viewers_table
from benchmarks.uploads.viewers import BESIDE, UNBOUNDED, Viewers, is_bearable

TRACE = """\
100.000000 epoll_pwait(3, [{events=EPOLLIN, data={u32=9, u64=9}}], 1024, 0, NULL, 8) = 1 <0.500000>
100.501000 openat(AT_FDCWD, ""..., O_RDONLY|O_CLOEXEC) = 12 <0.000040>
100.502000 openat(AT_FDCWD, ""..., O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory) <0.000020>
100.503000 fdatasync(12) = 0 <0.030000>
100.540000 epoll_pwait(3, [], 1024, 0, NULL, 8) = 0 <0.001000>
100.542000 write(8, ""..., 8) = 8 <0.000010>
100.543000 epoll_pwait(3,  <unfinished ...>
"""


def flat(figure: float) -> Summary:
    return Summary(median=figure, low=figure, high=figure, count=1)


def rate(of_copy: float, of_peer: float | None) -> Rate:
    return Rate(
        bytes_per_second=flat(1e9),
        cpu_seconds_per_gigabyte=flat(1),
        of_copy=flat(of_copy),
        of_peer=None if of_peer is None else flat(of_peer),
        goes={},
    )


def test_calls_are_summed_up_by_kind() -> None:
    """Each call counts, failed ones too; a turn lasts from one look at what has come to the next."""
    calls = read_calls(TRACE.splitlines())
    assert calls.counts == {"open": 2, "write": 1, "sync": 1, "rename": 0, "unlink": 0}
    assert calls.longest_seconds["open"] == 0.00004
    assert calls.longest_seconds["sync"] == 0.03
    assert (calls.turns, round(calls.longest_turn_seconds, 6)) == (1, 0.04)


def test_a_call_that_waits_for_the_disk_is_marked() -> None:
    """A sync of 30 ms on the loop's thread is too long, and without it nothing is."""
    slow = read_calls(TRACE.splitlines())
    quick = read_calls(line for line in TRACE.splitlines() if "fdatasync" not in line)
    assert (slow.is_reached, quick.is_reached) == (False, True)
    assert "30.00<" in calls_table(slow)
    assert "<" not in calls_table(quick)


def test_nothing_seen_is_nothing_long() -> None:
    """A thread that did nothing was kept by nothing."""
    calls = read_calls([])
    assert (calls.turns, calls.longest_turn_seconds, calls.is_reached) == (0, 0.0, True)


def test_our_ways_must_keep_up_with_a_copy() -> None:
    """0.9 of a copy is enough and 0.89 is not; tus must also be ahead of the peer, where that is there."""
    assert is_reached("tus", rate(0.9, 1.1))
    assert is_reached("tus", rate(0.9, None))
    assert not is_reached("tus", rate(0.89, 1.1))
    assert not is_reached("tus", rate(0.9, 0.99))
    assert is_reached("form", rate(0.9, 0.5))
    assert not is_reached("form", rate(0.5, 2.0))
    assert is_reached("@tus/server", rate(0.1, 1.0))
    lines = rates_table({"plain copy": rate(1, None), "form": rate(0.5, None)}).splitlines()
    assert ["<" in line for line in lines] == [False, False, False, True, False]


def test_viewers_whom_nobody_answers_are_not_served_well() -> None:
    """Three times as long as alone is bearable; no answer at all is not taken for a quick one."""
    assert is_bearable(flat(3.0))
    assert not is_bearable(flat(3.1))
    assert not is_bearable(None)
    beside = Viewers(slower={BESIDE: flat(3.0), UNBOUNDED: None}, upload_bytes_per_second={}, cells={})
    assert "≤ 3" in viewers_table(beside)
