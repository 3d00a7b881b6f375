"""Whose turn it is, as a table of cases, and what holds for every line."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.order import (
    PATIENCE_TURNS,
    Task,
    Turn,
    after_turn,
    in_order,
    next_beside,
    next_turn,
    rest_of,
    seconds_to_end,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TASKS = {"p": Task.PREPARE, "l": Task.LOWEST, "r": Task.LADDER}


def turn(words: str) -> Turn:
    """Read a turn such as `l2`: the second video to arrive waits for its lowest rendition."""
    task = TASKS[words[0]]
    work, later_work = {Task.PREPARE: (0, 0), Task.LOWEST: (10, 90), Task.LADDER: (90, 0)}[task]
    arrived_at = NOON + timedelta(minutes=int(words[1:]))
    return Turn(job_id=words[1:], arrived_at=arrived_at, task=task, work=work, later_work=later_work)


def turns(words: str) -> list[Turn]:
    return [turn(word) for word in words.split()]


def written(line: Sequence[Turn]) -> str:
    names = {task: letter for letter, task in TASKS.items()}
    return " ".join(f"{names[it.task]}{it.job_id}" for it in line)


@pytest.mark.parametrize(
    ("waiting", "line"),
    [
        ("", ""),
        ("p2 p1 p3", "p1 p2 p3"),
        ("r1 p9", "p9 r1"),
        ("l1 p9", "p9 l1"),
        ("r1 l9", "l9 r1"),
        ("r2 l3 p5 r1 l4 p6", "p5 p6 l3 l4 r1 r2"),
    ],
)
def test_who_is_before_whom(waiting: str, line: str) -> None:
    """Everyone's preparation, then everyone's lowest rendition, then the rest; of the same the oldest."""
    assert written(in_order(turns(waiting))) == line


@pytest.mark.parametrize(
    ("waiting", "begun", "begins"),
    [
        ("p1", "", "p1"),
        ("l1", "", "r1"),  # nobody else waits: one process, one decode
        ("l1 r2", "", "r1"),  # who waits is younger, and would not come between
        ("l2 r1", "", "l2"),  # the older one's ladder comes between
        ("l1 l2", "", "l1"),
        ("l1 p2", "", "p2"),
        ("l1", "p2", "l1"),  # who is being prepared will want its lowest rendition
        ("l1", "l2 r3", "r1"),  # who encodes already does not
        ("r1 r2", "p3", "r1"),
    ],
)
def test_what_a_free_encoder_begins(waiting: str, begun: str, begins: str) -> None:
    """The lowest rendition is encoded alone only where somebody else gets a turn between it and the rest."""
    taken = next_turn(turns(waiting), turns(begun))
    assert taken is not None
    assert written([taken]) == begins


@pytest.mark.parametrize(
    ("waiting", "begun", "encoders", "begins"),
    [
        ("", "r1", 1, ""),
        ("p2 p3", "", 1, "p2"),  # copying takes nobody's encoder
        ("r1 p2", "r3", 1, "p2"),
        ("r2", "r1", 1, ""),
        ("l2", "r1", 1, "l2"),  # the encoder may be busy for hours
        ("l2 p3", "r1", 1, "p3"),
        ("l2", "l1", 1, ""),  # the encoder will soon be free
        ("l2", "", 1, ""),
        ("l3", "r1 l2", 2, ""),
        ("l3", "r1 r2", 2, "l3"),
    ],
)
def test_what_is_begun_beside_encoders(waiting: str, begun: str, encoders: int, begins: str) -> None:
    """A new video is prepared at once, and gets its lowest rendition while all encoders are busy with ladders."""
    taken = next_beside(turns(waiting), turns(begun), encoders=encoders)
    assert written([taken] if taken else []) == begins


def test_nobody_waits() -> None:
    """An empty line has no next turn, whoever is being served."""
    assert next_turn([], turns("p1 r2")) is None


def test_one_process_has_the_work_of_both() -> None:
    """A ladder that takes the lowest rendition along is all the work there is."""
    taken = next_turn(turns("l1"))
    assert taken is not None
    assert (taken.work, taken.later_work) == (100, 0)


def test_a_lowest_that_is_all() -> None:
    """Where only the lowest rendition is missing there is nothing to take along."""
    alone = replace(turn("l1"), later_work=0)
    assert next_turn([alone]) == alone


def served(waiting: str, encoders: int = 1) -> str:
    """Let a line be served to its end by encoders that all take the same time; return what was begun."""
    line, begun = tuple(turns(waiting)), []
    while line:
        now: list[Turn] = []
        while len(now) < encoders and (taken := next_turn(line, now)):
            line = after_turn(line, taken)
            now.append(taken)
        begun += now
        for it in now:
            if it.task is Task.PREPARE:
                line = (*line, turn(f"l{it.job_id}"))
            elif it.later_work:
                line = (*line, rest_of(it))
    return written(begun)


@pytest.mark.parametrize(
    ("waiting", "encoders", "begun"),
    [
        ("p1", 1, "p1 r1"),
        ("p1 p2 p3", 1, "p1 p2 p3 l1 l2 l3 r1 r2 r3"),
        ("p1 p2 p3", 2, "p1 p2 p3 l1 l2 l3 r1 r2 r3"),
        ("p1 p2", 2, "p1 p2 l1 r2 r1"),
        ("r1 r2 p3", 1, "p3 l3 r1 r2 r3"),
    ],
)
def test_a_line_from_beginning_to_end(waiting: str, encoders: int, begun: str) -> None:
    """Between the tasks of a job other jobs' tasks run."""
    assert served(waiting, encoders) == begun


