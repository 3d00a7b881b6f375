"""What a replay comes to, as figures that can be compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.deliveries.crowd import Delivery, Replay
from benchmarks.deliveries.front import OriginTraffic
from benchmarks.deliveries.viewer import Cause, Outcome
from benchmarks.servers import BenchError
from benchmarks.statistics import quantile

SECONDS_A_MINUTE = 60.0
SECONDS_AN_HOUR = 3600.0


class Way(StrEnum):
    """Which way the bytes go."""

    STRAIGHT = "straight"
    CACHE = "cache"
    SLICES = "cache with slices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long something took, in seconds."""

    p50: float
    """Half took longer."""
    p95: float
    """One in 20 took longer."""
    p99: float
    """One in 100 took longer."""
    count: int
    """How often it was measured."""
    values: Sequence[float] = ()
    """All of them, in order, rounded to the millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a replay cost the machine on the servers' side."""

    server_cpu_seconds: float
    """Of streamserver."""
    cache_cpu_seconds: float = 0.0
    """Of nginx."""
    server_idle_bytes: int = 0
    """What streamserver had in memory before the first viewer."""
    server_peak_bytes: int = 0
    """The most that it was seen to have."""
    cache_peak_bytes: int = 0
    """The same of nginx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One delivery, one way."""

    delivery: Delivery
    """How media came."""
    way: Way
    """Where it came through."""
    sessions: int
    """Lived through."""
    watched_seconds: float
    """Of media, by all viewers together."""
    requests: int
    """That viewers sent."""
    connections: int
    """That viewers opened."""
    received_bytes: int
    """What came to viewers, heads too."""
    index_bytes: int
    """What of it was needed to find the media."""
    shown_bytes: int
    """What of it was played."""
    first_byte: Latency
    """From wanting something to its first byte."""
    start: Latency | None
    """From opening a video to its first playable second."""
    seek: Latency | None
    """From seeking to the next playable second; 0 where it was there already."""
    switch: Latency | None
    """From changing the quality to the next playable second."""
    stalls: int
    """How often playing stopped for want of media."""
    gave_up: int
    """Sessions that patience ended."""
    faults: Sequence[str]
    """Of sessions that an error ended."""
    costs: Costs
    """On the servers' side."""
    client_cpu_share: float
    """Of one core, that the viewers took."""
    origin: OriginTraffic | None = None
    """What a cache asked for; None where there was none."""

    @property
    def overhead(self) -> float:
        """How many bytes came for each that was played, less that one."""
        return self.received_bytes / self.shown_bytes - 1

    @property
    def unshown_bytes(self) -> int:
        """What came and was neither index nor played."""
        return max(self.received_bytes - self.index_bytes - self.shown_bytes, 0)

    @property
    def requests_a_minute(self) -> float:
        """Requests for each minute watched."""
        return self.requests / self.watched_minutes

    @property
    def watched_minutes(self) -> float:
        """Of media, by all viewers together."""
        return self.watched_seconds / SECONDS_A_MINUTE

    @property
    def server_cpu_seconds_an_hour(self) -> float:
        """What an hour watched costs streamserver."""
        return self.costs.server_cpu_seconds / self.watched_seconds * SECONDS_AN_HOUR

    @property
    def cache_cpu_seconds_an_hour(self) -> float:
        """What an hour watched costs nginx."""
        return self.costs.cache_cpu_seconds / self.watched_seconds * SECONDS_AN_HOUR

    @property
    def origin_share(self) -> float | None:
        """How many bytes the cache fetched for each that viewers received; None without a cache."""
        return self.origin.received_bytes / self.received_bytes if self.origin else None

    @property
    def request_hit_ratio(self) -> float | None:
        """The share of viewers' requests that no request to the server stands behind; None without a cache."""
        return max(1 - self.origin.requests / self.requests, 0.0) if self.origin else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touches:
    """How often the file system was touched."""

    delivery: Delivery
    """How media came."""
    way: Way
    """Where it came through; of a cache, what both programs did is counted together."""
    watched_seconds: float
    """Of media, by all viewers together."""
    requests: int
    """That viewers sent."""
    calls: Mapping[str, int]
    """By kind, all processes together."""

    def a_minute(self, kind: str) -> float:
        """Return the calls of a kind for each minute watched."""
        return self.calls[kind] / (self.watched_seconds / SECONDS_A_MINUTE)

    @property
    def names_a_minute(self) -> float:
        """How often a file was looked up by its name, for each minute watched."""
        return self.a_minute("open") + self.a_minute("stat")

    @property
    def names_a_request(self) -> float:
        """How often a file was looked up by its name, for each request."""
        return (self.calls["open"] + self.calls["stat"]) / self.requests


def latency(seconds: Iterable[float]) -> Latency | None:
    """Sum latencies up; None where there are none."""
    values = sorted(round(value, 3) for value in seconds)
    if not values:
        return None
    return Latency(
        p50=quantile(values, 0.50),
        p95=quantile(values, 0.95),
        p99=quantile(values, 0.99),
        count=len(values),
        values=values,
    )


def sum_up(
    replay: Replay, *, delivery: Delivery, way: Way, costs: Costs, origin: OriginTraffic | None = None
) -> Cell:
    """Turn what all viewers went through into one cell."""
    outcomes = replay.outcomes
    check_watched(outcomes)
    first_byte = latency(value for outcome in outcomes for value in outcome.tally.first_byte_seconds)
    assert first_byte is not None  # noqa: S101 - every session sends a request
    return Cell(
        delivery=delivery,
        way=way,
        sessions=len(outcomes),
        watched_seconds=sum(outcome.watched_seconds for outcome in outcomes),
        requests=sum(outcome.tally.requests for outcome in outcomes),
        connections=sum(outcome.tally.connections for outcome in outcomes),
        received_bytes=sum(outcome.tally.received_bytes for outcome in outcomes),
        index_bytes=sum(outcome.tally.index_bytes for outcome in outcomes),
        shown_bytes=sum(outcome.shown_bytes for outcome in outcomes),
        first_byte=first_byte,
        start=latency(_waits(outcomes, Cause.START)),
        seek=latency(_waits(outcomes, Cause.SEEK)),
        switch=latency(_waits(outcomes, Cause.SWITCH)),
        stalls=len(_waits(outcomes, Cause.STALL)),
        gave_up=sum(outcome.gave_up for outcome in outcomes),
        faults=[outcome.fault for outcome in outcomes if outcome.fault],
        costs=costs,
        client_cpu_share=replay.client_cpu_share,
        origin=origin,
    )


def check_watched(outcomes: Sequence[Outcome]) -> None:
    """Raise `BenchError` if nobody saw anything: nothing could be measured by what was watched."""
    if not any(outcome.watched_seconds for outcome in outcomes):
        faults = [outcome.fault for outcome in outcomes if outcome.fault]
        raise BenchError(f"none of {len(outcomes)} viewers saw a picture: {(faults or ['all gave up'])[0]}")


def _waits(outcomes: Sequence[Outcome], cause: Cause) -> list[float]:
    return [wait.seconds for outcome in outcomes for wait in outcome.waits if wait.cause is cause]
