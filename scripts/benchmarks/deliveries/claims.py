"""What people say about the deliveries, and whether the figures bear it out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.deliveries.crowd import Delivery
from benchmarks.deliveries.figures import Cell, Latency, Touches, Way
from benchmarks.deliveries.hls import GOAL_SECONDS
from benchmarks.deliveries.media_element import FULL_SECONDS

CLEAR = 1.2
"""Below this ratio two figures are taken for equal: runs differ by as much."""
OFTEN = 0.5
"""Looking a file up by its name once in so many requests is often: without a cache of descriptors it is 1 or 2."""
RELIEF = 0.5
"""A cache is worth its name if the server sends no more than this share of what viewers receive."""
MEGA = 1e6


class Verdict(StrEnum):
    """Whether a claim is borne out."""

    TRUE = "true"
    PARTLY = "partly true"
    FALSE = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something that is said, held against what was measured."""

    text: str
    """What is said."""
    verdict: Verdict
    """Whether it is so here."""
    evidence: str
    """The figures, in sentences."""


Cells = Mapping[tuple[Delivery, Way], Cell]
AllTouches = Mapping[tuple[Delivery, Way], Touches]


def judge(cells: Cells, touches: AllTouches) -> list[Claim]:
    """Judge every claim that there are figures for, the old one in its four parts first."""
    claims = [
        _range_is_hard_to_cache(cells),
        _range_touches_files_often(touches),
        _hls_is_easy_to_cache(cells),
        _hls_seldom_touches_files(touches),
        _regions_are_many_requests(cells),
        _range_wastes_bytes(cells),
        _hls_starts_late(cells),
        _range_seeks_late(cells),
    ]
    return [claim for claim in claims if claim is not None]


def origin_megabytes_a_minute(cell: Cell) -> float:
    """Return what a minute watched takes from the server itself: behind a cache, what that fetched."""
    sent = cell.origin.received_bytes if cell.origin else cell.received_bytes
    return sent / MEGA / cell.watched_minutes


def _range_is_hard_to_cache(cells: Cells) -> Claim | None:
    """Judge each way by whether the server keeps clearly more to do, or viewers start clearly later."""
    hls = cells.get((Delivery.HLS, Way.CACHE))
    ways = [cells[Delivery.RANGE, way] for way in (Way.CACHE, Way.SLICES) if (Delivery.RANGE, way) in cells]
    if hls is None or not ways:
        return None
    hard = [
        _is_clearly_more(origin_megabytes_a_minute(cell), origin_megabytes_a_minute(hls))
        or _is_clearly_more(_p95(cell.start), _p95(hls.start))
        for cell in ways
    ]
    texts = [f"Range through a {cell.way}: {_behind(cell)}." for cell in ways]
    return Claim(
        text="Range is hard to cache.",
        verdict=_verdict(hard),
        evidence=" ".join([*texts, f"HLS through a {hls.way}: {_behind(hls)}."]),
    )


def _range_touches_files_often(touches: AllTouches) -> Claim | None:
    """Ask whether names are looked up often, and whether that is clearly more than HLS needs."""
    ours, hls = touches.get((Delivery.RANGE, Way.STRAIGHT)), touches.get((Delivery.HLS, Way.STRAIGHT))
    if ours is None or hls is None:
        return None
    return Claim(
        text="Range touches the file system too often.",
        verdict=_verdict(
            [ours.names_a_request > OFTEN, _is_clearly_more(ours.names_a_minute, hls.names_a_minute)]
        ),
        evidence=f"Range: {_lookups(ours)}. HLS: {_lookups(hls)}.",
    )


def _hls_is_easy_to_cache(cells: Cells) -> Claim | None:
    """Ask whether the cache relieves the server, and whether viewers start no later than without it."""
    straight, cached = cells.get((Delivery.HLS, Way.STRAIGHT)), cells.get((Delivery.HLS, Way.CACHE))
    if straight is None or cached is None or cached.origin_share is None:
        return None
    is_prompt = not _is_clearly_more(_p50(cached.start), _p50(straight.start))
    return Claim(
        text="HLS is easy to cache.",
        verdict=_verdict([cached.origin_share < RELIEF, is_prompt]),
        evidence=(
            f"A cache that was empty at first had the server send {cached.origin_share:.0%} of what viewers "
            f"received. The first second came after {_p50(cached.start):.2f} s in the median; "
            f"{_p50(straight.start):.2f} s without a cache."
        ),
    )


