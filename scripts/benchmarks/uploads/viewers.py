"""What uploads leave to viewers: clients of a playlist, alone and beside them."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clips import Clip, make_filled_clip
from benchmarks.product import add_video, ask
from benchmarks.progress import Progress
from benchmarks.serve.load import Cell, Generator, Question
from benchmarks.servers import Server, all_cores
from benchmarks.statistics import Summary, paired_ratios, shuffled_rounds, summarize
from benchmarks.uploads.crowd import UPLOADS, flooded

MOST_SLOWER = 3.0
"""How many times as long the slowest of a hundred answers may take beside uploads."""
CLIENTS = 16
SETTLE_SECONDS = 0.3
"""How long uploads run before anything beside them is measured."""
CLIP = Clip(seconds=144, width=128, height=72, frame_rate=10, bit_rate_bps=50_000)
"""Its playlist has about 1 KiB."""
NETWORK_BYTES_PER_SECOND = 125e6
"""What a network of 1 Gbit/s brings."""
ALONE = "alone"
BESIDE = f"beside {UPLOADS} uploads, 1 Gbit/s in all"
UNBOUNDED = f"beside {UPLOADS} uploads, unbounded"
RATES: Mapping[str, float | None] = {ALONE: None, BESIDE: NETWORK_BYTES_PER_SECOND, UNBOUNDED: math.inf}
"""How fast uploads come, all together; None where there are none.

Whoever sends unbounded ones also takes from viewers what the machine has of processor time."""
SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewers:
    """What clients of a playlist got, by how fast uploads came beside them."""

    slower: Mapping[str, Summary | None]
    """The time that 99 % of answers stayed below, over that alone; None where nothing was answered."""
    upload_bytes_per_second: Mapping[str, Summary]
    """Of all uploads together."""
    cells: Mapping[str, Mapping[int, Cell]]
    """By round."""


def is_bearable(slower: Summary | None) -> bool:
    """Tell whether clients wait no longer than they may; not, where nothing was answered."""
    return slower is not None and slower.median <= MOST_SLOWER


def measure_viewers(source: Path, server: Server, generator: Generator, *, rounds: int) -> Viewers:
    """Ask for a playlist alone, and while uploads run."""
    question = _question(server, source.parent)
    cells: dict[str, dict[int, Cell]] = {way: {} for way in RATES}
    came: dict[str, list[float]] = {}
    progress = Progress(len(cells) * rounds)
    for number, _, way in shuffled_rounds({"": tuple(cells)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · playlists {way}")
        rate = RATES[way]
        if rate is None:
            cells[way][number] = generator.measure(server, question, cores=all_cores())
            continue
        with flooded(server, "/api/uploads", source, bytes_per_second=rate) as flood:
            time.sleep(SETTLE_SECONDS)
            before, began = flood.sent_bytes, time.perf_counter()
            cells[way][number] = generator.measure(server, question, cores=all_cores())
            came.setdefault(way, []).append((flood.sent_bytes - before) / (time.perf_counter() - began))
    progress.close()
    return Viewers(
        slower={way: _slower(cells[way], cells[ALONE]) for way in came},
        upload_bytes_per_second={way: summarize(rates) for way, rates in came.items()},
        cells=cells,
    )


def _slower(beside: Mapping[int, Cell], alone: Mapping[int, Cell]) -> Summary | None:
    tails = (
        {number: float(cell.latency_p99) for number, cell in cells.items() if cell.requests}
        for cells in (beside, alone)
    )
    ratios = paired_ratios(*tails)
    return summarize(ratios) if ratios else None


def _question(server: Server, folder: Path) -> Question:
    clip = folder / "watched.mp4"
    make_filled_clip(clip, CLIP)
    path = add_video(server, clip, title="watched")["renditions"][0]["playlist_url"]
    return Question(work="whole", path=path, length=len(ask(server, path).body), connections=CLIENTS)
