"""The command lines of ffmpeg: what each must hold, and that odd names do no harm."""

import itertools
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from streamserver.domain.ladder import EncodePlan, Output, ladder_specs, remux_spec, scaled_from
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream, VideoStream
from streamserver.domain.storyboard import plan_storyboard
from streamserver.encoder.command import (
    encode_command,
    picture_command,
    poster_command,
    sample_command,
    sound_command,
    storyboard_command,
    subtitle_command,
)
from streamserver.encoder.x264 import X264
from tests.clips.generated import Clips
from tests.clips.programs import PROGRAMS, ffmpeg, ffprobe, packets

pytest_plugins = ["tests.clips.fixtures"]

ODD = "/data/50% of %03d; $(id) 'it''s' \"q\" [a]:b,c=d \\ ü/source"
VIDEO = VideoStream(
    index=2,
    codec="h264",
    pixel_format="yuv420p",
    coded_width=1280,
    coded_height=720,
    width=1280,
    height=720,
    frame_rate=30000 / 1001,
)
FIRST = AudioStream(index=1, codec="aac", channels=2, sample_rate_hz=48000, profile="LC")
SECOND = AudioStream(index=0, codec="ac3", channels=6, sample_rate_hz=48000)
SOURCE = SourceInfo(
    format_name="matroska,webm", duration_seconds=60, bit_rate_bps=3_000_000, video=VIDEO, audio=(FIRST, SECOND)
)
TRACK = SubtitleStream(index=5, codec="subrip")


def ladder(source: SourceInfo = SOURCE, path: str = ODD) -> EncodePlan:
    outputs = tuple(Output(spec=spec, path=f"/out/{spec.name}.mp4") for spec in ladder_specs(source))
    return EncodePlan(source_path=path, source=source, outputs=outputs)


def remux(source: SourceInfo = SOURCE) -> EncodePlan:
    return EncodePlan(
        source_path=ODD, source=source, outputs=(Output(spec=remux_spec(source), path="/out/r.mp4"),)
    )


COMMANDS = {
    "ladder": encode_command("ffmpeg", ladder(), X264()),
    "remux": encode_command("ffmpeg", remux(), X264()),
    "poster": poster_command("ffmpeg", ODD, SOURCE, "/out/poster.jpg", at_seconds=6.0),
    "subtitle": subtitle_command("ffmpeg", ODD, (TRACK, replace(TRACK, index=4)), ("/out/s.vtt", "/out/t.vtt")),
    "storyboard": storyboard_command("ffmpeg", ODD, plan_storyboard(60, 320, 180), ["/out/0.jpg", "/out/1.jpg"]),
    "sound": sound_command("ffmpeg", ODD, (FIRST, SECOND), ["/out/0.mp4", "/out/1.mp4"]),
}


def values(command: list[str], option: str) -> list[str]:
    """Return every value of an option."""
    return [value for name, value in itertools.pairwise(command) if name == option]


def files_of(command: list[str]) -> list[str]:
    """Return what is said of each file of a ladder."""
    (word,) = (word for word in command if word.startswith("[select"))
    return word.split("|")


class TestEveryCommand:
    """What holds whatever is asked of ffmpeg."""

    @pytest.mark.parametrize("name", COMMANDS)
    def test_it_opens_one_file_and_nothing_else(self, name: str) -> None:
        """There is one input, under its own name, and no protocol but files, no format that leads elsewhere."""
        command = COMMANDS[name]
        assert values(command, "-i") == [ODD]
        before = command[: command.index("-i")]
        assert values(before, "-protocol_whitelist") == ["file"]
        (formats,) = values(before, "-format_whitelist")
        allowed = set(formats.split(","))
        assert {"mov", "matroska", "avi", "mpegts"} <= allowed
        assert not allowed & {"hls", "concat", "concatf", "dash", "sdp", "rtsp", "image2", "lavfi", "data", "srt"}

    @pytest.mark.parametrize("name", COMMANDS)
    def test_it_keeps_quiet_and_asks_nothing(self, name: str) -> None:
        """It never waits for a keyboard, says no more than errors, and replaces what an attempt before left."""
        command = COMMANDS[name]
        assert command[0] == "ffmpeg"
        assert {"-nostdin", "-hide_banner", "-y"} <= set(command)
        assert values(command, "-v") == ["error"]

    @pytest.mark.parametrize("name", COMMANDS)
    def test_nothing_private_is_handed_on(self, name: str) -> None:
        """Metadata, such as where a phone was, and chapters stay behind, in each output."""
        command = COMMANDS[name]
        outputs = sum(word.startswith(("/out/", "[select")) for word in command)
        assert values(command, "-map_metadata") == ["-1"] * outputs
        assert values(command, "-map_chapters") == ["-1"] * outputs

    @pytest.mark.parametrize("name", ["ladder", "remux"])
    def test_it_tells_how_far_it_is(self, name: str) -> None:
        """Progress goes to the standard output, twice a second."""
        assert values(COMMANDS[name], "-progress") == ["pipe:1"]
        assert values(COMMANDS[name], "-stats_period") == ["0.5"]

    @pytest.mark.parametrize("name", ["ladder", "remux", "sound"])
    def test_every_output_can_grow(self, name: str) -> None:
        """Each output is a hybrid MP4, whose fragments begin with keyframes."""
        command = COMMANDS[name]
        outputs = " ".join(command).count("/out/")
        if name == "ladder":
            files = files_of(command)
            assert all(":f=mp4:" in file for file in files)
            assert all(":flush_packets=1]" in file for file in files)
            flags = [file.split("movflags=")[1] for file in files]
        else:
            assert values(command, "-f") == ["mp4"] * outputs
            assert values(command, "-flush_packets") == ["1"] * outputs
            flags = values(command, "-movflags")
        assert len(flags) == outputs
        for flag in ("frag_keyframe", "default_base_moof", "hybrid_fragmented", "delay_moov"):
            assert all(f"+{flag}" in it for it in flags)