def _hls_seldom_touches_files(touches: AllTouches) -> Claim | None:
    hls = touches.get((Delivery.HLS, Way.STRAIGHT))
    if hls is None:
        return None
    return Claim(
        text="HLS does not touch the file system often.",
        verdict=_verdict([hls.names_a_request <= OFTEN]),
        evidence=f"HLS: {_lookups(hls)}, and {hls.a_minute('sendfile'):.0f} calls of sendfile for each minute.",
    )


def _regions_are_many_requests(cells: Cells) -> Claim | None:
    """Judge each way by whether requests are clearly more than by Range."""
    pairs = [
        (cells[Delivery.REGION, way], cells[Delivery.RANGE, way])
        for way in Way
        if (Delivery.REGION, way) in cells and (Delivery.RANGE, way) in cells
    ]
    if not pairs:
        return None
    texts = [
        f"{region.way}: {region.requests_a_minute:.1f} requests for each minute watched, "
        f"by Range {plain.requests_a_minute:.1f}"
        for region, plain in pairs
    ]
    return Claim(
        text="ResourceRegion takes many more requests than Range.",
        verdict=_verdict(
            [_is_clearly_more(region.requests_a_minute, plain.requests_a_minute) for region, plain in pairs]
        ),
        evidence=f"{'; '.join(texts)}. A cache fetches what it wants and answers viewers by itself, in full.",
    )


def _range_wastes_bytes(cells: Cells) -> Claim | None:
    ours, hls = cells.get((Delivery.RANGE, Way.STRAIGHT)), cells.get((Delivery.HLS, Way.STRAIGHT))
    if ours is None or hls is None:
        return None
    return Claim(
        text="Range brings more bytes that nobody watches than HLS does.",
        verdict=_verdict([_is_clearly_more(ours.overhead, hls.overhead)]),
        evidence=(
            f"For each byte played, {ours.overhead:.2f} came in vain by Range, {hls.overhead:.2f} by HLS. "
            f"What players keep ahead decides it: here the media element up to {FULL_SECONDS:.0f} s, "
            f"the player of HLS {GOAL_SECONDS:.0f} s."
        ),
    )


def _hls_starts_late(cells: Cells) -> Claim | None:
    return _is_later(
        cells,
        "HLS starts later, because its playlists come first.",
        ours=Delivery.HLS,
        other=Delivery.RANGE,
        pick=lambda cell: cell.start,
    )


def _range_seeks_late(cells: Cells) -> Claim | None:
    return _is_later(
        cells,
        "After a seek, Range takes longer than HLS.",
        ours=Delivery.RANGE,
        other=Delivery.HLS,
        pick=lambda cell: cell.seek,
    )


def _is_later(
    cells: Cells, text: str, *, ours: Delivery, other: Delivery, pick: Callable[[Cell], Latency | None]
) -> Claim | None:
    """Judge a claim about latencies by the median and by the slowest twentieth, straight."""
    found = [pick(cells[name, Way.STRAIGHT]) for name in (ours, other) if (name, Way.STRAIGHT) in cells]
    if len(found) < 2 or None in found:
        return None
    later = [_is_clearly_more(_p50(found[0]), _p50(found[1])), _is_clearly_more(_p95(found[0]), _p95(found[1]))]
    first, second = (f"{_p50(latency):.2f} s (p95 {_p95(latency):.2f} s)" for latency in found)
    return Claim(
        text=text,
        verdict=_verdict(later),
        evidence=f"In the median {first} by {ours}, {second} by {other}.",
    )


def _behind(cell: Cell) -> str:
    """Tell what a cache fetched, and how long viewers waited to start."""
    assert cell.origin is not None  # noqa: S101 - asked of caches alone
    return (
        f"{origin_megabytes_a_minute(cell):.1f} MB from the server for each minute watched "
        f"({cell.origin_share:.0%} of what viewers received), the first second after {_p50(cell.start):.2f} s "
        f"in the median and {_p95(cell.start):.2f} s at p95"
    )


def _lookups(touches: Touches) -> str:
    return (
        f"{touches.a_minute('open'):.1f} opens and {touches.a_minute('stat'):.1f} stats for each minute watched, "
        f"{touches.names_a_request:.2f} for each request"
    )


def _verdict(findings: Sequence[bool]) -> Verdict:
    if all(findings):
        return Verdict.TRUE
    return Verdict.PARTLY if any(findings) else Verdict.FALSE


def _is_clearly_more(figure: float, other: float) -> bool:
    return figure > other * CLEAR


def _p50(latency: Latency | None) -> float:
    return latency.p50 if latency else 0.0


def _p95(latency: Latency | None) -> float:
    return latency.p95 if latency else 0.0
