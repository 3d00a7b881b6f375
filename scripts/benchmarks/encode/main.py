"""The story of `scripts/bench encode`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.chart import Chart, Group, bars_svg
from benchmarks.clips import Clip, ffmpeg_version, make_copied_clip, make_moving_clip, repeat_clip
from benchmarks.encode import first_play
from benchmarks.encode.ours import run_server
from benchmarks.encode.outcome import FIGURES, Run
from benchmarks.encode.plain import ladder_for, one_process, process_each, run_together
from benchmarks.product import NAME
from benchmarks.progress import Progress
from benchmarks.report import Report, table, with_spread
from benchmarks.statistics import Summary, paired_ratios, shuffled_rounds, summarize

FULL = Clip(seconds=20, width=1920, height=1080, frame_rate=30, bit_rate_bps=12_000_000)
FULL_ROUNDS = 5
QUICK = Clip(seconds=4, width=480, height=270, frame_rate=10, bit_rate_bps=500_000)
QUICK_ROUNDS = 1
LONG_BYTES = 1_000_000_000
"""Of a source that plays long before its ladder is done; in a full run."""
USUAL_KEYFRAME_FRAMES = 250
"""At most so many lie between keyframes where x264 is left to itself."""
FIRST_PLAY_ROUNDS = 3
COPY_SECONDS = 2.0
"""How soon a source that is copied shall play, besides the time to read it once."""
ENCODE_SECONDS = 3.0
"""How soon any other shall play."""
PLAIN = "plain ffmpeg"
EACH = "a process each"
LABELS = {
    "wall_seconds": "wall, s",
    "cpu_seconds": "CPU, s",
    "first_segment_seconds": "first segment, s",
    "output_bytes": "output, MB",
}
SCALE = {"output_bytes": 1e-6}
"""From a figure to how it is shown."""
SEED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one way of encoding came to, by figure."""

    figures: Mapping[str, Summary]
    """As they are."""
    of_plain: Mapping[str, Summary]
    """Over those of the plain ffmpeg of the same round."""


def run(*, quick: bool, output: Path) -> int:
    """Measure, print, write encode.json and encode.svg; return 0."""
    clip, rounds = (QUICK, QUICK_ROUNDS) if quick else (FULL, FULL_ROUNDS)
    report = Report(benchmark="encode", quick=quick)
    report.versions["ffmpeg"] = ffmpeg_version()
    with TemporaryDirectory(dir=output) as name:
        folder = Path(name)
        print("preparing the sources …", flush=True)
        cases = _cases(clip, folder, quick=quick)
        first_plays = _first_plays(cases, 1 if quick else FIRST_PLAY_ROUNDS, folder)
        plays = first_play.sum_up(first_plays)
        runs = _measure(cases[-1].source, clip, rounds, folder)
    outcomes = {name: _outcome(found, runs[PLAIN]) for name, found in runs.items()}
    rungs = [f"{rung.short_side}p" for rung in ladder_for(clip.height)]
    report.results |= {
        "first_plays": plays,
        "source": clip,
        "renditions": rungs,
        "outcomes": outcomes,
        "runs": runs,
    }
    report.write(output)
    (output / "encode.svg").write_text(bars_svg(_chart(outcomes)))
    print("", report.heading(), first_play.table_of(plays), sep="\n\n")
    source = f"{clip.seconds:g} s of {clip.width}×{clip.height} into {', '.join(rungs)}; "
    print("", _table(outcomes), source + "medians of paired rounds", sep="\n\n")
    print(f"\n{output / 'encode.json'}\n{output / 'encode.svg'}")
    return 0


