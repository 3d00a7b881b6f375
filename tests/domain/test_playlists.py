"""HLS playlists: line by line, as another parser reads them, and the bit rates in them."""

from typing import Any

import m3u8
import pytest
from hypothesis import given, strategies as st

from streamserver.domain.fragments import Segment
from streamserver.domain.playlists import (
    Variant,
    bit_rates,
    media_playlist,
    multivariant_playlist,
    subtitle_playlist,
)
from streamserver.domain.videos import Subtitle


def segments_of(*parts: tuple[int, float]) -> tuple[Segment, ...]:
    """Put segments of (bytes, seconds) one behind the other."""
    return tuple(
        Segment(
            number=number,
            position=1000 + sum(count for count, _ in parts[:number]),
            count=count,
            duration_seconds=seconds,
        )
        for number, (count, seconds) in enumerate(parts)
    )


SEGMENTS = segments_of((1000, 2.0), (2000, 2.002), (3500, 4.004), (10, 1 / 3))


class TestMediaPlaylist:
    """What a rendition has (RFC 8216 §4.3.3)."""

    def test_a_complete_one_line_by_line(self) -> None:
        """A complete rendition's playlist is VOD and has an end."""
        assert media_playlist(SEGMENTS, target_seconds=4, is_complete=True).splitlines() == [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            "#EXT-X-TARGETDURATION:4",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:VOD",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            '#EXT-X-MAP:URI="init.mp4"',
            "#EXTINF:2.000000,",
            "0.m4s",
            "#EXTINF:2.002000,",
            "1.m4s",
            "#EXTINF:4.004000,",
            "2.m4s",
            "#EXTINF:0.333333,",
            "3.m4s",
            "#EXT-X-ENDLIST",
        ]

    def test_a_growing_one_only_gets_longer(self) -> None:
        """A growing playlist is EVENT, has no end, and is the beginning of each later one (§6.2.1)."""
        texts = [media_playlist(SEGMENTS[:known], target_seconds=4, is_complete=False) for known in (1, 2, 4)]
        for text in texts:
            assert "#EXT-X-PLAYLIST-TYPE:EVENT\n" in text
            assert "#EXT-X-ENDLIST" not in text
        assert texts[1].startswith(texts[0])
        assert texts[2].startswith(texts[1])

    @pytest.mark.parametrize("is_complete", [True, False])
    def test_another_parser_reads_the_same(self, is_complete: bool) -> None:
        """What m3u8 reads is what was meant."""
        text = media_playlist(SEGMENTS, target_seconds=4, is_complete=is_complete)
        read: Any = m3u8.loads(text)
        assert (read.version, read.target_duration, read.media_sequence) == (7, 4, 0)
        assert (read.playlist_type, read.is_endlist) == (("vod", True) if is_complete else ("event", False))
        assert (read.is_independent_segments, read.segment_map[0].uri) == (True, "init.mp4")
        assert [segment.uri for segment in read.segments] == ["0.m4s", "1.m4s", "2.m4s", "3.m4s"]
        assert [segment.duration for segment in read.segments] == [2, 2.002, 4.004, 0.333333]

    def test_many_segments_keep_the_time(self) -> None:
        """The durations that are written add up to what is played: less than 10 ms are lost in two hours."""
        segments = segments_of(*[(1000, 2 + 1 / 3)] * 3000)
        read: Any = m3u8.loads(media_playlist(segments, target_seconds=4, is_complete=True))
        assert sum(segment.duration for segment in read.segments) == pytest.approx(7000, abs=0.01)


VARIANT = Variant(
    url="720p-x/index.m3u8",
    peak_bps=3_000_000,
    average_bps=2_500_000,
    codecs="avc1.64001f,mp4a.40.2",
    width=1280,
    height=720,
    frame_rate=30000 / 1001,
)
GERMAN = Subtitle(key="s", video_id="v", language="de", label='Deutsch "für\r\nalle"')


