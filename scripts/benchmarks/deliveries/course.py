"""The course of one session: what played when, and what was held by then."""

from collections.abc import Mapping, Sequence

from benchmarks.deliveries.svg import WIDTH, Scale, box, curve, line, picture, text
from benchmarks.deliveries.viewer import Mark, MarkKind

LEFT = 60
PANEL_HEIGHT = 150
HEAD_HEIGHT = 24
FOOT_HEIGHT = 30
PANEL_GAP = 14
HELD_OPACITY = 0.26


def draw_courses(label: str, courses: Mapping[str, tuple[Sequence[Mark], str]]) -> str:
    """Draw the same session once a delivery, one below the other; each comes with the colour of what is held."""
    marks = [mark for course, _colour in courses.values() for mark in course]
    latest = max((mark.at_seconds for mark in marks), default=1.0)
    seconds = Scale(low=0, high=latest, start=LEFT, end=WIDTH)
    highest = max((mark.end for mark in marks), default=1.0)
    parts: list[str] = []
    top = 0.0
    for name, (course, colour) in courses.items():
        media = Scale(low=0, high=highest, start=top + HEAD_HEIGHT + PANEL_HEIGHT, end=top + HEAD_HEIGHT)
        parts += [text(LEFT, top + 14, name, kind="name"), *_panel(course, colour, seconds, media)]
        top += HEAD_HEIGHT + PANEL_HEIGHT + PANEL_GAP
    for tick in seconds.ticks(8):
        parts.append(text(seconds(tick), top + 8, f"{tick:g} s", anchor="middle"))
    return picture(WIDTH, top + FOOT_HEIGHT, label, parts)


def _panel(course: Sequence[Mark], colour: str, seconds: Scale, media: Scale) -> list[str]:
    parts = []
    for tick in media.ticks(4):
        parts.append(line(seconds.start, media(tick), seconds.end, media(tick), kind="grid"))
        parts.append(text(seconds.start - 8, media(tick) + 4, f"{tick:g} s", anchor="end"))
    over = course[-1].at_seconds if course else 0.0
    drops = [mark.at_seconds for mark in course if mark.kind is MarkKind.DROP]
    for mark in (mark for mark in course if mark.kind is MarkKind.ARRIVE):
        left = seconds(mark.at_seconds)
        right = seconds(next((drop for drop in drops if drop >= mark.at_seconds), over))
        hint = f"{mark.start:.1f} s to {mark.end:.1f} s, there after {mark.at_seconds:.2f} s"
        height = media(mark.start) - media(mark.end)
        parts.append(
            box(left, media(mark.end), right - left, height, colour=colour, opacity=HELD_OPACITY, hint=hint)
        )
    begun: Mark | None = None
    for mark in course:
        if mark.kind is MarkKind.PLAY:
            begun = mark
        elif mark.kind is MarkKind.REST and begun is not None:
            points = [(seconds(one.at_seconds), media(one.start)) for one in (begun, mark)]
            parts.append(curve(points, colour="var(--ink)"))
    return parts
