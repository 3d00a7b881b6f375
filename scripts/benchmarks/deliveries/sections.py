"""The sections of the report: for each question a sentence made of the figures, and the plot that shows it."""

from collections.abc import Callable, Mapping

from benchmarks.deliveries.bars import Bar, Bars, draw_bars
from benchmarks.deliveries.claims import origin_megabytes_a_minute
from benchmarks.deliveries.course import draw_courses
from benchmarks.deliveries.crowd import Delivery
from benchmarks.deliveries.curves import Distribution, draw_curves
from benchmarks.deliveries.figures import Cell, Latency, Way
from benchmarks.deliveries.page import Section, figure
from benchmarks.deliveries.results import MEBI, MEGA, Results
from benchmarks.deliveries.sessions import CABLE, FIBRE, MOBILE
from benchmarks.deliveries.syscalls import KINDS

COLOURS = {Delivery.RANGE: "var(--range)", Delivery.REGION: "var(--region)", Delivery.HLS: "var(--hls)"}


def sections(results: Results) -> list[Section]:
    """Return the sections that there are figures for."""
    found = [
        _course(results),
        _latency(
            results,
            "Until something plays",
            "start",
            "from opening a video to its first playable second",
            lambda cell: cell.start,
        ),
        _latency(
            results, "After a seek", "seek", "from a seek to the next playable second", lambda cell: cell.seek
        ),
        _bytes(results),
        _cache(results),
        _touches(results),
        _processor(results),
        _held(results),
    ]
    return [section for section in found if section is not None]


def _course(results: Results) -> Section | None:
    if not results.courses:
        return None
    plot = draw_courses(
        "One session by each delivery",
        {delivery: (course, COLOURS[delivery]) for delivery, course in results.courses.items()},
    )
    return Section(
        heading="One viewer, three deliveries",
        finding=(
            "The same session, second by second. Where the line is interrupted the viewer waits; "
            "what lies above it has been fetched ahead, and what no line crosses was never watched."
        ),
        body=[
            figure(
                plot,
                "Across: time since the viewer came. Up: the video's own time. The line is what plays; "
                "the shade is what the player holds, from the moment it came.",
            )
        ],
    )


def _latency(
    results: Results, heading: str, word: str, meaning: str, pick: Callable[[Cell], Latency | None]
) -> Section | None:
    panels: dict[str, list[Distribution]] = {}
    for cell in results.cells:
        found = pick(cell)
        if found:
            colour = COLOURS[cell.delivery]
            panels.setdefault(cell.way, []).append(
                Distribution(name=cell.delivery, values=found.values, colour=colour)
            )
    if not panels:
        return None
    medians = [f"{way.capitalize()}, {compare(_medians(results, way, pick), '.2f', 's')}" for way in panels]
    plot = draw_curves(f"Distribution of the time {meaning}", panels)
    return Section(
        heading=heading,
        finding=f"The median {word}. {' '.join(medians)}",
        body=[
            figure(
                plot,
                f"The share of viewers who had waited no longer, {meaning}. The dots mark p95. "
                f"The lines of viewers are {_lines()}; their round trips are part of it.",
            )
        ],
    )


def _medians(results: Results, way: str, pick: Callable[[Cell], Latency | None]) -> dict[Delivery, float]:
    found = {cell.delivery: pick(cell) for cell in results.cells if cell.way == way}
    return {delivery: latency.p50 for delivery, latency in found.items() if latency is not None}


def _bytes(results: Results) -> Section:
    straight = [cell for cell in results.cells if cell.way is Way.STRAIGHT]
    bars = [
        Bar(
            name=cell.delivery,
            parts=[
                count / MEGA / cell.watched_minutes
                for count in (cell.shown_bytes, cell.index_bytes, cell.unshown_bytes)
            ],
            colour=COLOURS[cell.delivery],
        )
        for cell in straight
    ]
    plot = Bars(
        label="Bytes for each minute watched",
        unit="MB",
        groups={"": bars},
        parts=("played", "playlists and index", "never played"),
    )
    vain = {cell.delivery: cell.overhead for cell in straight}
    return Section(
        heading="Bytes that nobody watched",
        finding=f"In vain came, for each byte that was played: {compare(vain, '.2f', 'bytes')}",
        body=[
            figure(
                draw_bars(plot),
                "What viewers received for each minute they watched. Players fetch ahead of people who leave "
                "early and skip about, so the depth of the buffer decides this more than the protocol does.",
            )
        ],
    )


