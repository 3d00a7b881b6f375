"""Everything that one run found, and the tables of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.deliveries.claims import Claim, judge, origin_megabytes_a_minute
from benchmarks.deliveries.crowd import Delivery
from benchmarks.deliveries.figures import Cell, Latency, Touches
from benchmarks.deliveries.hold import Held
from benchmarks.deliveries.viewer import Mark

MEBI = 1024 * 1024
MEGA = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What was replayed, and how."""

    seed: int
    """Of the sessions."""
    viewers: int
    """At once."""
    sessions: int
    """In all."""
    replay_seconds: float
    """How long each replay lasts, on the viewers' clock."""
    scale: float
    """How many of the viewers' seconds passed in one of ours."""
    videos: int
    """How many there were to choose from."""
    video_seconds: float
    """How long each of them plays."""
    bit_rates_bps: Sequence[int]
    """Of the renditions, best first."""
    touch_viewers: int
    """At once, while system calls were counted."""
    touch_scale: float
    """As `scale`, while system calls were counted."""
    link_bps: int
    """What the link of the search for a limit carries."""
    link: str
    """How that link was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All figures of a run."""

    setting: Setting
    """What they are figures of."""
    cells: Sequence[Cell]
    """The replays."""
    touches: Sequence[Touches] = ()
    """The replays under strace."""
    held: Mapping[Delivery, Held] = field(default_factory=dict)
    """How many viewers a link holds."""
    courses: Mapping[Delivery, Sequence[Mark]] = field(default_factory=dict)
    """One session, by each delivery, straight."""

    def claims(self) -> list[Claim]:
        """Judge what people say by these figures."""
        return judge(
            {(cell.delivery, cell.way): cell for cell in self.cells},
            {(touches.delivery, touches.way): touches for touches in self.touches},
        )


Table = tuple[list[str], list[list[str]]]


def latency_table(results: Results) -> Table:
    """Lay out what viewers waited for."""
    rows = [
        [
            f"{cell.delivery}, {cell.way}",
            _latency(cell.first_byte),
            _latency(cell.start),
            _latency(cell.seek),
            _latency(cell.switch),
            str(cell.stalls),
            str(cell.gave_up + len(cell.faults)),
        ]
        for cell in results.cells
    ]
    headers = ["p50 / p95 / p99 in s", "first byte", "start", "seek", "switch", "stalls", "broken off"]
    return headers, rows


def cost_table(results: Results) -> Table:
    """Lay out what watching cost."""
    rows = [
        [
            f"{cell.delivery}, {cell.way}",
            f"{cell.requests_a_minute:.1f}",
            f"{cell.overhead:.2f}",
            f"{origin_megabytes_a_minute(cell):.1f}",
            _share(cell.request_hit_ratio),
            _share(None if cell.origin_share is None else 1 - cell.origin_share),
            f"{cell.server_cpu_seconds_an_hour:.1f}",
            f"{cell.cache_cpu_seconds_an_hour:.1f}" if cell.origin else "–",
            f"{cell.costs.server_peak_bytes / MEBI:.0f}",
        ]
        for cell in results.cells
    ]
    headers = [
        *("for each minute watched", "requests", "bytes in vain for each played", "MB from the server"),
        *("requests that hit", "bytes that hit", "server CPU s/h", "nginx CPU s/h", "server MiB at most"),
    ]
    return headers, rows


def touch_table(results: Results) -> Table:
    """Lay out how often the file system was touched."""
    kinds = list(results.touches[0].calls) if results.touches else []
    rows = [
        [
            f"{touches.delivery}, {touches.way}",
            *(f"{touches.a_minute(kind):.1f}" for kind in kinds),
            f"{touches.names_a_request:.2f}",
        ]
        for touches in results.touches
    ]
    return ["calls for each minute watched", *kinds, "open + stat for each request"], rows


def held_table(results: Results) -> Table:
    """Lay out how many viewers a link held."""
    rows = [
        [delivery, f"{held.viewers:.0f}", f"{held.viewers / held.possible:.0%}"]
        for delivery, held in results.held.items()
    ]
    return [
        f"a link of {results.setting.link_bps / MEGA:.0f} Mbit/s",
        "viewers held",
        "of what it could carry",
    ], rows


def tables(results: Results) -> list[tuple[str, Table]]:
    """Return all tables that there are figures for, with their headings."""
    found = [("What viewers wait for", latency_table(results)), ("What watching costs", cost_table(results))]
    if results.touches:
        found.append(("How often the file system is touched", touch_table(results)))
    if results.held:
        found.append(("How many viewers are held before the first stalls", held_table(results)))
    return found


def _latency(latency: Latency | None) -> str:
    return f"{latency.p50:.2f} / {latency.p95:.2f} / {latency.p99:.2f}" if latency else "–"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