class TestLadder:
    """Several renditions out of one decode."""

    def test_one_decode(self) -> None:
        """The source is decoded once, and each rendition is scaled out of it or out of a larger one."""
        command = COMMANDS["ladder"]
        (graph,) = values(command, "-filter_complex")
        assert graph.count("[0:2]") == 1
        scaled = scaled_from([output.spec for output in ladder().outputs])
        assert [int(count) for count in re.findall(r"split=(\d)", graph)] == [
            scaled.count(None),
            *(1 + scaled.count(number) for number in range(len(scaled))),
        ]

    def test_one_file_each(self) -> None:
        """Each rendition has a file of its own, with its picture and the sound, which is encoded once."""
        files = files_of(COMMANDS["ladder"])
        for number, (file, output) in enumerate(zip(files, ladder().outputs, strict=True)):
            assert file.startswith(rf"[select=\'v:{number},a\':")
            assert file.endswith(f"]{output.path}")

    def test_each_has_its_size_and_rate(self) -> None:
        """Each rendition is scaled to its size, and bounded by the rung's bit rate over two seconds."""
        command = COMMANDS["ladder"]
        (graph,) = values(command, "-filter_complex")
        for output in ladder().outputs:
            assert f"scale={output.spec.width}:{output.spec.height}" in graph
        video_bps = [output.spec.bit_rate_bps - 128_000 for output in ladder().outputs]
        for number, rate in enumerate(video_bps):
            assert values(command, f"-maxrate:v:{number}") == [str(rate)]
            assert values(command, f"-bufsize:v:{number}") == [str(2 * rate)]
        assert graph.count("format=yuv420p") == graph.count("setsar=1") == len(video_bps)

    def test_only_the_first_sound_track_is_encoded(self) -> None:
        """The first sound track becomes stereo AAC, once for all."""
        command = COMMANDS["ladder"]
        assert [value for value in values(command, "-map") if value.startswith("0:")] == ["0:1"]
        assert values(command, "-c:a") == ["aac"]
        assert values(command, "-ac") == ["2"]

    def test_silence_has_no_sound_options(self) -> None:
        """A source without sound gets none."""
        command = encode_command("ffmpeg", ladder(replace(SOURCE, audio=())), X264())
        assert not {"-c:a", "-ac", "-ar", "-af", "-b:a"} & set(command)
        assert all(not value.startswith("0:") for value in values(command, "-map"))
        assert all(",a" not in file for file in files_of(command))

    def test_keyframes_are_the_same_everywhere(self) -> None:
        """All renditions have keyframes at one second and at multiples of two, and nowhere else."""
        command = COMMANDS["ladder"]
        wanted = "expr:gte(t,if(lt(n_forced,2),n_forced*1,(n_forced-1)*2))"
        assert values(command, "-force_key_frames") == [wanted]
        assert values(command, "-sc_threshold:v") == ["0"]
        (longest,) = values(command, "-g:v")
        assert int(longest) > 2 * VIDEO.frame_rate

    @pytest.mark.parametrize(("rate", "written"), [(30000 / 1001, "30000/1001"), (25.0, "25"), (14.999925, "15")])
    def test_frame_rates_are_exact(self, rate: float, written: str) -> None:
        """A frame rate is written as the fraction that it is, so that time does not drift."""
        source = replace(SOURCE, video=replace(VIDEO, frame_rate=rate))
        (graph,) = values(encode_command("ffmpeg", ladder(source), X264()), "-filter_complex")
        assert f"fps=fps={written}:start_time=0" in graph

    @pytest.mark.parametrize("is_interlaced", [True, False])
    def test_only_fields_are_woven(self, is_interlaced: bool) -> None:
        """What has fields is deinterlaced, and nothing else."""
        source = replace(SOURCE, video=replace(VIDEO, is_interlaced=is_interlaced))
        (graph,) = values(encode_command("ffmpeg", ladder(source), X264()), "-filter_complex")
        assert ("bwdif" in graph) is is_interlaced

    def test_how_hard_x264_tries_is_set(self) -> None:
        """Preset and quality are those of the settings."""
        command = encode_command("ffmpeg", ladder(), X264(preset="slow", crf=19))
        assert values(command, "-preset:v") == ["slow"]
        assert values(command, "-crf:v") == ["19"]

    @pytest.mark.parametrize(
        ("preset", "crf", "expected"),
        [("veryfast", 23, (["5"], ["22"])), ("slow", 1, (["5"], ["1"])), ("ultrafast", 23, ([], []))],
    )
    def test_the_smallest_looks_less_far_ahead(
        self, preset: str, crf: int, expected: tuple[list[str], list[str]]
    ) -> None:
        """It is watched first; its quality is kept otherwise. Presets that do not look ahead stay as they are."""
        plan = ladder()
        command = encode_command("ffmpeg", plan, X264(preset=preset, crf=crf))
        number = len(plan.outputs) - 1
        found = values(command, f"-rc-lookahead:v:{number}"), values(command, f"-crf:v:{number}")
        assert found == expected
        alone = replace(plan, outputs=plan.outputs[:1])
        assert not [word for word in encode_command("ffmpeg", alone, X264()) if word.startswith("-rc-lookahead")]

    def test_threads_go_where_the_pixels_are(self) -> None:
        """The largest rendition has all threads that are granted, the others their share, and at least one."""
        command = encode_command("ffmpeg", ladder(), X264(threads=12))
        counts = [values(command, f"-threads:v:{number}") for number in range(len(ladder().outputs))]
        assert counts == [["12"], ["7"], ["3"], ["2"], ["1"]]


