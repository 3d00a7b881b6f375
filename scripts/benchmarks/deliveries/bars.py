"""Stacked bars, the plot that most figures fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.deliveries.svg import WIDTH, Scale, box, line, picture, text

LABEL_WIDTH = 128
VALUE_WIDTH = 92
BAR_HEIGHT = 20
BAR_GAP = 8
GROUP_GAP = 20
LEGEND_HEIGHT = 30
AXIS_HEIGHT = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of stacked parts."""

    name: str
    """What it stands for."""
    parts: Sequence[float]
    """How long each part is."""
    colour: str
    """Of the whole bar; later parts are paler."""
    note: str = ""
    """What is written behind it; the sum where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Groups of bars on one scale."""

    label: str
    """What the plot shows, for those who cannot see it."""
    unit: str
    """Of the scale."""
    groups: Mapping[str, Sequence[Bar]]
    """By heading; an empty heading for none."""
    parts: Sequence[str] = ()
    """What the parts are; empty where bars have one part."""
    limit: float | None = None
    """A value that a dashed line marks."""
    form: str = ".1f"
    """How values are written."""


OPACITIES = (1.0, 0.62, 0.38, 0.24, 0.14)
"""Of the parts of a bar, from the first on."""


def draw_bars(bars: Bars) -> str:
    """Draw horizontal bars."""
    longest = max((sum(bar.parts) for group in bars.groups.values() for bar in group), default=0.0)
    scale = Scale(low=0, high=max(longest, bars.limit or 0.0) or 1.0, start=LABEL_WIDTH, end=WIDTH - VALUE_WIDTH)
    parts: list[str] = []
    top = float(LEGEND_HEIGHT if bars.parts else 4)
    first = top
    for heading, group in bars.groups.items():
        if heading:
            parts.append(text(LABEL_WIDTH, top + 13, heading.capitalize(), kind="name"))
            top += BAR_HEIGHT
        for bar in group:
            parts += _bar(bar, bars, scale, top)
            top += BAR_HEIGHT + BAR_GAP
        top += GROUP_GAP - BAR_GAP
    top -= GROUP_GAP - BAR_GAP
    grid = [line(scale(tick), first, scale(tick), top, kind="grid") for tick in scale.ticks()]
    ticks = [text(scale(tick), top + 16, f"{tick:g}", anchor="middle") for tick in scale.ticks()]
    unit = text(LABEL_WIDTH - 12, top + 16, bars.unit, anchor="end")
    limit = [line(scale(bars.limit), first, scale(bars.limit), top, kind="limit")] if bars.limit else []
    legend = _legend(bars.parts)
    return picture(WIDTH, top + AXIS_HEIGHT, bars.label, [*legend, *grid, *ticks, unit, *parts, *limit])


def _bar(bar: Bar, bars: Bars, scale: Scale, top: float) -> list[str]:
    drawn = [text(LABEL_WIDTH - 12, top + 14, bar.name, anchor="end")]
    done = 0.0
    for number, part in enumerate(bar.parts):
        left, right = scale(done), scale(done + part)
        hint = f"{bar.name}: {bars.parts[number] if bars.parts else ''} {part:{bars.form}} {bars.unit}"
        opacity = OPACITIES[number % len(OPACITIES)]
        drawn.append(box(left, top, right - left, BAR_HEIGHT, colour=bar.colour, opacity=opacity, hint=hint))
        done += part
    drawn.append(text(scale(done) + 8, top + 14, bar.note or f"{done:{bars.form}}", kind="figure"))
    return drawn


def _legend(parts: Sequence[str]) -> list[str]:
    drawn, left = [], float(LABEL_WIDTH)
    for number, name in enumerate(parts):
        drawn.append(box(left, 2, 12, 12, colour="var(--ink)", opacity=OPACITIES[number % len(OPACITIES)]))
        drawn.append(text(left + 18, 12, name))
        left += 18 + 6.6 * len(name) + 22
    return drawn
