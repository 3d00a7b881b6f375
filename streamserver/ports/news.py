"""What is told, to listeners here and to other systems elsewhere."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from streamserver.domain.jobs import Job


class Subscription(Protocol):
    """What a listener still has to hear.

    Progress it was too slow for is replaced by newer progress of the same job; a change of status is never left
    out.
    """

    def __aiter__(self) -> AsyncIterator[Job]:
        """Wait for reports, in the order of their sequence numbers for each job; ends when the bus closes."""

    async def __anext__(self) -> Job:
        """Return the next report."""


class Bus(Protocol):
    """Multicast of job reports, which replays the latest one to whoever joins."""

    async def publish(self, job: Job) -> None:
        """Tell everyone, unless later news of the job was told already; never waits for a listener."""

    def subscribe(self, job_id: str | None = None) -> AbstractContextManager[Subscription]:
        """Listen to one job, or to all. The latest report of each job that was published comes first."""

    def latest(self, job_id: str) -> Job | None:
        """Return the latest report of a job that is not yet over, if there was one."""

    async def close(self) -> None:
        """End all subscriptions."""


class Notifier(Protocol):
    """What sends messages to other systems."""

    async def check(self, url: str) -> None:
        """Return if somebody listens at an address, who is sent nothing; raise `Unavailable` otherwise."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a body and return the status of the answer, also where that leads elsewhere.

        Raises `Unavailable` with the reason where there is no answer, and waits for one as long as it is let.
        """

    async def close(self) -> None:
        """Give back what is held."""
