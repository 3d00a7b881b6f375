"""Which renditions a source gets."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.ladder import (
    AUDIO_BIT_RATE_BPS,
    LADDER,
    MAX_FRAME_RATE,
    MIN_FRAME_RATE,
    RenditionSpec,
    can_remux,
    encoded_frame_rate,
    ladder_specs,
    remux_spec,
    scaled_from,
)
from streamserver.domain.sources import AudioStream, SourceInfo, VideoStream

AAC = AudioStream(index=1, codec="aac", channels=2, sample_rate_hz=48000, profile="LC")


def source_of(
    width: int = 1920,
    height: int = 1080,
    *,
    audio: tuple[AudioStream, ...] = (),
    bit_rate_bps: int = 4_000_000,
    **picture: Any,  # noqa: ANN401 - any field
) -> SourceInfo:
    video = VideoStream(
        index=0,
        codec="h264",
        pixel_format="yuv420p",
        coded_width=width,
        coded_height=height,
        width=width,
        height=height,
        frame_rate=25.0,
    )
    return SourceInfo(
        format_name="mov,mp4,m4a,3gp,3g2,mj2",
        duration_seconds=10.0,
        bit_rate_bps=bit_rate_bps,
        video=replace(video, **picture),
        audio=audio,
    )


def sizes(specs: tuple[RenditionSpec, ...]) -> list[tuple[str, int, int]]:
    return [(spec.name, spec.width, spec.height) for spec in specs]


class TestLadder:
    """The rungs of a source that is encoded."""

    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            (
                (1920, 1080),
                [
                    "1080p 1920x1080",
                    "720p 1280x720",
                    "540p 960x540",
                    "360p 640x360",
                    "270p 480x270",
                    "180p 320x180",
                ],
            ),
            (
                (3840, 2160),
                [
                    "1080p 1920x1080",
                    "720p 1280x720",
                    "540p 960x540",
                    "360p 640x360",
                    "270p 480x270",
                    "180p 320x180",
                ],
            ),
            (
                (1080, 1920),
                [
                    "1080p 1080x1920",
                    "720p 720x1280",
                    "540p 540x960",
                    "360p 360x640",
                    "270p 270x480",
                    "180p 180x320",
                ],
            ),
            ((640, 480), ["480p 640x480", "360p 480x360", "270p 360x270", "180p 240x180"]),
            ((1280, 544), ["544p 1280x544", "360p 846x360", "270p 634x270", "180p 424x180"]),
            ((320, 240), ["240p 320x240", "180p 240x180"]),
            ((320, 180), ["180p 320x180"]),
            ((160, 120), ["120p 160x120"]),
            ((32, 18), ["18p 32x18"]),
            ((321, 181), ["181p 320x180"]),
            ((2, 2), ["2p 2x2"]),
            ((8192, 64), ["64p 8192x64"]),
        ],
    )
    def test_the_rungs_of_a_size(self, size: tuple[int, int], expected: list[str]) -> None:
        """A source gets all rungs up to its own size, and one of its own size where it lies between two."""
        assert [
            f"{name} {width}x{height}" for name, width, height in sizes(ladder_specs(source_of(*size)))
        ] == expected

    @given(st.integers(2, 8192), st.integers(2, 8192), st.booleans())
    def test_what_holds_for_every_size(self, width: int, height: int, has_remux: bool) -> None:
        """Rungs are even, not above the source, of its aspect, named once, and fall in size and bit rate."""
        source = source_of(width, height)
        remuxed = remux_spec(source) if has_remux else None
        specs = ladder_specs(source, beside=remuxed)
        short_side = min(width, height)
        for spec in specs:
            assert spec.width % 2 == spec.height % 2 == 0
            assert 2 <= spec.width <= max(2, width)
            assert 2 <= spec.height <= max(2, height)
            assert min(spec.width, spec.height) <= 1080
            if short_side >= 16:
                scale = min(spec.width / width, spec.height / height)
                assert abs(spec.width - width * scale) <= 2 * max(1, width / height)
                assert abs(spec.height - height * scale) <= 2 * max(1, height / width)
        names = [spec.name for spec in specs] + ([remuxed.name] if remuxed else [])
        assert len(set(names)) == len(names)
        assert names
        for better, worse in pairwise(specs):
            assert better.width * better.height >= worse.width * worse.height
            assert better.bit_rate_bps >= worse.bit_rate_bps

    @given(st.integers(2, 8192), st.integers(2, 8192))
    def test_a_turned_source_gets_a_turned_ladder(self, width: int, height: int) -> None:
        """Portrait and landscape are the same ladder, lying and standing."""
        lying, standing = ladder_specs(source_of(width, height)), ladder_specs(source_of(height, width))
        assert sizes(standing) == [(name, height, width) for name, width, height in sizes(lying)]

    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            ((1920, 1080), {"540p": "1080p", "360p": "720p", "270p": "540p", "180p": "360p"}),
            ((720, 1280), {"360p": "720p", "270p": "540p", "180p": "360p"}),
            ((320, 180), {}),
        ],
    )
    def test_small_ones_are_made_of_larger_ones(self, size: tuple[int, int], expected: dict[str, str]) -> None:
        """A rendition is scaled out of the smallest one that is twice as large, or else out of the source."""
        specs = ladder_specs(source_of(*size))
        origins = zip(specs, scaled_from(specs), strict=True)
        assert {spec.name: specs[origin].name for spec, origin in origins if origin is not None} == expected

    def test_displayed_size_counts(self) -> None:
        """Of anamorphic and turned sources it is the size on the screen that is capped and encoded."""
        anamorphic = source_of(1024, 576, coded_width=720, coded_height=576, has_square_pixels=False)
        assert sizes(ladder_specs(anamorphic))[0] == ("576p", 1024, 576)
        turned = source_of(1080, 1920, coded_width=1920, coded_height=1080, rotation_degrees=90)
        assert sizes(ladder_specs(turned))[0] == ("1080p", 1080, 1920)

    def test_sound_has_its_own_share(self) -> None:
        """The rate of a rendition is that of its rung, and of the sound where there is some."""
        silent, heard = ladder_specs(source_of()), ladder_specs(source_of(audio=(AAC,)))
        assert [spec.bit_rate_bps for spec in silent] == [rung.bit_rate_bps for rung in LADDER]
        assert [spec.bit_rate_bps for spec in heard] == [rung.bit_rate_bps + AUDIO_BIT_RATE_BPS for rung in LADDER]

    @pytest.mark.parametrize(
        ("rate", "encoded"), [(25, 25), (60, 60), (59.94, 59.94), (120, 60), (240, 60), (90, 45)]
    )
    def test_frame_rates(self, rate: float, encoded: float) -> None:
        """Up to 60 frames a second are kept; a faster source loses every second frame, until it fits."""
        assert encoded_frame_rate(rate) == encoded
        assert {spec.frame_rate for spec in ladder_specs(source_of(frame_rate=rate))} == {encoded}

    @given(st.floats(1e-4, 1e6))
    def test_frame_rates_stay_within_bounds(self, rate: float) -> None:
        """Whatever a source claims, the rate that is encoded is bearable."""
        assert MIN_FRAME_RATE <= encoded_frame_rate(rate) <= MAX_FRAME_RATE * 1.01


class TestRemux:
    """Sources whose own streams browsers can play."""

    @pytest.mark.parametrize(
        "audio", [(), (AAC,), (AAC, AudioStream(index=2, codec="ac3", channels=6, sample_rate_hz=48000))]
    )
    def test_h264_with_aac_or_silent(self, audio: tuple[AudioStream, ...]) -> None:
        """8-bit 4:2:0 H.264 with AAC-LC, or without sound, is copied; tracks behind the first do not count."""
        assert can_remux(source_of(audio=audio))

    @pytest.mark.parametrize(
        "changes",
        [
            {"codec": "hevc"},
            {"codec": "vp9"},
            {"pixel_format": "yuv420p10le"},
            {"pixel_format": "yuv444p"},
            {"pixel_format": ""},
            {"rotation_degrees": 90},
            {"is_mirrored": True},
            {"is_interlaced": True},
            {"audio": (AudioStream(index=1, codec="mp3", channels=2, sample_rate_hz=44100),)},
            {"audio": (AudioStream(index=1, codec="aac", channels=2, sample_rate_hz=44100, profile="HE-AAC"),)},
        ],
    )
    def test_anything_else_is_encoded(self, changes: dict[str, Any]) -> None:
        """One property that browsers or the muxer cannot carry, and the source is encoded."""
        assert not can_remux(source_of(**changes))

    @pytest.mark.parametrize(
        ("format_name", "is_reordered", "is_copied"),
        [("avi", True, False), ("avi", False, True), ("matroska,webm", True, True)],
    )
    def test_frames_out_of_order(self, format_name: str, is_reordered: bool, is_copied: bool) -> None:
        """Where frames are not shown as they are stored, only a container that tells their times can be copied."""
        source = source_of(is_reordered=is_reordered)
        assert can_remux(replace(source, format_name=format_name)) is is_copied

    def test_it_stands_in_for_the_rung_of_its_size(self) -> None:
        """A remux has the name of its rung, which is then not encoded."""
        source = source_of(1280, 720)
        remuxed = remux_spec(source)
        assert (remuxed.name, remuxed.is_remux, remuxed.target_seconds) == ("720p", True, 6)
        assert [spec.name for spec in ladder_specs(source, beside=remuxed)] == ["540p", "360p", "270p", "180p"]

    @pytest.mark.parametrize(
        ("height", "bit_rate_bps"), [(1080, 14_000_000), (720, 8_000_000), (2160, 50_000_000)]
    )
    def test_a_wasteful_one_stands_beside_the_rung(self, height: int, bit_rate_bps: int) -> None:
        """A source with far more bits than its rung is listed as the original, and the rung is encoded too."""
        source = source_of(height * 16 // 9, height, bit_rate_bps=bit_rate_bps)
        remuxed = remux_spec(source)
        assert remuxed.name == f"{height}p original"
        assert ladder_specs(source, beside=remuxed)[0].name == f"{min(height, 1080)}p"

    @pytest.mark.parametrize(
        ("fragment_seconds", "name", "target_seconds"),
        [(2.0, "720p", 6), (6.0, "720p", 6), (6.1, "720p original", 7), (10.43, "720p original", 11)],
    )
    def test_one_with_few_keyframes_stands_beside_the_rung(
        self, fragment_seconds: float, name: str, target_seconds: int
    ) -> None:
        """It can be watched at once, and the rung is encoded too, in which one can seek better."""
        source = source_of(1280, 720)
        remuxed = remux_spec(source, fragment_seconds)
        assert (remuxed.name, remuxed.target_seconds) == (name, target_seconds)
        names = [spec.name for spec in ladder_specs(source, beside=remuxed)]
        assert ("720p" in names) is (name != "720p")

    @pytest.mark.parametrize(("rate", "name"), [(60.0, "720p"), (59.94, "720p"), (120.0, "720p original")])
    def test_a_fast_one_stands_beside_the_rung(self, rate: float, name: str) -> None:
        """A copy of more than 60 frames a second is the original, and its rung is encoded at half of that."""
        source = source_of(1280, 720, frame_rate=rate)
        remuxed = remux_spec(source)
        assert remuxed.name == name
        own = [spec.frame_rate for spec in ladder_specs(source, beside=remuxed) if spec.name == "720p"]
        assert own == ([60.0] if name.endswith("original") else [])

    def test_a_song_is_encoded(self) -> None:
        """Where the sound outlasts the picture a copy would not play to its end."""
        assert not can_remux(replace(source_of(audio=(AAC,)), still_seconds=30.0))

    def test_what_becomes_silent_is_encoded(self) -> None:
        """Where the picture outlasts the sound players would stop with the sound of a copy."""
        assert not can_remux(replace(source_of(audio=(AAC,)), silent_seconds=30.0))

    def test_it_is_not_an_encode_of_its_own_size_again(self) -> None:
        """A remuxed source between two rungs gets none of its own size."""
        source = source_of(640, 480, bit_rate_bps=1_000_000)
        assert [spec.name for spec in ladder_specs(source, beside=remux_spec(source))] == ["360p", "270p", "180p"]

    def test_a_tiny_remux_is_all_there_is(self) -> None:
        """Below the lowest rung nothing is left to encode."""
        source = source_of(64, 36, bit_rate_bps=50_000)
        assert ladder_specs(source, beside=remux_spec(source)) == ()
