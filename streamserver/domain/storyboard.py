"""Storyboards: small pictures of a video, laid out on a few sheets, for a preview while seeking.

The text that says which picture belongs to which time is WebVTT whose cues are addresses with a media fragment
(`#xywh=`, https://www.w3.org/TR/media-frags/ §4.2.2), as players of the web expect it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from streamserver.domain.webvtt import Cue, write_webvtt

TILE_SIDE = 160
"""Pixels of a tile's longer side."""
MAX_TILES = 300
"""Of one video; a longer one has them farther apart."""
LEAST_INTERVAL_SECONDS = 2.0
"""Encoded renditions have no more keyframes than this."""
COLUMNS = 5
"""Tiles side by side on a sheet."""
ROWS = 5
"""Rows of tiles on a sheet; one sheet is loaded at a time, so it shall be small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storyboard:
    """How the pictures of a video are laid out."""

    interval_seconds: float
    """Each tile stands for as much of the video."""
    tiles: int
    """How many there are."""
    tile_width: int
    """Pixels, even."""
    tile_height: int
    """Pixels, even."""

    @property
    def sheets(self) -> int:
        """How many sheets they fill."""
        return -(-self.tiles // (COLUMNS * ROWS))


def plan_storyboard(duration_seconds: float, width: int, height: int) -> Storyboard:
    """Lay out the pictures of a video, whose size is as displayed."""
    interval = max(LEAST_INTERVAL_SECONDS, duration_seconds / MAX_TILES)
    scale = TILE_SIDE / max(width, height)
    return Storyboard(
        interval_seconds=interval,
        # By the milliseconds that are written: less than one is no moment of its own.
        tiles=max(1, min(MAX_TILES, -int(-round(duration_seconds, 3) // interval))),
        tile_width=_even(width * scale),
        tile_height=_even(height * scale),
    )


def storyboard_webvtt(board: Storyboard, duration_seconds: float, sheet_names: list[str]) -> str:
    """Write which tile belongs to which time; sheets are named as they are found beside the text."""
    return write_webvtt(_cues(board, duration_seconds, sheet_names))


def _cues(board: Storyboard, duration_seconds: float, sheet_names: list[str]) -> Iterator[Cue]:
    for tile in range(board.tiles):
        sheet, place = divmod(tile, COLUMNS * ROWS)
        row, column = divmod(place, COLUMNS)
        end_seconds = duration_seconds if tile == board.tiles - 1 else (tile + 1) * board.interval_seconds
        yield Cue(
            start_ms=round(tile * board.interval_seconds * 1000),
            end_ms=round(end_seconds * 1000),
            text=(
                f"{sheet_names[sheet]}#xywh={column * board.tile_width},{row * board.tile_height},"
                f"{board.tile_width},{board.tile_height}"
            ),
        )


def _even(pixels: float) -> int:
    return max(2, round(pixels / 2) * 2)
