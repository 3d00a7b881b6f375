"""`scripts/bench deliveries`: replays the same viewers by each delivery, straight and through a cache."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from bootstrap.checkout import this_checkout

from benchmarks.deliveries.cells import Ground, count_touches, measure, origin
from benchmarks.deliveries.crowd import Delivery
from benchmarks.deliveries.extent import FULL, QUICK, SEED, Extent, sessions_for, telling_session
from benchmarks.deliveries.figures import Cell, Touches, Way
from benchmarks.deliveries.front import has_slices
from benchmarks.deliveries.hold import Held, find_held
from benchmarks.deliveries.library import open_library
from benchmarks.deliveries.results import Results, Setting, tables
from benchmarks.deliveries.story import as_html, as_markdown
from benchmarks.deliveries.uplink import narrow_uplink
from benchmarks.deliveries.viewer import Mark, Outcome
from benchmarks.progress import Progress
from benchmarks.report import Report, table
from benchmarks.servers import BenchError, Server, allow_many_files, pinned, split_cores

REAL_LINK = "a token bucket (tbf) in a network of its own, packets of 1500 bytes"
PLAYED_LINK = "viewers who together read no faster"


def run(*, quick: bool, output: Path) -> int:
    """Measure, leave `deliveries.json`, `.md` and `.html`, and print the tables; 1 where sessions broke off."""
    allow_many_files()
    report = Report(benchmark="deliveries", quick=quick)
    cores = split_cores(1)
    extent = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        ways = _ways(report)
        progress = Progress(total=1 + 3 * len(ways) + 3 * len(extent.touch_ways) + 3)
        progress.step("making the videos, once and for all")
        library = open_library(extent.plan, this_checkout().cache / "bench", cores=cores.server | cores.load)
        ground = Ground(library=library, cores=cores, folder=Path(folder))
        with pinned(cores.load):
            results = _Run(extent, ground, report, progress, ways).results()
        progress.close()
    _leave(report, results, output)
    return 1 if any(cell.faults for cell in results.cells) else 0


def _ways(report: Report) -> list[Way]:
    """Return the ways that can be gone here."""
    if shutil.which("nginx") is None:
        report.left_out["through a cache"] = "nginx is not installed"
        return [Way.STRAIGHT]
    if not has_slices():
        report.left_out[Way.SLICES] = "this nginx has no slice module"
        return [Way.STRAIGHT, Way.CACHE]
    return list(Way)


class _Run:
    """One run through everything."""

    def __init__(
        self, extent: Extent, ground: Ground, report: Report, progress: Progress, ways: Sequence[Way]
    ) -> None:
        self._extent = extent
        self._ground = ground
        self._report = report
        self._progress = progress
        self._ways = ways
        self._sessions = sessions_for(extent, ground.library)

    def results(self) -> Results:
        """Measure everything."""
        courses: dict[Delivery, Sequence[Mark]] = {}
        cells = list(self._cells(courses))
        touches = self._touches()
        link, held = self._held()
        return Results(setting=self._setting(link), cells=cells, touches=touches, held=held, courses=courses)

    def _cells(self, courses: dict[Delivery, Sequence[Mark]]) -> Iterator[Cell]:
        """Replay the sessions by each delivery, each way; keep the course of one of them."""
        shown = telling_session(self._sessions)
        for delivery in Delivery:
            # A server each, so that its memory is of this delivery alone.
            with origin(self._ground) as server:
                cell, outcomes = self._measure(server, delivery, Way.STRAIGHT)
            courses[delivery] = next(outcome.marks for outcome in outcomes if outcome.session == shown)
            yield cell
        with origin(self._ground) as server:
            for way in self._ways[1:]:
                for delivery in Delivery:
                    yield self._measure(server, delivery, way)[0]

    def _measure(self, server: Server, delivery: Delivery, way: Way) -> tuple[Cell, Sequence[Outcome]]:
        self._progress.step(f"{delivery}, {way}: {len(self._sessions)} sessions")
        return measure(self._ground, server, self._sessions, delivery, way, scale=self._extent.scale)

    def _touches(self) -> list[Touches]:
        """Count file-system calls, as far as that can be done here."""
        touches = []
        few = [session for session in self._sessions if session.viewer < self._extent.touch_viewers]
        try:
            with origin(self._ground) as server:
                for way in (way for way in self._extent.touch_ways if way in self._ways):
                    for delivery in Delivery:
                        self._progress.step(f"{delivery}, {way}: counting system calls")
                        scale = self._extent.touch_scale
                        touches.append(count_touches(self._ground, server, few, delivery, way, scale=scale))
        except BenchError as error:
            self._report.left_out["file-system calls"] = str(error)
        return touches

    def _held(self) -> tuple[str, dict[Delivery, Held]]:
        """Look for the number of viewers that a link holds; return how the link was made, too."""
        search = self._extent.search
        is_real = self._has_real_link()
        held: dict[Delivery, Held] = {}
        with narrow_uplink(search.link_bps) if is_real else nullcontext(), origin(self._ground) as server:
            for delivery in Delivery:
                self._progress.step(f"{delivery}: how many viewers a link holds")
                videos = self._ground.library.videos
                held[delivery] = find_held(
                    search, videos, delivery=delivery, port=server.port, is_link_real=is_real
                )
        return (REAL_LINK if is_real else PLAYED_LINK), held

    def _has_real_link(self) -> bool:
        try:
            with narrow_uplink(self._extent.search.link_bps):
                return True
        except BenchError as error:
            self._report.left_out["a real link"] = str(error)
            return False

    def _setting(self, link: str) -> Setting:
        videos = self._ground.library.videos
        return Setting(
            seed=SEED,
            viewers=self._extent.viewers,
            sessions=len(self._sessions),
            replay_seconds=self._extent.replay_seconds,
            scale=self._extent.scale,
            videos=len(videos),
            video_seconds=videos[0].duration_seconds,
            bit_rates_bps=[rendition.bit_rate_bps for rendition in videos[0].renditions],
            touch_viewers=self._extent.touch_viewers,
            touch_scale=self._extent.touch_scale,
            link_bps=self._extent.search.link_bps,
            link=link,
        )


def _leave(report: Report, results: Results, output: Path) -> None:
    """Write the files, and tell a person what they hold."""
    report.results = asdict(results)
    report.results["claims"] = [asdict(claim) for claim in results.claims()]
    path = report.write(output)
    path.with_suffix(".md").write_text(as_markdown(report, results))
    path.with_suffix(".html").write_text(as_html(report, results))
    print(report.heading())
    for heading, (headers, rows) in tables(results):
        print(f"\n{heading}\n{table(headers, rows)}")
    for claim in results.claims():
        print(f"\n{claim.text} {claim.verdict.upper()}\n  {claim.evidence}")
    print(f"\nThe whole report: {path.with_suffix('.html')}")
