"""Storyboards: how many pictures, how large, and where each is found."""

import itertools

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.storyboard import COLUMNS, MAX_TILES, ROWS, plan_storyboard, storyboard_webvtt
from streamserver.domain.webvtt import read_cues


@pytest.mark.parametrize(
    ("seconds", "tiles", "interval", "sheets"),
    [
        (0.5, 1, 2, 1),
        (2, 1, 2, 1),
        (2.1, 2, 2, 1),
        (50, 25, 2, 1),
        (51, 26, 2, 2),
        (600, 300, 2, 12),
        (7200, 300, 24, 12),
    ],
)
def test_how_many(seconds: float, tiles: int, interval: float, sheets: int) -> None:
    """There is a picture every two seconds, and never more than a bounded number."""
    board = plan_storyboard(seconds, 320, 180)
    assert (board.tiles, board.interval_seconds, board.sheets) == (tiles, interval, sheets)


@pytest.mark.parametrize(
    ("size", "tile"),
    [((1920, 1080), (160, 90)), ((180, 320), (90, 160)), ((64, 36), (160, 90)), ((4000, 10), (160, 2))],
)
def test_how_large(size: tuple[int, int], tile: tuple[int, int]) -> None:
    """A picture has the shape of the video, with sides of an even number of pixels."""
    board = plan_storyboard(10, *size)
    assert (board.tile_width, board.tile_height) == tile


@given(st.floats(0.1, 50_000))
def test_every_moment_has_its_picture(seconds: float) -> None:
    """Cues follow one another from the beginning to the end, and each shows another tile that is on its sheet."""
    board = plan_storyboard(seconds, 1920, 1080)
    names = [f"{number}.jpg" for number in range(board.sheets)]
    cues = list(read_cues(storyboard_webvtt(board, seconds, names)))
    assert len(cues) == board.tiles <= MAX_TILES
    assert cues[0].start_ms == 0
    assert cues[-1].end_ms == round(seconds * 1000)
    assert all(before.end_ms == after.start_ms for before, after in itertools.pairwise(cues))
    assert len({cue.text for cue in cues}) == board.tiles
    assert {cue.text.split("#")[0] for cue in cues} == set(names)
    for cue in cues:
        x, y, width, height = map(int, cue.text.split("#xywh=")[1].split(","))
        assert (x % width, y % height, width, height) == (0, 0, 160, 90)
        assert (x // width < COLUMNS, y // height < ROWS) == (True, True)
