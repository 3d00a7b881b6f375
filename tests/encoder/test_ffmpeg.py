"""Watching ffmpeg: what it says of its progress, how it ends, and what is done when it stands still."""

import asyncio
from pathlib import Path

import pytest

from streamserver.domain.ladder import EncodePlan, Output, ladder_specs
from streamserver.domain.progress import EncoderReport
from streamserver.domain.sources import SourceInfo, SubtitleStream, VideoStream
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.limits import Limits
from streamserver.encoder.programs import Programs
from streamserver.errors import (
    EncoderFault,
    EncoderHung,
    EncoderStalled,
    EncodingFailed,
    MachineFault,
    SourceFault,
)
from tests.clips.programs import PROGRAMS
from tests.encoder.processes import children, script

VIDEO = VideoStream(
    index=0,
    codec="mpeg4",
    pixel_format="yuv420p",
    coded_width=320,
    coded_height=180,
    width=320,
    height=180,
    frame_rate=25,
)
SOURCE = SourceInfo(format_name="avi", duration_seconds=10, bit_rate_bps=100_000, video=VIDEO)


def encoder_of(
    folder: Path, text: str, *, stall_seconds: float = 60, limits: Limits | None = None
) -> FfmpegEncoder:
    """Return an encoder whose ffmpeg is a program of the shell."""
    programs = Programs(ffmpeg=script(folder, text), ffprobe=PROGRAMS.ffprobe)
    return FfmpegEncoder(programs, stall_seconds=stall_seconds, limits=limits)


async def encode(encoder: FfmpegEncoder) -> list[EncoderReport]:
    """Run a plan and return what was reported."""
    reports: list[EncoderReport] = []
    outputs = tuple(Output(spec=spec, path="out.mp4") for spec in ladder_specs(SOURCE))
    await encoder.encode(EncodePlan(source_path="source", source=SOURCE, outputs=outputs), reports.append)
    return reports


def block(seconds: str, *, fps: str = "50.0", speed: str = "2x", end: str = "continue") -> str:
    """Print a block of `-progress`."""
    lines = [f"frame=1\\nfps={fps}\\nbitrate=N/A\\ntotal_size=1000\\nout_time_us={seconds}", f"speed={speed}"]
    return "printf '" + "\\n".join([*lines, f"progress={end}\\n"]) + "'"


def rising(name: str) -> str:
    """Print a value that rises 18 times, 0.1 s apart."""
    return f"for step in $(seq 18); do printf '{name}='$step'00000\\nprogress=continue\\n'; sleep 0.1; done"


class TestProgress:
    """What ffmpeg says while it works."""

    async def test_each_block_that_is_news_is_reported(self, tmp_path: Path) -> None:
        """Blocks become reports, in seconds, with speed and frames a second."""
        said = [block("1000000"), block("2500000", speed="2.5x", fps="62.5"), block("10000000", end="end")]
        assert await encode(encoder_of(tmp_path, "\n".join(said))) == [
            EncoderReport(encoded_seconds=1.0, speed=2.0, frames_per_second=50.0),
            EncoderReport(encoded_seconds=2.5, speed=2.5, frames_per_second=62.5),
            EncoderReport(encoded_seconds=10.0, speed=2.0, frames_per_second=50.0),
        ]

    async def test_what_is_not_known_yet(self, tmp_path: Path) -> None:
        """Before the first frame is out, time counts as 0 and speed as unknown."""
        said = [
            block("N/A", speed="N/A", fps="0.00"),
            block("-21333", speed="   0x", fps="nonsense"),
            block("1000000", speed="1.01e+03x"),
        ]
        reports = await encode(encoder_of(tmp_path, "\n".join(said)))
        assert reports[0] == EncoderReport(encoded_seconds=0, speed=None, frames_per_second=None)
        assert reports[-1] == EncoderReport(encoded_seconds=1.0, speed=1010.0, frames_per_second=50.0)

    async def test_it_never_goes_back(self, tmp_path: Path) -> None:
        """A block that tells less than one before is not reported."""
        said = "\n".join([block("3000000"), block("1000000"), block("3000000"), block("4000000")])
        reports = await encode(encoder_of(tmp_path, said))
        assert [report.encoded_seconds for report in reports] == [3.0, 4.0]


