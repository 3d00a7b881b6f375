"""When jobs will be done, from how fast encoders were lately and from whose turn comes when."""

from streamserver.domain.order import Task, rest_of, seconds_to_end
from streamserver.ports import Queue


class Forecast:
    """What is known of the encoders that run, and what follows from it for everyone."""

    def __init__(self, *, queue: Queue, encoders: int) -> None:
        self._queue = queue
        self._encoders = encoders
        self._seconds_left: dict[str, float] = {}
        self._rate = 0.0

    def note(self, job_id: str, *, seconds_left: float, rate: float) -> None:
        """Take in how long the present run of a job still takes, and how much work is done in a second."""
        self._seconds_left[job_id] = seconds_left
        self._rate = rate

    def forget(self, job_id: str) -> None:
        """Know that the run is over."""
        self._seconds_left.pop(job_id, None)

    def ends(self) -> dict[str, float]:
        """Return in how many seconds jobs will be done, as far as that can be told."""
        if not self._rate:
            return {}
        begun = [turn for turn in self._queue.begun() if turn.task is not Task.PREPARE]
        begun.sort(key=lambda turn: turn.task is not Task.LADDER)  # those that hold an encoder first
        busy = {turn.job_id: self._seconds_left.get(turn.job_id, turn.work / self._rate) for turn in begun}
        later = [rest_of(turn) for turn in begun if turn.later_work]
        return seconds_to_end(self._queue.waiting(), busy, later, encoders=self._encoders, rate=self._rate)

    def end_of(self, job_id: str) -> float | None:
        """Return in how many seconds a job that is being encoded will be done."""
        return self.ends().get(job_id, self._seconds_left.get(job_id))