def _cases(clip: Clip, folder: Path, *, quick: bool) -> list[first_play.Case]:
    """Make the sources; the last is the one whose ladder is measured."""
    short, other = folder / "short.mp4", folder / "source.mp4"
    make_copied_clip(short, clip)
    make_moving_clip(other, clip)
    copied = {"short": short}
    if not quick:
        sparse = folder / "sparse.mp4"
        make_copied_clip(sparse, clip, keyframe_seconds=USUAL_KEYFRAME_FRAMES / clip.frame_rate)
        for label, source, name in (
            ("long", short, "long.mp4"),
            ("long, MPEG-TS", short, "long.ts"),
            (f"long, a keyframe in {USUAL_KEYFRAME_FRAMES} frames", sparse, "long_sparse.mp4"),
        ):
            copied[label] = folder / name
            repeat_clip(source, copied[label], LONG_BYTES)
    cases = (
        first_play.Case(
            label=f"H.264 and AAC, {label}", source=source, patience_seconds=COPY_SECONDS, is_copied=True
        )
        for label, source in copied.items()
    )
    label = f"MPEG-4, {clip.height}p"
    return [
        *cases,
        first_play.Case(label=label, source=other, patience_seconds=ENCODE_SECONDS, is_copied=False),
    ]


def _first_plays(
    cases: Sequence[first_play.Case], rounds: int, folder: Path
) -> dict[first_play.Case, list[first_play.FirstPlay]]:
    """Upload each source once a round, to a server that has nothing else to do."""
    plays: dict[first_play.Case, list[first_play.FirstPlay]] = {case: [] for case in cases}
    progress = Progress(rounds * len(cases))
    for number, _, case in shuffled_rounds({"": tuple(cases)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · first segment · {case.label}")
        with TemporaryDirectory(dir=folder) as empty:
            plays[case].append(first_play.first_play(case, Path(empty)))
    progress.close()
    return plays


def _measure(source: Path, clip: Clip, rounds: int, folder: Path) -> dict[str, dict[int, Run]]:
    """Encode the same source in each way once a round."""
    rungs = ladder_for(clip.height)
    ways: dict[str, Callable[[Path], Run]] = {
        NAME: lambda empty: run_server(source, empty),
        PLAIN: lambda empty: run_together(one_process(source, rungs), empty),
        EACH: lambda empty: run_together(process_each(source, rungs), empty),
    }
    runs: dict[str, dict[int, Run]] = {name: {} for name in ways}
    progress = Progress(rounds * len(ways))
    for number, _, name in shuffled_rounds({"": tuple(ways)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · {name}")
        with TemporaryDirectory(dir=folder) as empty:
            runs[name][number] = ways[name](Path(empty))
    progress.close()
    return runs


def _outcome(runs: Mapping[int, Run], plain: Mapping[int, Run]) -> Outcome:
    figures = {}
    ratios = {}
    for figure in FIGURES:
        own = {number: getattr(run, figure) for number, run in runs.items()}
        figures[figure] = summarize(own.values())
        ratios[figure] = summarize(
            paired_ratios(own, {number: getattr(run, figure) for number, run in plain.items()})
        )
    return Outcome(figures=figures, of_plain=ratios)


def _table(outcomes: Mapping[str, Outcome]) -> str:
    def cell(name: str, figure: str) -> str:
        median = outcomes[name].figures[figure].median * SCALE.get(figure, 1)
        ratio = "" if name == PLAIN else f" · ×{with_spread(outcomes[name].of_plain[figure])}"
        return f"{median:.2f}{ratio}"

    rows = [[LABELS[figure], *(cell(name, figure) for name in outcomes)] for figure in FIGURES]
    return table([f"×: of {PLAIN}", *outcomes], rows)


def _chart(outcomes: Mapping[str, Outcome]) -> Chart:
    return Chart(
        title="Encoding the ladder, as a ratio to a plain ffmpeg",
        note="Medians of paired rounds, thin lines from quartile to quartile; logarithmic, shorter is better.",
        series=[name for name in outcomes if name != PLAIN],
        groups=[
            Group(
                label=LABELS[figure].partition(",")[0],
                bars={name: each.of_plain[figure] for name, each in outcomes.items()},
            )
            for figure in FIGURES
        ],
        reference=1.0,
        reference_label=PLAIN,
    )
