"""The encoder that real videos go through: ffmpeg and ffprobe, each in a process of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from streamserver.domain.ladder import EncodePlan
from streamserver.domain.progress import EncoderReport
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream
from streamserver.domain.storyboard import Storyboard
from streamserver.encoder.command import (
    encode_command,
    picture_command,
    poster_command,
    sample_command,
    sound_command,
    storyboard_command,
    subtitle_command,
)
from streamserver.encoder.limits import Budget, Limits
from streamserver.encoder.probe import probe
from streamserver.encoder.process import Running, running
from streamserver.encoder.programs import Programs, check_programs
from streamserver.encoder.sandbox import UNSANDBOXED, Sandbox
from streamserver.encoder.verdict import stall_verdict, verdict
from streamserver.encoder.x264 import X264
from streamserver.errors import EncoderFault, EncoderStalled

log = logging.getLogger(__name__)

SHORT_RUN_SECONDS = 300.0
"""A poster or a text track takes no longer."""
SOUND_SECONDS = 3600.0
"""The sound of an evening in ten languages takes no longer."""
NEARLY = 0.9
"""Processor time is looked at twice a second, so the last of it is never seen."""


class FfmpegEncoder:
    """`Encoder` with ffmpeg."""

    def __init__(
        self,
        programs: Programs,
        *,
        limits: Limits | None = None,
        x264: X264 | None = None,
        stall_seconds: float = 60,
        sandbox: Sandbox = UNSANDBOXED,
    ) -> None:
        self._programs = programs
        self._sandbox = sandbox
        self._limits = limits or Limits()
        self._x264 = x264 or X264()
        self._stall_seconds = stall_seconds

    async def check(self) -> str:
        """See `Encoder.check`."""
        return await check_programs(self._programs, self._sandbox)

    async def probe(self, source: Path, *, measures: bool = True) -> SourceInfo:
        """See `Encoder.probe`."""
        return await probe(self._programs.ffprobe, str(source), self._limits, self._sandbox, measures=measures)

    async def poster(self, source: Path, info: SourceInfo, target: Path) -> None:
        """See `Encoder.poster`."""
        for at_seconds in (info.duration_seconds * 0.1, 0.0):
            command = poster_command(self._programs.ffmpeg, str(source), info, str(target), at_seconds=at_seconds)
            await self._run(command)
            if await asyncio.to_thread(_has_bytes, target):
                return
        raise EncoderFault("No picture could be taken from the video.")

    async def texts(self, source: Path, tracks: Sequence[SubtitleStream], targets: Sequence[Path]) -> None:
        """See `Encoder.texts`."""
        await self._run(subtitle_command(self._programs.ffmpeg, str(source), tracks, [str(it) for it in targets]))

    async def picture(self, source: Path, kind: str, target: Path) -> None:
        """See `Encoder.picture`."""
        await self._run(picture_command(self._programs.ffmpeg, str(source), kind, str(target)))

    async def storyboard(self, source: Path, board: Storyboard, targets: Sequence[Path]) -> None:
        """See `Encoder.storyboard`."""
        await self._run(storyboard_command(self._programs.ffmpeg, str(source), board, [str(it) for it in targets]))

    async def sound(self, source: Path, tracks: Sequence[AudioStream], targets: Sequence[Path]) -> None:
        """See `Encoder.sound`."""
        command = sound_command(self._programs.ffmpeg, str(source), tracks, [str(it) for it in targets])
        await self._run(command, self._limits.for_sounds(len(tracks)), seconds=SOUND_SECONDS)

    async def encode(self, plan: EncodePlan, report: Callable[[EncoderReport], None]) -> None:
        """See `Encoder.encode`."""
        command = encode_command(self._programs.ffmpeg, plan, self._x264)
        budget = self._limits.for_an_encode(plan)
        outputs = [output.path for output in plan.outputs]
        course = _Course()
        async with running(command, self._sandbox.around(command, budget, outputs=outputs)) as process:
            try:
                await self._watch(process, course, plan, report)
                async with asyncio.timeout(self._stall_seconds):
                    ended = await process.end()
            except TimeoutError:
                worked_seconds = process.cpu_seconds() - course.cpu_seconds_then
                raise stall_verdict(
                    self._stall_seconds, worked_seconds, at_seconds=course.encoded_seconds
                ) from None
            _judge(*ended, is_spent=course.cpu_seconds >= NEARLY * budget.cpu_seconds)

    async def sample(self, target: Path) -> None:
        """Write a short video that shows what the server does."""
        await self._run(sample_command(self._programs.ffmpeg, str(target)))

    async def _watch(
        self, process: Running, course: "_Course", plan: EncodePlan, report: Callable[[EncoderReport], None]
    ) -> None:
        """Pass on progress until there is no more.

        Raises `TimeoutError` once it stands still for too long, and `SourceFault` once it is far beyond its end.
        """
        loop = asyncio.get_running_loop()
        furthest = (-1.0, -1)
        async with asyncio.timeout(self._stall_seconds) as deadline:
            async for block in _progress_blocks(process.lines()):
                course.cpu_seconds = max(course.cpu_seconds, process.cpu_seconds())
                progress = _as_report(block)
                self._limits.judge_progress(
                    plan.source,
                    shown_seconds=_whole_number(block.get("frame")) / plan.outputs[0].spec.frame_rate,
                    encoded_seconds=progress.encoded_seconds,
                )
                reached = (progress.encoded_seconds, _whole_number(block.get("total_size")))
                if reached > furthest:
                    furthest = reached
                    deadline.reschedule(loop.time() + self._stall_seconds)
                    course.encoded_seconds, course.cpu_seconds_then = progress.encoded_seconds, course.cpu_seconds
                    report(progress)

    async def _run(
        self, command: list[str], budget: Budget | None = None, *, seconds: float = SHORT_RUN_SECONDS
    ) -> None:
        confinement = self._sandbox.around(command, budget or self._limits.for_a_look())
        try:
            async with asyncio.timeout(seconds), running(command, confinement) as process:
                _judge(*await process.end())
        except TimeoutError:
            raise EncoderStalled from None


class _Course:
    """How far an encoder came, and what that took."""

    __slots__ = ("cpu_seconds", "cpu_seconds_then", "encoded_seconds")

    def __init__(self) -> None:
        self.encoded_seconds = 0.0
        """Of the source."""
        self.cpu_seconds = 0.0
        """Processor time that was seen to be taken."""
        self.cpu_seconds_then = 0.0
        """The same when it got further for the last time."""


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _judge(code: int, complaints: str, *, is_spent: bool = False) -> None:
    """Raise what an exit code and the complaints before it mean."""
    failure = verdict(code, complaints, is_spent=is_spent)
    if failure is None:
        return
    log.warning("ffmpeg ended with %d: %s", code, complaints)
    raise failure


async def _progress_blocks(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    """Gather the `key=value` lines of `-progress`; each block closes with `progress=`."""
    block: dict[str, str] = {}
    async for line in lines:
        key, _, value = line.partition("=")
        block[key] = value
        if key == "progress":
            yield block
            block = {}


def _as_report(block: dict[str, str]) -> EncoderReport:
    """Read a block; any value may be `N/A` before the first frame is out."""
    return EncoderReport(
        encoded_seconds=max(0, _whole_number(block.get("out_time_us"))) / 1_000_000,
        speed=_positive(block.get("speed", "").removesuffix("x")),
        frames_per_second=_positive(block.get("fps", "")),
    )


def _whole_number(text: str | None) -> int:
    try:
        return int(text or 0)
    except ValueError:
        return 0


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value > 0 else None