class TestMultivariantPlaylist:
    """Which renditions there are (§4.3.4)."""

    def test_line_by_line(self) -> None:
        """Each variant is one line of attributes and one with its address."""
        assert multivariant_playlist([VARIANT]).splitlines() == [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            (
                '#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,CODECS="avc1.64001f,mp4a.40.2",'
                "RESOLUTION=1280x720,FRAME-RATE=29.970"
            ),
            "720p-x/index.m3u8",
        ]

    def test_another_parser_reads_the_same(self) -> None:
        """What m3u8 reads is what was meant, text tracks included."""
        read: Any = m3u8.loads(multivariant_playlist([VARIANT, VARIANT], [(GERMAN, "subtitles/s.m3u8")]))
        assert len(read.playlists) == 2
        info = read.playlists[0].stream_info
        assert (info.bandwidth, info.average_bandwidth, info.resolution) == (3_000_000, 2_500_000, (1280, 720))
        assert (info.codecs, info.frame_rate, info.subtitles) == ("avc1.64001f,mp4a.40.2", 29.97, "text")
        (media,) = read.media
        assert (media.type, media.group_id, media.language) == ("SUBTITLES", "text", "de")
        assert (media.uri, media.default, media.forced) == ("subtitles/s.m3u8", "NO", "NO")
        assert media.name == "Deutsch  für  alle "

    @given(st.text(max_size=40), st.text(max_size=10))
    def test_labels_cannot_break_out(self, label: str, language: str) -> None:
        """Whatever a text track is called, it stays inside of its quotes and its line."""
        subtitle = Subtitle(key="s", video_id="v", language=language, label=label)
        text = multivariant_playlist([VARIANT], [(subtitle, "subtitles/s.m3u8")])
        (line,) = [line for line in text.split("\n") if line.startswith("#EXT-X-MEDIA:")]
        assert line.count('"') == 2 * 4
        assert text.encode().decode().splitlines() == text.split("\n")[:-1]
        assert len(text.splitlines()) == len(multivariant_playlist([VARIANT]).splitlines()) + 1

    def test_two_tracks_do_not_share_a_name(self) -> None:
        """Renditions of a group must have different names (§4.3.4.1.1)."""
        tracks = [(GERMAN, "subtitles/a.m3u8"), (GERMAN, "subtitles/b.m3u8")]
        read: Any = m3u8.loads(multivariant_playlist([VARIANT], tracks))
        assert len({media.name for media in read.media}) == 2

    def test_a_rate_is_never_nothing(self) -> None:
        """BANDWIDTH is a positive number, also of a file that has hardly begun."""
        silent = Variant(url="x", peak_bps=0, average_bps=0, codecs="", width=2, height=2, frame_rate=5)
        assert "BANDWIDTH=1,AVERAGE-BANDWIDTH=1" in multivariant_playlist([silent])


@pytest.mark.parametrize(("seconds", "target"), [(0.2, 1), (1, 1), (4.0, 4), (4.2, 5), (7199.5, 7200)])
def test_a_text_track_is_one_segment(seconds: float, target: int) -> None:
    """A WebVTT file is listed whole, its target duration not below its length (§3.5, §4.3.3.1)."""
    read: Any = m3u8.loads(subtitle_playlist("../../subtitles/s.vtt", seconds))
    (segment,) = read.segments
    assert (segment.uri, segment.duration) == ("../../subtitles/s.vtt", seconds)
    assert (read.target_duration, read.is_endlist, read.playlist_type) == (target, True, "vod")


def defined_bit_rates(segments: tuple[Segment, ...], target_seconds: int) -> tuple[float, float]:
    """Compute both rates by their definition, over every run of segments (§4.1)."""
    average = sum(part.count * 8 for part in segments) / sum(part.duration_seconds for part in segments)
    peak = average
    for start in range(len(segments)):
        for end in range(start + 1, len(segments) + 1):
            seconds = sum(part.duration_seconds for part in segments[start:end])
            if 0.5 * target_seconds <= seconds <= 1.5 * target_seconds:
                peak = max(peak, sum(part.count * 8 for part in segments[start:end]) / seconds)
    return peak, average


class TestBitRates:
    """BANDWIDTH and AVERAGE-BANDWIDTH."""

    def test_a_constant_rate(self) -> None:
        """Segments of one rate have it as peak and as average."""
        assert bit_rates(segments_of(*[(500_000, 4.0)] * 5), target_seconds=4) == (1_000_000, 1_000_000)

    def test_a_burst(self) -> None:
        """The peak is that of the busiest stretch, the average that of the whole."""
        parts = segments_of((100_000, 4.0), (900_000, 4.0), (100_000, 4.0), (100_000, 4.0))
        assert bit_rates(parts, target_seconds=4) == (1_800_000, 600_000)

    def test_a_short_burst_is_no_peak(self) -> None:
        """Less than half a target duration is not measured by itself: a player's buffer levels it."""
        parts = segments_of((100_000, 4.0), (900_000, 0.1), (100_000, 4.0))
        peak, _ = bit_rates(parts, target_seconds=4)
        assert peak == round(1_000_000 * 8 / 4.1)

    def test_nothing_has_no_rate(self) -> None:
        """No segments, or segments without time, have no bit rate."""
        assert bit_rates((), target_seconds=4) == (0, 0)
        assert bit_rates(segments_of((100, 0.0)), target_seconds=4) == (0, 0)

    @given(
        st.lists(st.tuples(st.integers(1, 10**7), st.floats(0.01, 10)), min_size=1, max_size=25),
        st.sampled_from([4, 10]),
    )
    def test_they_are_what_the_rfc_defines(self, parts: list[tuple[int, float]], target_seconds: int) -> None:
        """Both rates equal their definition, computed the long way."""
        segments = segments_of(*parts)
        peak, average = defined_bit_rates(segments, target_seconds)
        peak_bps, average_bps = bit_rates(segments, target_seconds=target_seconds)
        assert peak_bps == pytest.approx(peak, rel=1e-6, abs=1)
        assert average_bps == pytest.approx(average, rel=1e-6, abs=1)
