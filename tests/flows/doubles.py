"""Adapters of the tests' own: they are slow, fail, or find other things, when they are told to."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streamserver.catalog.memory import MemoryCatalog
from streamserver.domain.chapters import Chapter
from streamserver.domain.ladder import EncodePlan
from streamserver.domain.progress import EncoderReport
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream
from streamserver.domain.storyboard import Storyboard
from streamserver.encoder.memory import MemoryEncoder, fragment, init_segment
from streamserver.errors import Unavailable

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class TickingClock:
    """A clock on which a second passes whenever somebody looks."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        """See `Clock.now`."""
        self._now += timedelta(seconds=1)
        return self._now

    def advance(self, span: timedelta) -> None:
        """Let time pass."""
        self._now += span


Before = Callable[[str], Awaitable[None]]
"""Runs before a method of that name; what it raises is what the method raises."""


METHODS = frozenset(name for name, _ in inspect.getmembers(MemoryCatalog, inspect.iscoroutinefunction))


class TroubledCatalog(MemoryCatalog):
    """A catalog whose methods can be held up, counted, or made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Before | None = None
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - any attribute
        found = super().__getattribute__(name)
        if name not in METHODS:
            return found

        async def method(*arguments: object, **options: object) -> object:
            self.calls.append(name)
            if self.before is not None:
                await self.before(name)
            return await found(*arguments, **options)

        return method

    def be_away(self, *names: str) -> None:
        """Fail as a database does that does not answer: in these methods, or in all."""

        async def before(name: str) -> None:
            if not names or name in names:
                raise Unavailable("The database does not answer.")

        self.before = before

    def come_back(self) -> None:
        """Work again."""
        self.before = None


STOPPING_MOMENTS = 20


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


class OddEncoder(MemoryEncoder):
    """An encoder that finds text tracks, fails where it is told to, or ends early."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, Exception] = {}
        """By method; `remux`, `ladder` and the name of the best rendition stand for `encode`."""
        self.subtitles: tuple[SubtitleStream, ...] = ()
        """What is found in every source."""
        self.words = b""
        """What is written into every text track after its own cue."""
        self.audio: tuple[AudioStream, ...] = ()
        """Likewise."""
        self.chapters: tuple[Chapter, ...] = ()
        """Likewise."""
        self.encoded_share = 1.0
        """How much of a source's time is really there."""
        self.remux_fragment_seconds: float | None = None
        """How far apart the keyframes of every source lie, if that matters."""
        self.writes_nonsense: set[str] = set()
        """`remux`, `ladder`, or both."""
        self.plans: list[EncodePlan] = []
        """What was encoded."""
        self.begun: list[str] = []
        """What was asked of it, by the names of `faults`."""
        self.measured: list[bool] = []
        """Of each look into a source: whether it was to be measured."""
        self.running = 0
        """How many encodes are under way; one that is stopped takes its time."""

    async def probe(self, source: Path, *, measures: bool = True) -> SourceInfo:
        """See `Encoder.probe`."""
        self.measured.append(measures)
        self._fail("probe")
        found = await super().probe(source, measures=measures)
        return replace(found, subtitles=self.subtitles, audio=self.audio, chapters=self.chapters)

    async def poster(self, source: Path, info: SourceInfo, target: Path) -> None:
        """See `Encoder.poster`."""
        self.begun.append("poster")
        self._fail("poster")
        await super().poster(source, info, target)

    async def texts(self, source: Path, tracks: Sequence[SubtitleStream], targets: Sequence[Path]) -> None:
        """See `Encoder.texts`."""
        self.begun.append(f"texts {', '.join(str(track.index) for track in tracks)}")
        for track in tracks:
            self._fail(f"subtitle {track.index}")
        await super().texts(source, tracks, targets)
        for target in targets:
            await asyncio.to_thread(_append, target, self.words)

    async def storyboard(self, source: Path, board: Storyboard, targets: Sequence[Path]) -> None:
        """See `Encoder.storyboard`."""
        await super().storyboard(source, board, targets)
        self._fail("storyboard")

    async def sound(self, source: Path, tracks: Sequence[AudioStream], targets: Sequence[Path]) -> None:
        """See `Encoder.sound`."""
        await super().sound(source, tracks, targets)
        self._fail("sound")

    async def encode(self, plan: EncodePlan, report: Callable[[EncoderReport], None]) -> None:
        """See `Encoder.encode`."""
        self.plans.append(plan)
        self.begun.append("remux" if plan.outputs[0].spec.is_remux else "ladder")
        self.running += 1
        try:
            await self._encode(plan, report)
        except asyncio.CancelledError:
            for _ in range(STOPPING_MOMENTS):
                await asyncio.sleep(0)
            raise
        finally:
            self.running -= 1

    async def _encode(self, plan: EncodePlan, report: Callable[[EncoderReport], None]) -> None:
        is_remux = plan.outputs[0].spec.is_remux
        seconds = plan.source.duration_seconds * self.encoded_share
        if ("remux" if is_remux else "ladder") in self.writes_nonsense:
            await asyncio.to_thread(Path(plan.outputs[0].path).write_bytes, bytes(100))
            report(EncoderReport(encoded_seconds=seconds, speed=None, frames_per_second=None))
        elif is_remux and self.remux_fragment_seconds:
            content = init_segment(64, 36) + fragment(0, self.remux_fragment_seconds)
            await asyncio.to_thread(Path(plan.outputs[0].path).write_bytes, content)
            report(EncoderReport(encoded_seconds=seconds, speed=1.0, frames_per_second=None))
        else:
            shorter = replace(plan, source=replace(plan.source, duration_seconds=seconds))
            await super().encode(shorter, report)
        self._fail("remux" if is_remux else "ladder")
        self._fail(plan.outputs[0].spec.name)

    def _fail(self, name: str) -> None:
        if name in self.faults:
            raise self.faults[name]