def _cache(results: Results) -> Section | None:
    behind = [cell for cell in results.cells if cell.origin is not None]
    if not behind:
        return None
    groups: dict[str, list[Bar]] = {}
    for cell in results.cells:
        megabytes = origin_megabytes_a_minute(cell)
        note = f"{megabytes:.1f}"
        if cell.origin_share is not None:
            note = f"{megabytes:.1f} · {cell.origin_share:.0%}"
        groups.setdefault(cell.way, []).append(
            Bar(name=cell.delivery, parts=[megabytes], colour=COLOURS[cell.delivery], note=note)
        )
    taken = {f"{cell.delivery} ({cell.way})": origin_megabytes_a_minute(cell) for cell in behind}
    return Section(
        heading="What is left for the server behind a cache",
        finding=f"From the server, for each minute watched: {compare(taken, '.1f', 'MB')}",
        body=[
            figure(
                draw_bars(Bars(label="Megabytes from the server", unit="MB", groups=groups)),
                "Megabytes that left the server for each minute watched; behind a cache also as a share of what "
                "viewers received. Each cache was empty at first. A plain cache fetches a whole file for the "
                "first byte of it; one with slices fetches a megabyte at a time.",
            )
        ],
    )


def _touches(results: Results) -> Section | None:
    if not results.touches:
        return None
    groups: dict[str, list[Bar]] = {}
    for touches in results.touches:
        parts = [touches.a_minute(kind) for kind in KINDS]
        groups.setdefault(touches.way, []).append(
            Bar(name=touches.delivery, parts=parts, colour=COLOURS[touches.delivery])
        )
    names = {
        touches.delivery: touches.names_a_minute for touches in results.touches if touches.way is Way.STRAIGHT
    }
    return Section(
        heading="How often the file system is touched",
        finding=(
            "Files looked up by name (open and stat), straight from the server, for each minute watched: "
            f"{compare(names, '.1f', 'calls')}"
        ),
        body=[
            figure(
                draw_bars(Bars(label="File-system calls", unit="calls", groups=groups, parts=tuple(KINDS))),
                "Calls for each minute watched, by all processes of the way together, counted by strace: opens, "
                "stats, positioned reads, sendfile, and what a cache writes. A call of sendfile is what sending "
                "costs in any case: how much one moves depends on the viewer's line.",
            )
        ],
    )


def _processor(results: Results) -> Section:
    groups: dict[str, list[Bar]] = {}
    for cell in results.cells:
        parts = [cell.server_cpu_seconds_an_hour, cell.cache_cpu_seconds_an_hour]
        groups.setdefault(cell.way, []).append(Bar(name=cell.delivery, parts=parts, colour=COLOURS[cell.delivery]))
    straight = {
        cell.delivery: cell.server_cpu_seconds_an_hour for cell in results.cells if cell.way is Way.STRAIGHT
    }
    return Section(
        heading="Processor time",
        finding=f"Straight from the server, an hour watched takes of one core: {compare(straight, '.1f', 's')}",
        body=[
            figure(
                draw_bars(
                    Bars(
                        label="Processor seconds for an hour watched",
                        unit="seconds",
                        groups=groups,
                        parts=("streamserver", "nginx"),
                    )
                ),
                f"User and system time of all processes of the way. {_memory(results)}",
            )
        ],
    )


def _memory(results: Results) -> str:
    straight = [cell for cell in results.cells if cell.way is Way.STRAIGHT]
    texts = (
        f"{cell.costs.server_peak_bytes / MEBI:.0f} MiB by {cell.delivery} "
        f"({cell.costs.server_idle_bytes / MEBI:.0f} before)"
        for cell in straight
    )
    return f"In memory, streamserver had at most {', '.join(texts)}."


def _held(results: Results) -> Section | None:
    if not results.held:
        return None
    possible = next(iter(results.held.values())).possible
    bars = [
        Bar(
            name=delivery,
            parts=[held.viewers],
            colour=COLOURS[delivery],
            note=f"{held.viewers:.0f} · {held.viewers / held.possible:.0%}",
        )
        for delivery, held in results.held.items()
    ]
    viewers = {delivery: held.viewers for delivery, held in results.held.items()}
    plot = Bars(label="Viewers held", unit="viewers", groups={"": bars}, limit=possible)
    return Section(
        heading="Viewers until the first stalls",
        finding=(
            f"On a link of {results.setting.link_bps / MEGA:.0f} Mbit/s, all in the best quality: "
            f"{compare(viewers, '.0f', 'viewers')}"
        ),
        body=[
            figure(
                draw_bars(plot),
                "The most viewers of whom none stalled or started late, found by bisection. The dashed line is "
                f"the link's rate over the video's bit rate. The link is {results.setting.link}.",
            )
        ],
    )


def _lines() -> str:
    """Describe how viewers are connected."""
    return ", ".join(f"{line.rate_bps / MEGA:g} Mbit/s" for line in (FIBRE, CABLE, MOBILE))


def compare(values: Mapping[Delivery, float] | Mapping[str, float], form: str, unit: str) -> str:
    """Name the least and the most, with their ratio."""
    if not values:
        return "nothing was measured."
    ordered = sorted(values.items(), key=lambda item: item[1])
    (least, lowest), (most, highest) = ordered[0], ordered[-1]
    if f"{lowest:{form}}" == f"{highest:{form}}":
        return f"{lowest:{form}} {unit} in each case."
    ratio = f", {highest / lowest:.1f} times as much" if lowest else ""
    return f"least {lowest:{form}} {unit} by {least}, most {highest:{form}} {unit} by {most}{ratio}."
