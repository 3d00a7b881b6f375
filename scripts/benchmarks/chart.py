"""Pictures of bars as SVG that needs nothing else: no script, no font, no other file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.statistics import Summary

WIDTH = 960
LABEL_WIDTH = 250
VALUE_WIDTH = 60
BAR_HEIGHT = 13
GROUP_GAP = 14
HEAD_HEIGHT = 96
FOOT_HEIGHT = 30
COLOURS = ("#2f6fde", "#7a8794", "#e08a1e", "#2f9e6e", "#b04fc4", "#d6455d", "#00879b", "#8a6d3b")
TICKS = (1, 2, 5)
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1d2733 }
.title { font-size: 17px; font-weight: 600 }
.note, .tick { fill: #5b6875 }
.value { font-size: 10px; fill: #5b6875 }
.grid { stroke: #e3e8ed }
.reference { stroke: #1d2733; stroke-dasharray: 3 3 }
.spread { stroke: #1d2733; opacity: 0.55 }
.paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e8edf2 } .note, .tick, .value { fill: #9aa7b4 } .paper { fill: #12181f }
  .grid { stroke: #2a343f } .reference, .spread { stroke: #e8edf2 }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Bars that belong together, such as all servers at one kind of work."""

    label: str
    """What is written beside them."""
    bars: dict[str, Summary]
    """By series, such as the server's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Horizontal bars on a logarithmic scale."""

    title: str
    """What it shows."""
    note: str
    """How to read it."""
    series: Sequence[str]
    """All series, in the order of their colours."""
    groups: Sequence[Group]
    """From the top down."""
    reference: float | None = None
    """A value that a dashed line marks."""
    reference_label: str = ""
    """What is written at that line."""
    form: str = ".2f"
    """How values are written."""


def bars_svg(chart: Chart) -> str:
    """Draw a chart: a bar for a median, a thin line from quartile to quartile; return the SVG."""
    scale = _Scale(chart)
    body: list[str] = []
    top = HEAD_HEIGHT
    for group in chart.groups:
        names = [name for name in chart.series if name in group.bars]
        middle = top + BAR_HEIGHT * len(names) / 2
        body.append(_text(LABEL_WIDTH - 10, middle + 4, group.label, "label", anchor="end"))
        for number, name in enumerate(names):
            colour = COLOURS[chart.series.index(name) % len(COLOURS)]
            body += _bar(scale, group.bars[name], top + BAR_HEIGHT * number, colour, chart.form)
        top += BAR_HEIGHT * len(names) + GROUP_GAP
    height = top + FOOT_HEIGHT
    paper = f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    title = [_text(16, 28, chart.title, "title"), _text(16, 48, chart.note, "note")]
    parts = [f"<style>{STYLE}</style>", paper, *title, *_legend(chart.series), *_grid(scale, chart, top), *body]
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    return "\n".join([opening, f"<title>{escape(chart.title)}</title>", *parts, "</svg>", ""])


class _Scale:
    """From a value to a place on the page."""

    def __init__(self, chart: Chart) -> None:
        summaries = [bar for group in chart.groups for bar in group.bars.values()]
        values = [value for bar in summaries for value in (bar.low, bar.high) if value > 0]
        values += [chart.reference] if chart.reference else []
        self._low = math.log10(min(values, default=0.1)) - 0.15
        self._high = max(math.log10(max(values, default=1.0)) + 0.05, self._low + 0.5)

    def place(self, value: float) -> float:
        """Return the distance from the left edge."""
        share = (math.log10(value) - self._low) / (self._high - self._low) if value > 0 else 0
        return LABEL_WIDTH + share * (WIDTH - LABEL_WIDTH - VALUE_WIDTH)

    def ticks(self) -> list[float]:
        """Return the round values that lie on the scale."""
        decades = range(math.floor(self._low), math.ceil(self._high) + 1)
        values = [digit * 10.0**decade for decade in decades for digit in TICKS]
        return [value for value in values if self._low <= math.log10(value) <= self._high]


def _bar(scale: _Scale, bar: Summary, top: float, colour: str, form: str) -> list[str]:
    end = scale.place(bar.median)
    middle = top + BAR_HEIGHT / 2 - 1
    size = f'width="{max(end - LABEL_WIDTH, 0):.1f}" height="{BAR_HEIGHT - 2}"'
    low, high = scale.place(bar.low), scale.place(bar.high)
    return [
        f'<rect x="{LABEL_WIDTH}" y="{top:.1f}" {size} fill="{colour}"/>',
        f'<path class="spread" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>',
        _text(max(end, high) + 5, middle + 4, f"{bar.median:{form}}", "value"),
    ]


def _grid(scale: _Scale, chart: Chart, bottom: float) -> list[str]:
    top = HEAD_HEIGHT - 8
    lines = []
    for value in scale.ticks():
        place = scale.place(value)
        lines.append(f'<path class="grid" d="M{place:.1f} {top}V{bottom:.1f}"/>')
        lines.append(_text(place, bottom + 16, f"{value:g}", "tick", anchor="middle"))
    if chart.reference:
        place = scale.place(chart.reference)
        lines.append(f'<path class="reference" d="M{place:.1f} {top}V{bottom:.1f}"/>')
        lines.append(_text(place, top - 6, chart.reference_label, "tick", anchor="middle"))
    return lines


def _legend(series: Sequence[str]) -> list[str]:
    parts = []
    left = 16.0
    for number, name in enumerate(series):
        parts.append(
            f'<rect x="{left:.0f}" y="60" width="11" height="11" fill="{COLOURS[number % len(COLOURS)]}"/>'
        )
        parts.append(_text(left + 16, 70, name, "label"))
        left += 16 + 7 * len(name) + 22
    return parts


def _text(left: float, top: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