class TestEnding:
    """What an end of ffmpeg means."""

    @pytest.mark.parametrize(
        "complaint",
        [
            "source: Invalid data found when processing input",
            "[mov @ 0x1] moov atom not found",
            "Nothing was written into output file, because at least one of its streams received no packets.",
            "Output file does not contain any stream",
        ],
    )
    async def test_the_source_is_to_blame(self, complaint: str, tmp_path: Path) -> None:
        """Complaints of the source mean that trying again is of no use."""
        with pytest.raises(SourceFault, match="damaged"):
            await encode(encoder_of(tmp_path, f"echo '{complaint}' >&2; exit 183"))

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("exit 1", "stopped with an error"),
            ("echo 'Error opening output' >&2; exit 254", "stopped with an error"),
            ("kill -SEGV $$", "stopped with an error"),
        ],
    )
    async def test_the_encoder_is_to_blame(self, text: str, sentence: str, tmp_path: Path) -> None:
        """Any other end means that trying again may help."""
        with pytest.raises(EncoderFault, match=sentence):
            await encode(encoder_of(tmp_path, text))

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("echo 'av_write: No space left on device' >&2; exit 228", "out_of_room"),
            ("echo 'Cannot allocate memory' >&2; exit 244", "out_of_memory"),
            ("kill -KILL $$", "encoder_killed"),
            ("echo 'Invalid data found when processing input' >&2; kill -KILL $$", "encoder_killed"),
        ],
    )
    async def test_the_machine_is_to_blame(self, text: str, code: str, tmp_path: Path) -> None:
        """Want of room or memory, and being killed, are faults of the machine."""
        with pytest.raises(MachineFault) as caught:
            await encode(encoder_of(tmp_path, text))
        assert caught.value.code == code

    @pytest.mark.parametrize("answer", ["exit 255", ""])
    async def test_processor_time_that_is_used_up(self, answer: str, tmp_path: Path) -> None:
        """One that takes all the time it was granted is no victim, whether it listens, as ffmpeg does, or not."""
        limits = Limits(cpu_seconds=1, cpu_seconds_per_second=0)
        burn = "n=0; while [ $n -lt 10000 ]; do n=$((n+1)); done"
        # One that ends at once does so only after its time was looked at, however busy the machine is.
        pause = "sleep 0.1" if answer else ":"
        text = f"trap '{answer}' XCPU; while :; do {burn}; {block('1000000')}; {pause}; done"
        with pytest.raises(SourceFault, match="more processor time"):
            await encode(encoder_of(tmp_path, text, limits=limits))

    async def test_complaints_without_an_end_are_no_fault(self, tmp_path: Path) -> None:
        """What ffmpeg complained of and got over does no harm."""
        complaint = "echo 'Invalid data found when processing input' >&2"
        assert len(await encode(encoder_of(tmp_path, f"{complaint}\n{block('10000000', end='end')}"))) == 1

    async def test_a_program_that_is_not_there(self, tmp_path: Path) -> None:
        """An ffmpeg that was taken away fails the job, not the server."""
        programs = Programs(ffmpeg=str(tmp_path / "gone"), ffprobe=PROGRAMS.ffprobe)
        with pytest.raises(EncoderFault):
            await encode(FfmpegEncoder(programs))


def reached(*, frames: int = 1, seconds: float = 1) -> str:
    """Print how far ffmpeg came."""
    return f"printf 'frame={frames}\\nout_time_us={seconds * 1_000_000:.0f}\\nprogress=continue\\n'"