def test_nobody_starves() -> None:
    """However many younger videos come, an old one's ladder is begun after a bounded number of theirs."""
    line: tuple[Turn, ...] = (turn("r0"),)
    taken: list[str] = []
    while "0" not in taken:
        line = (*line, turn(f"l{len(taken) + 1}"))
        chosen = next_turn(line)
        assert chosen is not None
        line = after_turn(line, chosen)
        taken.append(chosen.job_id)
    assert len(taken) == PATIENCE_TURNS + 1


def test_older_turns_that_go_first_count_for_nothing() -> None:
    """Only who is younger passes; who came first is simply first."""
    (left,) = after_turn(turns("p1 r2"), turn("p1"))
    assert left.passed == 0
    (left,) = after_turn(turns("r1 p2"), turn("p2"))
    assert left.passed == 1


TURNS = st.builds(lambda number, letter: turn(f"{letter}{number}"), st.integers(0, 59), st.sampled_from("plr"))
LINES = st.lists(TURNS, max_size=12, unique_by=lambda it: it.job_id)


@given(LINES.flatmap(lambda line: st.tuples(st.just(line), st.permutations(line))))
def test_how_a_line_is_written_down_is_no_matter(lines: tuple[list[Turn], list[Turn]]) -> None:
    """Who is next follows from who waits, not from the order in which they are listed."""
    line, shuffled = lines
    assert in_order(shuffled) == in_order(line)
    assert next_turn(shuffled) == next_turn(line)


@given(LINES)
def test_whoever_is_next_is_first_in_line(line: list[Turn]) -> None:
    """The places that uploaders see are kept: the one with place 1 begins."""
    taken = next_turn(line)
    assert (taken.job_id if taken else None) == (in_order(line)[0].job_id if line else None)


class TestForetelling:
    """When everyone will be done."""

    def test_one_after_the_other(self) -> None:
        """Lowest renditions first, then the rest: 10 seconds each, then 90 each, at one unit a second."""
        ends = seconds_to_end(turns("l1 l2"), {}, [], encoders=1, rate=1)
        assert ends == {"1": 110, "2": 200}

    def test_side_by_side(self) -> None:
        """Two encoders halve it."""
        assert seconds_to_end(turns("l1 l2"), {}, [], encoders=2, rate=1) == {"1": 100, "2": 100}

    def test_more_encoders_than_work(self) -> None:
        """An encoder that has nothing to do does not begin what is not ready yet."""
        assert seconds_to_end(turns("l1 l2"), {}, [], encoders=4, rate=1) == {"1": 100, "2": 100}

    def test_what_is_carried_out_beside(self) -> None:
        """A lowest rendition that is encoded beside a long ladder leaves no encoder for other ladders."""
        ends = seconds_to_end(turns("r2"), {"1": 400, "3": 5}, [rest_of(turn("l3"))], encoders=1, rate=1)
        assert ends == {"1": 400, "2": 490, "3": 580}

    def test_behind_what_is_running(self) -> None:
        """Who waits begins when the present turn is over; whose it is ends after what follows it."""
        rest = rest_of(turn("l1"))
        assert seconds_to_end(turns("l2"), {"1": 5}, [rest], encoders=1, rate=2) == {"1": 55, "2": 100}

    def test_a_present_turn_that_is_the_last(self) -> None:
        """A job with nothing to follow ends with its present turn."""
        assert seconds_to_end([], {"1": 7.5}, [], encoders=2, rate=1) == {"1": 7.5}

    def test_who_is_not_known_yet(self) -> None:
        """Nobody foretells the end of a video that nobody has looked into."""
        assert seconds_to_end(turns("p1 r2"), {}, [], encoders=1, rate=1) == {"2": 90}

    @given(LINES, st.integers(1, 4))
    def test_nobody_ends_before_its_work_is_done(self, line: list[Turn], encoders: int) -> None:
        """However many encoders there are, no end is sooner than its work takes, nor later than everyone's."""
        ends = seconds_to_end(line, {}, [], encoders=encoders, rate=1)
        known = {it.job_id: it.work + it.later_work for it in line if it.task is not Task.PREPARE}
        assert ends.keys() == known.keys()
        assert all(known[job_id] <= end <= sum(known.values()) for job_id, end in ends.items())
