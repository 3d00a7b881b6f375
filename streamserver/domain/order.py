"""Whose turn it is: what is begun first when several videos wait, and when each of them will be done.

A job's work is a list of tasks, and other jobs' tasks run between them:

    prepare    look into the source, copy its streams where browsers can play them
    lowest     encode the lowest rendition alone, so that there is something to watch
    ladder     encode all that is missing, in one process and out of one decode

Everyone's `prepare` comes before anyone's `lowest`, everyone's `lowest` before anyone's `ladder`, and of the
same task the oldest video's comes first. Where a job's `ladder` would follow its `lowest` directly they are one
process: to decode twice is worth it only while somebody else gets to watch in between. Poster and texts are taken
in the task that gives a job something to watch, once it is there.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

PATIENCE_TURNS: Final = 100
"""A turn that so many younger videos were given before it comes first: small ones cannot hold up a large one for
ever."""


class Task(StrEnum):
    """A part of a job that an encoder carries out without a break."""

    PREPARE = "prepare"
    LOWEST = "lowest"
    LADDER = "ladder"


RANK: Final = {Task.PREPARE: 0, Task.LOWEST: 1, Task.LADDER: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A job that waits for an encoder, and for what."""

    job_id: str
    """Whose turn it is."""
    arrived_at: datetime
    """When its source was received (UTC)."""
    task: Task = Task.PREPARE
    """What is to be done next."""
    work: float = 0.0
    """How much that is, as `work_of` measures it; 0 where nobody knows yet."""
    later_work: float = 0.0
    """How much is left to do after it, in tasks of their own."""
    passed: int = 0
    """How many turns of younger videos were begun while it waited."""


def rest_of(turn: Turn) -> Turn:
    """Return the turn that its job waits for after this one, where there is work left."""
    return replace(turn, task=Task.LADDER, work=turn.later_work, later_work=0.0, passed=0)


def in_order(waiting: Iterable[Turn]) -> tuple[Turn, ...]:
    """Return who waits, next first."""
    return tuple(sorted(waiting, key=_place))


def next_turn(waiting: Iterable[Turn], begun: Iterable[Turn] = ()) -> Turn | None:
    """Choose what an encoder that is free begins; None where nobody waits.

    `begun` are the turns that other encoders are carrying out. The answer has the task that is to be carried out:
    a `lowest` becomes a `ladder`, which takes the lowest rendition along, where nobody comes between the two.
    """
    line = in_order(waiting)
    if not line:
        return None
    first, others = line[0], line[1:]
    if first.task is Task.LOWEST and first.later_work:
        rest = rest_of(first)
        # Whoever is being prepared will have a lowest rendition to encode.
        comes_between = any(_place(other) < _place(rest) for other in others) or any(
            other.task is Task.PREPARE for other in begun
        )
        if not comes_between:
            return replace(rest, work=first.work + first.later_work, later_work=0.0)
    return first


def next_beside(waiting: Iterable[Turn], begun: Iterable[Turn], *, encoders: int) -> Turn | None:
    """Choose what is begun beside so many encoders: a new video is not to wait for the end of a long ladder.

    That is what is quick: `prepare`, and while all encoders are busy with ladders also `lowest`.
    """
    ladders = sum(turn.task is Task.LADDER for turn in begun)
    quick = {Task.PREPARE, Task.LOWEST} if ladders >= encoders else {Task.PREPARE}
    return next((turn for turn in in_order(waiting) if turn.task in quick), None)


def after_turn(waiting: Iterable[Turn], taken: Turn) -> tuple[Turn, ...]:
    """Return who waits once a turn was taken; older videos that it passed remember that."""
    return tuple(
        replace(turn, passed=turn.passed + (turn.arrived_at < taken.arrived_at))
        for turn in waiting
        if turn.job_id != taken.job_id
    )


def seconds_to_end(
    waiting: Iterable[Turn], busy: Mapping[str, float], later: Iterable[Turn], *, encoders: int, rate: float
) -> dict[str, float]:
    """Foretell when each job is done, counted from now, by handing out turns as `next_turn` will.

    `busy` are the seconds that the present turns still take, by job, those that hold an encoder first: more than
    there are encoders are carried out beside them, and leave none free. `later` is what their jobs have to do
    after that; `rate` is how much work an encoder does in a second. Who waits to be prepared has no end that
    could be foretold, and holds up nobody.
    """
    known = [turn for turn in waiting if turn.task is not Task.PREPARE]
    ends = dict(busy)
    ready = [(_place(turn), turn) for turn in known]
    coming = [(busy[turn.job_id], _place(turn), turn) for turn in later]
    free = [*busy.values(), *[0.0] * (encoders - len(busy))][:encoders]
    heapq.heapify(ready)
    heapq.heapify(coming)
    heapq.heapify(free)
    now = 0.0
    while ready or coming:
        now = max(now, heapq.heappop(free))  # one that had nothing to do begins no earlier than the others
        if not ready:
            now = max(now, coming[0][0])
        while coming and coming[0][0] <= now:
            _, place, turn = heapq.heappop(coming)
            heapq.heappush(ready, (place, turn))
        _, turn = heapq.heappop(ready)
        ends[turn.job_id] = now + turn.work / rate
        heapq.heappush(free, ends[turn.job_id])
        if turn.later_work:
            rest = rest_of(turn)
            heapq.heappush(coming, (ends[turn.job_id], _place(rest), rest))
    return ends


def _place(turn: Turn) -> tuple[bool, int, datetime, str]:
    """Sort by this."""
    return turn.passed < PATIENCE_TURNS, RANK[turn.task], turn.arrived_at, turn.job_id