class TestRemux:
    """The source's own streams."""

    def test_streams_are_copied(self) -> None:
        """Picture and first sound track are copied, by their numbers in the source, without a filter."""
        command = COMMANDS["remux"]
        assert values(command, "-c") == ["copy"]
        assert values(command, "-map") == ["0:2", "0:1"]
        assert "-filter_complex" not in command

    def test_headers_of_transport_streams_are_taken_off(self) -> None:
        """AAC loses the header of each frame that transport streams give it; silence needs no such filter."""
        assert values(COMMANDS["remux"], "-bsf:a") == ["aac_adtstoasc"]
        assert "-bsf:a" not in encode_command("ffmpeg", remux(replace(SOURCE, audio=())), X264())


def test_a_poster_is_shown_upright_and_not_too_large() -> None:
    """A poster has the size on the screen, at most 1280 pixels, both sides even."""
    video = replace(VIDEO, coded_width=3840, coded_height=2160, width=2160, height=3841, rotation_degrees=90)
    command = poster_command("ffmpeg", ODD, replace(SOURCE, video=video), "/out/poster.jpg", at_seconds=6.0)
    (graph,) = values(command, "-filter_complex")
    assert "scale=h=1280:w=720" in graph
    assert values(command[: command.index("-i")], "-ss") == ["6.000"]


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp"])
def test_a_picture_is_opened_as_what_it_is(kind: str) -> None:
    """A picture that somebody sent is read as the one format that it was found to be, and bounded in size."""
    command = picture_command("ffmpeg", ODD, kind, "/out/p.jpg")
    before = command[: command.index("-i")]
    (form,) = values(before, "-f")
    assert values(before, "-format_whitelist") == [form]
    assert form.startswith(kind)
    assert values(before, "-protocol_whitelist") == ["file"]
    assert values(before, "-max_pixels") == ["50000000"]
    assert (values(command, "-map_metadata"), values(command, "-frames:v")) == (["-1"], ["1"])


def test_a_storyboard_is_made_of_keyframes() -> None:
    """Nothing else is decoded, and every sheet that was planned comes to be."""
    command = COMMANDS["storyboard"]
    assert values(command[: command.index("-i")], "-skip_frame") == ["nokey"]
    (graph,) = values(command, "-filter_complex")
    assert "fps=1/2" in graph
    assert "trim=end_frame=30" in graph
    assert values(command, "-frames:v") == ["1", "1"]