class TestOverrun:
    """A source that does not end."""

    END_SECONDS = SOURCE.duration_seconds * Limits().overrun_factor + Limits().overrun_seconds
    LONGEST_SECONDS = Limits().max_duration_seconds + Limits().overrun_seconds

    @pytest.mark.parametrize(
        "text",
        [
            reached(frames=round(END_SECONDS * VIDEO.frame_rate) + 1),
            reached(seconds=LONGEST_SECONDS + 1),
        ],
    )
    async def test_far_beyond_its_end(self, text: str, tmp_path: Path) -> None:
        """Pictures without end, for which one frame a day away is enough, and silence likewise, are stopped."""
        with pytest.raises(SourceFault, match="far beyond the end that it claims"):
            await encode(encoder_of(tmp_path, f"{text}; sleep 60"))
        assert children() == []

    @pytest.mark.parametrize(
        "text",
        [reached(frames=round(END_SECONDS * VIDEO.frame_rate)), reached(seconds=LONGEST_SECONDS)],
    )
    async def test_beyond_its_end(self, text: str, tmp_path: Path) -> None:
        """Recordings that were joined may claim the length of the first; sound may go on after the picture."""
        assert len(await encode(encoder_of(tmp_path, text))) == 1


class TestStalling:
    """An ffmpeg that stands still is ended."""

    @pytest.mark.parametrize(
        "text",
        [
            "sleep 60",
            f"{block('1000000')}; kill -STOP $$",
            "trap '' TERM; sleep 60",
            "exec >&-; sleep 60",
        ],
    )
    async def test_no_progress(self, text: str, tmp_path: Path) -> None:
        """One that waits for ever is stopped, however deaf it is: no process is left, and it is the machine."""
        with pytest.raises(EncoderHung) as hang:
            await encode(encoder_of(tmp_path, text, stall_seconds=0.5))
        assert children() == []
        assert hang.value.at_seconds == float("out_time" in text)

    async def test_work_that_leads_nowhere(self, tmp_path: Path) -> None:
        """One that is busy, and says the same again and again, is lost in its source; nothing is left of it."""
        busy = "for one in 1 2 3 4; do (while :; do :; done) & done"
        text = f"{busy}; while :; do {block('1000000')}; sleep 0.05; done"
        with pytest.raises(EncoderStalled):
            await encode(encoder_of(tmp_path, text, stall_seconds=1))
        assert children() == []

    async def test_slow_is_not_still(self, tmp_path: Path) -> None:
        """One that gets on a little, time after time, is let be, however long it takes in all."""
        assert len(await encode(encoder_of(tmp_path, rising("out_time_us"), stall_seconds=1.5))) == 18

    async def test_bytes_are_progress_too(self, tmp_path: Path) -> None:
        """A copy that writes on without telling the time gets on."""
        assert len(await encode(encoder_of(tmp_path, rising("total_size"), stall_seconds=1.5))) == 18

    async def test_cancelling_ends_it(self, tmp_path: Path) -> None:
        """A cancelled encode returns once its process is gone."""
        begun = asyncio.Event()
        outputs = (Output(spec=ladder_specs(SOURCE)[0], path="out.mp4"),)
        plan = EncodePlan(source_path="source", source=SOURCE, outputs=outputs)
        encoder = encoder_of(tmp_path, f"{block('1000000')}; sleep 60")
        task = asyncio.create_task(encoder.encode(plan, lambda _report: begun.set()))
        await begun.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert children() == []


class TestSmallRuns:
    """Posters and text tracks."""

    async def test_a_poster_is_tried_twice(self, tmp_path: Path) -> None:
        """Where nothing is found near the tenth part of a video, its very beginning is taken."""
        target = tmp_path / "p.jpg"
        text = f'case "$*" in *"-ss 1.000"*) ;; *) echo picture > {target};; esac'
        await encoder_of(tmp_path, text).poster(Path("source"), SOURCE, target)
        assert target.read_text() == "picture\n"

    async def test_no_poster_at_all(self, tmp_path: Path) -> None:
        """A video of which no picture can be had is an encoding failure, with a sentence."""
        with pytest.raises(EncodingFailed, match="No picture could be taken"):
            await encoder_of(tmp_path, "exit 0").poster(Path("source"), SOURCE, tmp_path / "p.jpg")

    async def test_a_text_track_that_cannot_be_read(self, tmp_path: Path) -> None:
        """A text track that ffmpeg stumbles over is an encoding failure."""
        track = SubtitleStream(index=1, codec="subrip")
        with pytest.raises(EncodingFailed):
            await encoder_of(tmp_path, "exit 1").texts(Path("source"), [track], [tmp_path / "s.vtt"])
