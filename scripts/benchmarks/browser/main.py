"""`scripts/bench browser`: a real Chromium plays and seeks the same video by each delivery."""

import random
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bootstrap.checkout import this_checkout

from benchmarks.browser.fast_start import Layout, Start, start, sum_up_starts, table_of_starts
from benchmarks.browser.figures import sum_up, table_of
from benchmarks.browser.story import as_html, as_markdown
from benchmarks.browser.trial import Script, Seek, Trial, chromium, perform
from benchmarks.deliveries.crowd import Delivery
from benchmarks.deliveries.library import Library, Plan, open_library
from benchmarks.deliveries.sessions import CABLE, MOBILE, Line
from benchmarks.product import streamserver
from benchmarks.progress import Progress
from benchmarks.report import Report, table
from benchmarks.servers import BenchError, split_cores

HLS_JS = Path("node_modules/hls.js/dist/hls.min.js")
"""In the front end's folder: the same that is bundled for the watch page."""
SEED = 2026


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    plan: Plan
    """What is played."""
    script: Script
    """What is done in each trial."""
    lines: Sequence[Line]
    """How the browser is connected."""
    rounds: int
    """How often each delivery has its turn on each line."""


def _script(seconds: float) -> Script:
    seeks = [
        Seek(name="far ahead", to_share=0.7, then_seconds=seconds),
        Seek(name="back to what is there", to_share=0.02, then_seconds=seconds / 2),
        Seek(name="into the middle", to_share=0.4, then_seconds=seconds),
    ]
    return Script(first_seconds=seconds, seeks=seeks)


FULL = Extent(plan=Plan(videos=1, seconds=120, frame_rate=25), script=_script(4), lines=(CABLE, MOBILE), rounds=7)
QUICK = Extent(plan=Plan(videos=1, seconds=40, frame_rate=10), script=_script(1), lines=(CABLE,), rounds=1)


def run(*, quick: bool, output: Path) -> int:
    """Measure, leave `browser.json`, `.md` and `.html`, and print the table."""
    hls_js = this_checkout().static / HLS_JS
    if not hls_js.exists():
        raise BenchError(f"{HLS_JS} is missing: the front end's packages are not installed")
    report = Report(benchmark="browser", quick=quick)
    extent = QUICK if quick else FULL
    cores = split_cores(1)
    progress = Progress(total=1 + len(extent.lines) * extent.rounds * (len(Delivery) + len(Layout)))
    progress.step("making the video, once and for all")
    library = open_library(extent.plan, this_checkout().cache / "bench", cores=cores.server | cores.load)
    trials, starts = _trials(extent, library, report, progress, hls_js)
    progress.close()
    rows, start_rows = sum_up(trials), sum_up_starts(starts)
    report.results = {"trials": [asdict(trial) for trial in trials], "rows": [asdict(row) for row in rows]}
    report.results |= {
        "starts": [asdict(each) for each in starts],
        "start_rows": [asdict(row) for row in start_rows],
    }
    path = report.write(output)
    path.with_suffix(".md").write_text(as_markdown(report, rows, start_rows))
    path.with_suffix(".html").write_text(as_html(report, rows, start_rows, rounds=extent.rounds))
    tables = f"{table(*table_of(rows))}\n\n{table(*table_of_starts(start_rows))}"
    print(f"{report.heading()}\n\n{tables}\n\nThe whole report: {path.with_suffix('.html')}")
    return 0


def _trials(
    extent: Extent, library: Library, report: Report, progress: Progress, hls_js: Path
) -> tuple[list[Trial], list[Start]]:
    """Let the deliveries, and the layouts of a file, take turns in an order that is shuffled in each round."""
    trials, starts = [], []
    shuffle = random.Random(SEED).shuffle  # noqa: S311 - an order, not a secret
    with (
        tempfile.TemporaryDirectory() as folder,
        streamserver(
            library.data_dir,
            cores=split_cores(1).server,
            log=Path(folder) / "server.log",
        ) as server,
        chromium() as browser,
    ):
        report.versions["chromium"] = browser.version
        for number in range(extent.rounds):
            turns = [(line, way) for line in extent.lines for way in (*Delivery, *Layout)]
            shuffle(turns)
            for line, way in turns:
                progress.step(f"round {number + 1} of {extent.rounds} · {way} · {line.name}")
                if isinstance(way, Layout):
                    starts.append(start(browser, library.videos[0], url=server.url, layout=way, line=line))
                    continue
                trials.append(
                    perform(
                        browser,
                        library.videos[0],
                        url=server.url,
                        delivery=way,
                        line=line,
                        script=extent.script,
                        hls_js=hls_js,
                    )
                )
    return trials, starts
