"""The strokes that plots are made of: SVG as text, coloured by the page it stands in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
svg.plot { width: 100%; height: auto; display: block; overflow: visible }
svg.plot text { font: 12px/1 var(--font); fill: var(--quiet) }
svg.plot .name { fill: var(--ink); font-weight: 600 }
svg.plot .figure { fill: var(--ink); font-variant-numeric: tabular-nums }
svg.plot .grid { stroke: var(--rule); fill: none }
svg.plot .axis { stroke: var(--quiet); fill: none }
svg.plot .limit { stroke: var(--ink); stroke-dasharray: 4 4; fill: none }
svg.plot .curve { fill: none; stroke-width: 2.25; stroke-linejoin: round }
"""
WIDTH = 920
"""Of a plot, in its own units; the page scales it to fit."""
DIGITS = (1, 2, 5)


def text(left: float, top: float, words: str, *, kind: str = "", anchor: str = "start") -> str:
    """Write words; `anchor` is start, middle or end."""
    place = f'x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}"'
    return f"<text {place}{_class(kind)}>{escape(words, quote=False)}</text>"


def box(
    left: float, top: float, width: float, height: float, *, colour: str, opacity: float = 1, hint: str = ""
) -> str:
    """Draw a filled rectangle; the hint shows where a pointer rests on it."""
    title = f"<title>{escape(hint, quote=False)}</title>" if hint else ""
    shade = f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
    size = f'width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect x="{left:.1f}" y="{top:.1f}" {size} style="fill:{colour}"{shade}>{title}</rect>'


def line(left: float, top: float, right: float, bottom: float, *, kind: str) -> str:
    """Draw a straight line of a kind that the style knows."""
    return f'<path class="{kind}" d="M{left:.1f} {top:.1f}L{right:.1f} {bottom:.1f}"/>'


def curve(points: Sequence[tuple[float, float]], *, colour: str, hint: str = "") -> str:
    """Draw a line through points."""
    path = "L".join(f"{left:.1f} {top:.1f}" for left, top in points)
    title = f"<title>{escape(hint, quote=False)}</title>" if hint else ""
    return f'<path class="curve" d="M{path}" style="stroke:{colour}">{title}</path>'


def dot(left: float, top: float, *, colour: str, radius: float = 4, hint: str = "") -> str:
    """Draw a filled circle."""
    title = f"<title>{escape(hint, quote=False)}</title>" if hint else ""
    return f'<circle cx="{left:.1f}" cy="{top:.1f}" r="{radius:g}" style="fill:{colour}">{title}</circle>'


def picture(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    """Put a plot together; the label is for those who cannot see it."""
    opening = f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
    return "\n".join([opening, *parts, "</svg>"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From a value to a place."""

    low: float
    """The value at the start."""
    high: float
    """The value at the end."""
    start: float
    """The place of the low value."""
    end: float
    """The place of the high value."""
    is_logarithmic: bool = False
    """Whether equal steps are equal ratios."""

    def __call__(self, value: float) -> float:
        """Return where a value lies; values beyond the ends lie at the ends."""
        low, high, value = (self._bend(number) for number in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.0
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Return round values that lie on it, about so many on a linear one."""
        if self.is_logarithmic:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            values = [digit * 10.0**decade for decade in decades for digit in DIGITS]
            return [value for value in values if self.low <= value <= self.high * 1.0001]
        step = _round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _bend(self, value: float) -> float:
        return math.log10(max(value, self.low, 1e-12)) if self.is_logarithmic else value


def _round_step(rough: float) -> float:
    decade = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    return next(digit * decade for digit in (*DIGITS, 10) if digit * decade >= rough)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