class TestHdr:
    """Sources that are brighter than an ordinary screen."""

    @pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
    def test_they_are_mapped_once(self, transfer: str) -> None:
        """The picture is mapped once for all renditions, in the size of the largest, by what the source tells."""
        source = replace(SOURCE, video=replace(VIDEO, transfer=transfer, codec="hevc"))
        (graph,) = values(encode_command("ffmpeg", ladder(source), X264()), "-filter_complex")
        assert graph.count("tonemap=") == 1
        assert graph.index("scale=1280:720") < graph.index("tonemap=") < graph.index("split=")
        assert f"transferin={transfer}" in graph
        poster = poster_command("ffmpeg", ODD, source, "/out/poster.jpg", at_seconds=6.0)
        assert "tonemap=" in values(poster, "-filter_complex")[0]

    @pytest.mark.parametrize("name", ["ladder", "poster"])
    def test_others_are_left_alone(self, name: str) -> None:
        """An ordinary picture keeps its colours."""
        (graph,) = values(COMMANDS[name], "-filter_complex")
        assert "tonemap" not in graph
        assert "zscale" not in graph


def test_odd_names_of_folders_do_no_harm(clips: Clips, tmp_path: Path) -> None:
    """Files are read and written in a folder whose name means something to shells, filters and patterns."""
    folder = tmp_path / " 50% of %03d; $(id) 'it''s' \"q\" [a]:b,c=d \\ | ü "
    folder.mkdir()
    source = folder / "source"
    source.write_bytes(clips("subtitles.mkv").read_bytes())
    video = replace(VIDEO, index=0, coded_width=320, coded_height=180, width=320, height=180)
    info = replace(SOURCE, video=video, audio=())
    commands = [
        poster_command(PROGRAMS.ffmpeg, str(source), info, str(folder / "p.jpg"), at_seconds=1.0),
        subtitle_command(PROGRAMS.ffmpeg, str(source), (replace(TRACK, index=1),), (str(folder / "s.vtt"),)),
        storyboard_command(PROGRAMS.ffmpeg, str(source), plan_storyboard(4, 320, 180), [str(folder / "b.jpg")]),
        encode_command(
            PROGRAMS.ffmpeg,
            EncodePlan(
                source_path=str(source),
                source=info,
                outputs=(Output(spec=ladder_specs(info)[0], path=str(folder / "180p.mp4")),),
            ),
            X264(preset="ultrafast"),
        ),
    ]
    for command in commands:
        ffmpeg(*command[1:])
    for picture in ("p.jpg", "b.jpg"):
        assert (folder / picture).read_bytes().startswith(b"\xff\xd8")
    assert (folder / "s.vtt").read_text().startswith("WEBVTT")
    assert ffprobe(folder / "180p.mp4", "-show_streams")["streams"][0]["codec_name"] == "h264"


def test_small_pictures_wait_for_no_large_ones(tmp_path: Path) -> None:
    """The smallest rendition can be played while nothing of the largest is there, and in the end all are whole."""
    source, size = tmp_path / "source.mp4", "size=1920x1080:rate=30:duration=3"
    made = ("-f", "lavfi", "-i", f"testsrc2={size}", "-f", "lavfi", "-i", "sine=duration=3")
    ffmpeg(*made, "-c:v", "mpeg4", "-q:v", "5", "-c:a", "aac", str(source))
    video = replace(VIDEO, index=0, coded_width=1920, coded_height=1080, width=1920, height=1080, frame_rate=30)
    info = replace(SOURCE, duration_seconds=3, video=video, audio=(FIRST,))
    specs = ladder_specs(info)
    outputs = tuple(Output(spec=spec, path=str(tmp_path / f"{spec.name}.mp4")) for spec in specs)
    plan = EncodePlan(source_path=str(source), source=info, outputs=outputs)
    largest, smallest = Path(outputs[0].path), Path(outputs[-1].path)
    with subprocess.Popen(
        encode_command(PROGRAMS.ffmpeg, plan, X264(preset="medium")), stdout=subprocess.DEVNULL
    ) as encoder:
        while encoder.poll() is None and not (smallest.exists() and b"moof" in smallest.read_bytes()):
            time.sleep(0.01)
        assert b"moof" not in largest.read_bytes()
        assert encoder.wait() == 0
    for output in outputs:
        assert len(packets(Path(output.path), "v:0", "pts_time")) == 90
        assert [stream["codec_name"] for stream in ffprobe(output.path, "-show_streams")["streams"]] == [
            "h264",
            "aac",
        ]


def test_the_sample_is_a_video(tmp_path: Path) -> None:
    """The sample that a new library begins with has picture and sound, and plays for 20 seconds."""
    command = sample_command(PROGRAMS.ffmpeg, str(tmp_path / "sample.mp4"))
    ffmpeg(*command[1:])
    found = ffprobe(tmp_path / "sample.mp4", "-show_streams", "-show_format")
    assert [stream["codec_name"] for stream in found["streams"]] == ["h264", "aac"]
    assert float(found["format"]["duration"]) == pytest.approx(20, abs=0.1)
