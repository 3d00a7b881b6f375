"""When jobs will be done, from how fast encoders were lately and from whose turn comes when."""

from collections.abc import Iterable

from streamserver.domain.order import Task, rest_of, seconds_to_end
from streamserver.ports import Queue

MEMORY_SECONDS = 60.0
"""How much of what encoders did before is held against what those do that run."""
SHORTEST_SECONDS = 0.001
"""What a run that has only just begun counts as."""


class Forecast:
    """What is known of the encoders that run, and what follows from it for everyone."""

    def __init__(self, *, queue: Queue, encoders: int) -> None:
        self._queue = queue
        self._encoders = encoders
        self._seconds_left: dict[str, float] = {}
        self._done: dict[str, tuple[float, float]] = {}
        self._done_before = (0.0, 0.0)

    def note(self, job_id: str, *, seconds: float, seconds_left: float, rate: float) -> None:
        """Take in the present run of a job: how long it takes so far, and still, and its work in a second."""
        seconds = max(seconds, SHORTEST_SECONDS)
        self._seconds_left[job_id] = seconds_left
        self._done[job_id] = (rate * seconds, seconds)

    def forget(self, job_id: str) -> None:
        """Know that the run is over."""
        self._seconds_left.pop(job_id, None)
        work, seconds = _sum([self._done_before, self._done.pop(job_id, (0.0, 0.0))])
        kept = min(1.0, MEMORY_SECONDS / seconds) if seconds else 0.0
        self._done_before = (work * kept, seconds * kept)

    def ends(self) -> dict[str, float]:
        """Return in how many seconds jobs will be done, as far as that can be told."""
        rate = self._rate()
        if not rate:
            return {}
        begun = [turn for turn in self._queue.begun() if turn.task is not Task.PREPARE]
        begun.sort(key=lambda turn: turn.task is not Task.LADDER)  # those that hold an encoder first
        busy = {turn.job_id: self._seconds_left.get(turn.job_id, turn.work / rate) for turn in begun}
        later = [rest_of(turn) for turn in begun if turn.later_work]
        return seconds_to_end(self._queue.waiting(), busy, later, encoders=self._encoders, rate=rate)

    def end_of(self, job_id: str) -> float | None:
        """Return in how many seconds a job that is being encoded will be done."""
        return self.ends().get(job_id, self._seconds_left.get(job_id))

    def _rate(self) -> float:
        """Return how much work an encoder does in a second: over a while, as each is slow when it begins."""
        work, seconds = _sum([self._done_before, *self._done.values()])
        return work / seconds if seconds else 0.0


def _sum(done: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Add up work, and the seconds that it took."""
    pairs = tuple(done)
    return sum(work for work, _ in pairs), sum(seconds for _, seconds in pairs)
