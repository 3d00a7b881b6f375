"""Chapters: the parts of a video that its author named."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from streamserver.domain.titles import clean_label
from streamserver.domain.webvtt import Cue, plain_text, write_webvtt

MAX_CHAPTERS = 500
"""More make no menu."""
LEAST_CHAPTERS = 2
"""A single chapter is the video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A part of a video."""

    start_seconds: float
    """When it begins."""
    end_seconds: float
    """When it ends; later than it begins."""
    title: str
    """What its author calls it, in one line."""


def clean_chapters(found: Iterable[tuple[float, float, str]], duration_seconds: float) -> tuple[Chapter, ...]:
    """Make chapters of what a container tells (start, end, title): in order, within the video, without overlap.

    Times are of whole milliseconds, as they are written. A chapter without a title is called by its number. Where
    fewer than two are left there are none.
    """
    within = ((max(0.0, start), min(end, duration_seconds), title) for start, end, title in found)
    spans = sorted((round(start, 3), round(end, 3), title) for start, end, title in within)
    spans = [span for span in spans if span[1] > span[0]][:MAX_CHAPTERS]
    ends = [*(start for start, _, _ in spans), duration_seconds][1:]
    chapters = tuple(
        Chapter(start_seconds=start, end_seconds=min(end, limit), title=clean_label(title) or f"Chapter {number}")
        for number, ((start, end, title), limit) in enumerate(zip(spans, ends, strict=True), 1)
        if limit > start
    )
    return chapters if len(chapters) >= LEAST_CHAPTERS else ()


def chapters_webvtt(chapters: Iterable[Chapter]) -> str:
    """Write chapters as a WebVTT file for `<track kind="chapters">`."""
    return write_webvtt(
        Cue(
            start_ms=round(chapter.start_seconds * 1000),
            end_ms=round(chapter.end_seconds * 1000),
            text=plain_text(chapter.title),
        )
        for chapter in chapters
    )


def pack_chapters(chapters: Iterable[Chapter]) -> str:
    """Write chapters as compact JSON, for keeping."""
    rows = [[chapter.start_seconds, chapter.end_seconds, chapter.title] for chapter in chapters]
    return json.dumps(rows, separators=(",", ":"))


def unpack_chapters(text: str | None) -> tuple[Chapter, ...]:
    """Read what `pack_chapters` wrote; none where there is nothing."""
    rows = json.loads(text or "[]")
    return tuple(Chapter(start_seconds=start, end_seconds=end, title=title) for start, end, title in rows)
