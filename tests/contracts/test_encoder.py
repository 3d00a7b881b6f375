"""Every encoder looks into sources and makes renditions that grow, as `Encoder` says."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from streamserver.domain.ladder import EncodePlan, Output, RenditionSpec, ladder_specs, remux_spec
from streamserver.domain.progress import EncoderReport
from streamserver.domain.scanning import Scan, scan_on
from streamserver.domain.sources import SourceInfo, SubtitleStream
from streamserver.encoder.ffmpeg import FfmpegEncoder
from streamserver.encoder.memory import MemoryEncoder
from streamserver.encoder.x264 import X264
from streamserver.errors import EncoderFault, EncodingFailed, SourceFault
from streamserver.ports import Encoder
from tests.clips.generated import Clips
from tests.clips.programs import PROGRAMS, ffmpeg
from tests.encoder.processes import children

pytest_plugins = ["tests.clips.fixtures"]

SECONDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """An encoder, and a source of 4 s, 320 by 180 pixels, that it understands."""

    encoder: Encoder
    source: Path
    make_long: Callable[[], Path]
    """Make a source that is encoded for longer than a test has patience."""
    folder: Path

    async def plan(self, *specs: RenditionSpec) -> EncodePlan:
        """Plan these renditions, or else the ladder."""
        info = await self.encoder.probe(self.source)
        outputs = tuple(
            Output(spec=spec, path=str(self.folder / f"{spec.name}.mp4")) for spec in specs or ladder_specs(info)
        )
        return EncodePlan(source_path=str(self.source), source=info, outputs=outputs)


@pytest.fixture(params=["memory", "ffmpeg"])
def studio(request: pytest.FixtureRequest, tmp_path: Path) -> Studio:
    source = tmp_path / "source"
    if request.param == "memory":
        source.write_text(json.dumps({"seconds": SECONDS, "width": 320, "height": 180, "codec": "h264"}))
        encoder = MemoryEncoder()

        def make_long() -> Path:
            encoder.gate.clear()
            return source

        return Studio(encoder=encoder, source=source, make_long=make_long, folder=tmp_path)
    clips: Clips = request.getfixturevalue("clips")
    shutil.copyfile(clips("subtitles.mkv"), source)

    def record_long() -> Path:
        ffmpeg(
            "-stream_loop",
            "300",
            "-i",
            str(source),
            "-map",
            "0:v",
            "-c",
            "copy",
            "-f",
            "matroska",
            str(tmp_path / "long"),
        )
        return tmp_path / "long"

    real = FfmpegEncoder(PROGRAMS, x264=X264(preset="ultrafast"))
    return Studio(encoder=real, source=source, make_long=record_long, folder=tmp_path)


def scanned(path: str) -> Scan:
    content = Path(path).read_bytes()
    return scan_on(Scan(), lambda position, count: content[position : position + count], len(content))


def ignored(_report: EncoderReport) -> None:
    """Listen to nothing."""


async def test_it_tells_what_it_is(studio: Studio) -> None:
    """A check of an encoder that works returns one line about it."""
    said = await studio.encoder.check()
    assert said
    assert said.splitlines() == [said]


class TestProbing:
    """Looking into a source."""

    async def test_what_is_in_a_source(self, studio: Studio) -> None:
        """Size, length, frame rate and bit rate of a source are told."""
        info = await studio.encoder.probe(studio.source)
        assert (info.video.width, info.video.height, info.video.codec) == (320, 180, "h264")
        assert info.duration_seconds == pytest.approx(SECONDS)
        assert info.video.frame_rate == 25
        assert info.bit_rate_bps > 0

    @pytest.mark.parametrize("content", [b"", b"not a video", b"\0" * 5000, b"[]", b"{}", None])
    async def test_what_is_no_source(self, content: bytes | None, studio: Studio, tmp_path: Path) -> None:
        """Anything else, and what is not there, is a fault of the source, in a sentence."""
        other = tmp_path / "other"
        if content is not None:
            other.write_bytes(content)
        with pytest.raises(SourceFault) as fault:
            await studio.encoder.probe(other)
        assert fault.value.message.endswith(".")


class TestPictureAndText:
    """What goes with a video."""

    async def test_a_poster(self, studio: Studio) -> None:
        """A poster is a JPEG."""
        info, target = await studio.encoder.probe(studio.source), studio.folder / "poster.jpg"
        await studio.encoder.poster(studio.source, info, target)
        picture = target.read_bytes()
        assert picture.startswith(b"\xff\xd8")
        assert picture.endswith(b"\xff\xd9")

    async def test_text_tracks(self, studio: Studio) -> None:
        """Each text track is WebVTT, with cues."""
        targets = [studio.folder / f"{number}.vtt" for number in range(3)]
        await studio.encoder.texts(studio.source, [SubtitleStream(index=1, codec="subrip")] * 3, targets)
        for target in targets:
            text = target.read_text()
            assert text.startswith("WEBVTT\n\n")
            assert " --> " in text

    async def test_a_source_that_has_none(self, studio: Studio) -> None:
        """A source that cannot be read has neither, and both are encoding failures."""
        info = await studio.encoder.probe(studio.source)
        studio.source.write_bytes(b"no more")
        with pytest.raises(EncodingFailed):
            await studio.encoder.poster(studio.source, info, studio.folder / "poster.jpg")
        track = SubtitleStream(index=1, codec="subrip")
        with pytest.raises(EncodingFailed):
            await studio.encoder.texts(studio.source, [track], [studio.folder / "s.vtt"])


class TestEncoding:
    """Carrying out a plan."""

    @pytest.mark.parametrize("kind", ["ladder", "remux", "two"])
    async def test_every_output_is_whole(self, kind: str, studio: Studio) -> None:
        """Each output's index has an init segment, the codecs, and fragments for all of the source's time."""
        info = await studio.encoder.probe(studio.source)
        (top,) = ladder_specs(info)
        specs = {
            "ladder": (top,),
            "remux": (remux_spec(info),),
            "two": (top, RenditionSpec(name="90p", width=160, height=90, frame_rate=25, bit_rate_bps=200_000)),
        }[kind]
        plan = await studio.plan(*specs)
        await studio.encoder.encode(plan, ignored)
        for output in plan.outputs:
            scan = scanned(output.path)
            assert scan.index is not None
            assert scan.index.duration_seconds == pytest.approx(info.duration_seconds, abs=0.05)
            assert max(it.duration_ticks for it in scan.index.fragments) / scan.index.timescale < 2.1
            assert scan.codecs.startswith("avc1.")
            assert scan.index.init[0][0] == 0

    async def test_progress(self, studio: Studio) -> None:
        """Reports come in rising time, up to about the end."""
        reports: list[EncoderReport] = []
        await studio.encoder.encode(await studio.plan(), reports.append)
        times = [report.encoded_seconds for report in reports]
        assert times == sorted(times)
        assert times[-1] == pytest.approx(SECONDS, abs=0.2)

    async def test_outputs_are_there_before_the_end(self, studio: Studio) -> None:
        """While an encode runs, what it has written so far can be read, and only grows."""
        source = studio.make_long()
        info = await studio.encoder.probe(source)
        (spec,) = ladder_specs(info)
        path = str(studio.folder / "growing.mp4")
        plan = EncodePlan(source_path=str(source), source=info, outputs=(Output(spec=spec, path=path),))
        reported = asyncio.Event()
        seen: list[Scan] = []

        def look(_report: EncoderReport) -> None:
            seen.append(scanned(path))
            if seen[-1].index is not None and seen[-1].index.fragments:
                reported.set()

        encoding = asyncio.create_task(studio.encoder.encode(plan, look))
        await reported.wait()
        assert not encoding.done()
        encoding.cancel()
        await asyncio.wait({encoding})
        for before, after in pairwise([*seen, scanned(path)]):
            assert _fragments(after)[: len(_fragments(before))] == _fragments(before)

    async def test_cancelling_ends_it(self, studio: Studio) -> None:
        """A cancelled encode ends, and with it every process that worked for it."""
        source = studio.make_long()
        info = await studio.encoder.probe(source)
        outputs = (Output(spec=ladder_specs(info)[0], path=str(studio.folder / "c.mp4")),)
        begun = asyncio.Event()
        encoding = asyncio.create_task(
            studio.encoder.encode(
                EncodePlan(source_path=str(source), source=info, outputs=outputs), lambda _report: begun.set()
            )
        )
        await begun.wait()
        encoding.cancel()
        await asyncio.wait({encoding})
        assert encoding.cancelled()
        assert children() == []

    async def test_a_source_that_went_bad(self, studio: Studio) -> None:
        """A source that is no video any more is to blame."""
        plan = await studio.plan()
        studio.source.write_bytes(b"no more")
        with pytest.raises(SourceFault):
            await studio.encoder.encode(plan, ignored)

    async def test_a_place_that_cannot_be_written(self, studio: Studio) -> None:
        """Where nothing can be written, the source is not to blame."""
        plan = await studio.plan()
        elsewhere = tuple(Output(spec=output.spec, path="/proc/nowhere/out.mp4") for output in plan.outputs)
        with pytest.raises(EncoderFault):
            await studio.encoder.encode(
                EncodePlan(source_path=plan.source_path, source=plan.source, outputs=elsewhere), ignored
            )


def _fragments(scan: Scan) -> tuple[object, ...]:
    return scan.index.fragments if scan.index else ()


async def test_the_same_source_is_found_again(studio: Studio) -> None:
    """Looking twice finds the same."""
    found: list[SourceInfo] = [await studio.encoder.probe(studio.source) for _ in range(2)]
    assert found[0] == found[1]
