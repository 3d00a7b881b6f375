"""How latencies are distributed: for each time, the share of viewers who had waited no longer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.deliveries.svg import WIDTH, Scale, curve, dot, line, picture, text
from benchmarks.statistics import quantile

LEAST_SECONDS = 0.01
"""Where the scale begins; what took less, such as a seek within the buffer, lies on its edge."""
PANEL_HEIGHT = 200
PANEL_GAP = 52
HEAD_HEIGHT = 26
FOOT_HEIGHT = 40
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
MARKED_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One curve."""

    name: str
    """What it stands for."""
    values: Sequence[float]
    """Seconds, in any order; at least one."""
    colour: str
    """Of the curve."""


def draw_curves(label: str, panels: Mapping[str, Sequence[Distribution]]) -> str:
    """Draw panels side by side on the same logarithmic scale; a dot marks the slowest twentieth."""
    longest = max((max(one.values) for panel in panels.values() for one in panel), default=1.0)
    count = max(len(panels), 1)
    width = (WIDTH - PANEL_GAP * count) / count
    shortest = min((min(one.values) for panel in panels.values() for one in panel), default=LEAST_SECONDS)
    low = LEAST_SECONDS if shortest < LEAST_SECONDS * 10 else LEAST_SECONDS * 10
    parts: list[str] = []
    for number, (title, panel) in enumerate(panels.items()):
        left = PANEL_GAP + number * (width + PANEL_GAP)
        seconds = Scale(low=low, high=max(longest, 1.0), start=left, end=left + width, is_logarithmic=True)
        parts += _panel(title, panel, seconds)
    return picture(WIDTH, HEAD_HEIGHT + PANEL_HEIGHT + FOOT_HEIGHT, label, parts)


def _panel(title: str, panel: Sequence[Distribution], seconds: Scale) -> list[str]:
    top, bottom = HEAD_HEIGHT, HEAD_HEIGHT + PANEL_HEIGHT
    share = Scale(low=0, high=1, start=bottom, end=top)
    parts = [text(seconds.start, 12, title.capitalize(), kind="name")]
    for value in SHARES:
        parts.append(line(seconds.start, share(value), seconds.end, share(value), kind="grid"))
        parts.append(text(seconds.start - 6, share(value) + 4, f"{value:.0%}", anchor="end"))
    for value in (tick for tick in seconds.ticks() if f"{tick:g}".strip("0.")[0] == "1"):
        parts.append(line(seconds(value), top, seconds(value), bottom, kind="grid"))
        parts.append(text(seconds(value), bottom + 18, f"{value:g} s", anchor="middle"))
    for one in panel:
        parts += _distribution(one, seconds, share)
    return parts


def _distribution(one: Distribution, seconds: Scale, share: Scale) -> list[str]:
    ordered = sorted(one.values)
    points = [(seconds.start, share(0))]
    for number, value in enumerate(ordered):
        points += [
            (seconds(value), share(number / len(ordered))),
            (seconds(value), share((number + 1) / len(ordered))),
        ]
    points.append((seconds.end, share(1)))
    marked = quantile(ordered, MARKED_SHARE)
    hint = (
        f"{one.name}: p50 {quantile(ordered, 0.5):.2f} s, p95 {marked:.2f} s, p99 {quantile(ordered, 0.99):.2f} s"
    )
    return [
        curve(points, colour=one.colour, hint=hint),
        dot(seconds(marked), share(MARKED_SHARE), colour=one.colour, hint=hint),
    ]
