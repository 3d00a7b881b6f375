"""Chapters: cleaned, kept and written."""

import pytest

from streamserver.domain.chapters import (
    Chapter,
    chapters_webvtt,
    clean_chapters,
    pack_chapters,
    unpack_chapters,
)

TWO = (
    Chapter(start_seconds=0, end_seconds=4, title="Begin"),
    Chapter(start_seconds=4, end_seconds=10, title="End <b>& more</b>"),
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], []),
        ([(0, 10, "all of it")], []),
        ([(0, 4, "a"), (4, 10, "b")], [(0, 4, "a"), (4, 10, "b")]),
        ([(4, 10, "b"), (0, 4, "a")], [(0, 4, "a"), (4, 10, "b")]),
        ([(0, 6, "a"), (4, 10, "b")], [(0, 4, "a"), (4, 10, "b")]),
        ([(0, 4, ""), (4, 99, "b\n\x00c")], [(0, 4, "Chapter 1"), (4, 10, "b c")]),
        ([(-1, 4, "a"), (4, 5, "b"), (11, 12, "beyond")], [(0, 4, "a"), (4, 5, "b")]),
        ([(0, 4, "a"), (0, 4, "b"), (4, 5, "c")], [(0, 4, "b"), (4, 5, "c")]),
        ([(0, 4, "a"), (4, 4.0004, "too short to be written"), (5, 6, "b")], [(0, 4, "a"), (5, 6, "b")]),
    ],
)
def test_what_a_container_tells_is_put_in_order(
    found: list[tuple[float, float, str]], expected: list[tuple[float, float, str]]
) -> None:
    """Chapters follow one another within the video; one alone is none, and one without a title has a number."""
    chapters = clean_chapters(found, 10)
    assert [(it.start_seconds, it.end_seconds, it.title) for it in chapters] == expected


def test_they_are_kept_as_they_are() -> None:
    """What was packed is unpacked; nothing is nothing."""
    assert unpack_chapters(pack_chapters(TWO)) == TWO
    assert unpack_chapters(None) == ()


def test_as_webvtt() -> None:
    """A chapter is a cue, and its title is text, whatever it looks like."""
    assert chapters_webvtt(TWO) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:04.000\nBegin\n\n"
        "00:00:04.000 --> 00:00:10.000\nEnd &lt;b&gt;&amp; more&lt;/b&gt;\n"
    )
