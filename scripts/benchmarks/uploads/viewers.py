"""What uploads leave to viewers: clients of a playlist, alone and beside them."""

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
ALONE, BESIDE = "alone", f"beside {UPLOADS} uploads"
SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewers:
    """What clients of a playlist got."""

    slower: Summary
    """The time that 99 % of answers stayed below beside uploads, over that alone."""
    upload_bytes_per_second: Summary
    """Of all uploads together, beside the clients."""
    cells: Mapping[str, Mapping[int, Cell]]
    """Alone and beside uploads, by round."""


def measure_viewers(source: Path, server: Server, generator: Generator, *, rounds: int) -> Viewers:
    """Ask for a playlist alone, and while uploads come as fast as the server takes them."""
    question = _question(server, source.parent)
    cells: dict[str, dict[int, Cell]] = {ALONE: {}, BESIDE: {}}
    rates = []
    progress = Progress(len(cells) * rounds)
    for number, _, way in shuffled_rounds({"": tuple(cells)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · playlists · {way}")
        if way == ALONE:
            cells[way][number] = generator.measure(server, question, cores=all_cores())
            continue
        with flooded(server, "/api/uploads", source) as flood:
            time.sleep(SETTLE_SECONDS)
            before, began = flood.sent_bytes, time.perf_counter()
            cells[way][number] = generator.measure(server, question, cores=all_cores())
            rates.append((flood.sent_bytes - before) / (time.perf_counter() - began))
    progress.close()
    beside, alone = (
        {number: float(cell.latency_p99) for number, cell in cells[way].items()} for way in (BESIDE, ALONE)
    )
    return Viewers(
        slower=summarize(paired_ratios(beside, alone)), upload_bytes_per_second=summarize(rates), cells=cells
    )


def _question(server: Server, folder: Path) -> Question:
    clip = folder / "watched.mp4"
    make_filled_clip(clip, CLIP)
    path = add_video(server, clip, title="watched")["renditions"][0]["playlist_url"]
    return Question(work="whole", path=path, length=len(ask(server, path).body), connections=CLIENTS)
