"""DASH manifests, held against the rules of ISO/IEC 23009-1 that can be put in a few lines."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.fragments import Segment
from streamserver.domain.mpd import NAMESPACE, Growth, Picture, Sound, Text, manifest

NAMES = {"": NAMESPACE}
CREATED_AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
GROWTH = Growth(created_at=CREATED_AT, duration_seconds=600)


def segments(*seconds: float) -> tuple[Segment, ...]:
    return tuple(
        Segment(number=number, position=1000 * number, count=1000, duration_seconds=duration)
        for number, duration in enumerate(seconds)
    )


RENDITION = Picture(
    id="720p-1",
    folder="hls/720p-1",
    bandwidth_bps=3_000_000,
    codecs="avc1.64001f,mp4a.40.2",
    width=1280,
    height=720,
    frame_rate=30000 / 1001,
    target_seconds=4,
    timescale=90_000,
    segments=segments(2, 2, 2, 4, 4, 3.5),
)
ENGLISH = Sound(
    id="sound-1",
    folder="hls/sound-1",
    bandwidth_bps=130_000,
    codecs="mp4a.40.2",
    language="en",
    label="English",
    is_main=True,
    target_seconds=4,
    timescale=48_000,
    segments=segments(2, 2, 2, 4, 4, 3.6),
)
GERMAN = replace(ENGLISH, id="sound-2", folder="hls/sound-2", language="de", label="Deutsch", is_main=False)


def read(text: str) -> Element:
    return ET.fromstring(text)  # noqa: S314 - we wrote it


def only(root: Element, path: str) -> Element:
    (found,) = root.findall(path, NAMES)
    return found


def seconds(duration: str | None) -> float:
    """Read an xs:duration as we write it."""
    match = re.fullmatch(r"PT(\d+\.\d{3})S", duration or "")
    assert match, duration
    return float(match[1])


def moment(text: str | None) -> datetime:
    assert text is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    return datetime.fromisoformat(text)


def durations(timeline: Element) -> list[int]:
    """Spell a timeline out (§5.3.9.6): `r` is how often an element is repeated."""
    return [int(line.attrib["d"]) for line in timeline for _ in range(1 + int(line.get("r", "0")))]


class TestComplete:
    """A static manifest."""

    def test_what_it_has_to_say(self) -> None:
        """All attributes that a static presentation needs are there (§5.3.1.2), and none of a dynamic one."""
        root = read(manifest([RENDITION]))
        assert root.tag == f"{{{NAMESPACE}}}MPD"
        assert root.get("type") == "static"
        assert root.get("profiles") == "urn:mpeg:dash:profile:isoff-live:2011"
        assert seconds(root.get("mediaPresentationDuration")) == 17.5
        assert seconds(root.get("minBufferTime")) == 4
        assert seconds(root.get("maxSegmentDuration")) >= 4
        dynamic = {
            "availabilityStartTime",
            "minimumUpdatePeriod",
            "publishTime",
            "suggestedPresentationDelay",
            "timeShiftBufferDepth",
        }
        assert not dynamic & set(root.keys())
        assert only(root, "Period").get("start") == "PT0S"

    def test_a_rendition_is_a_representation(self) -> None:
        """With its size, its codecs, its rate as a fraction, and the URLs of its HLS segments."""
        root = read(manifest([RENDITION]))
        adaptation_set = only(root, "Period/AdaptationSet")
        assert adaptation_set.get("mimeType") == "video/mp4"
        assert adaptation_set.get("startWithSAP") == "1"
        representation = only(adaptation_set, "Representation")
        assert representation.attrib == {
            "id": "720p-1",
            "bandwidth": "3000000",
            "codecs": "avc1.64001f,mp4a.40.2",
            "width": "1280",
            "height": "720",
            "frameRate": "30000/1001",
            "sar": "1:1",
        }
        template = only(representation, "SegmentTemplate")
        assert template.attrib == {
            "timescale": "90000",
            "startNumber": "0",
            "initialization": "hls/720p-1/init.mp4",
            "media": "hls/720p-1/$Number$.m4s",
        }

    def test_equal_segments_take_one_line(self) -> None:
        """The timeline starts at 0 and has every segment, runs of equal ones as repeats."""
        timeline = only(read(manifest([RENDITION])), ".//SegmentTimeline")
        assert [line.attrib for line in timeline] == [
            {"t": "0", "d": "180000", "r": "2"},
            {"d": "360000", "r": "1"},
            {"d": "315000"},
        ]
        assert durations(timeline) == [180_000] * 3 + [360_000] * 2 + [315_000]

    @given(
        st.lists(st.integers(min_value=1, max_value=10**7), min_size=1, max_size=50),
        st.sampled_from([1000, 15360, 90_000]),
    )
    def test_ticks_are_exact(self, ticks: list[int], timescale: int) -> None:
        """No segment is shifted by rounding, however many there are."""
        timed = segments(*(tick / timescale for tick in ticks))
        timeline = only(
            read(manifest([replace(RENDITION, timescale=timescale, segments=timed)])), ".//SegmentTimeline"
        )
        assert durations(timeline) == ticks

    @pytest.mark.parametrize(("rate", "written"), [(25.0, "25"), (24000 / 1001, "24000/1001"), (12.5, "25/2")])
    def test_frame_rates_are_whole_or_fractions(self, rate: float, written: str) -> None:
        """The type of the attribute knows no decimals (FrameRateType)."""
        representation = only(read(manifest([replace(RENDITION, frame_rate=rate)])), ".//Representation")
        assert representation.get("frameRate") == written

    def test_alignment_is_claimed_where_it_is(self) -> None:
        """Renditions that were encoded together have the same borders on whatever clocks; a copy has its own."""
        other = replace(RENDITION, id="360p-2", timescale=15360)
        copied = replace(RENDITION, id="1080p-3", segments=segments(2.5, 2, 2, 4, 4, 3))
        for renditions, claim in (([RENDITION, other], "true"), ([copied, RENDITION], "false")):
            adaptation_set = only(read(manifest(renditions)), "Period/AdaptationSet")
            assert adaptation_set.get("segmentAlignment") == claim
            assert [each.get("id") for each in adaptation_set] == [each.id for each in renditions]

    def test_it_lasts_as_long_as_the_longest(self) -> None:
        """A rendition that is a frame longer than another is shown to its end."""
        longer = replace(RENDITION, id="b", segments=segments(2, 2, 2, 4, 4, 4))
        assert seconds(read(manifest([RENDITION, longer])).get("mediaPresentationDuration")) == 18


class TestSound:
    """Several sound tracks, beside pictures without sound."""

    def test_each_is_an_adaptation_set(self) -> None:
        """With its language and its role, in the order that the schema asks for; one of them is the main one."""
        root = read(manifest([replace(RENDITION, folder="hls/720p-1/picture")], [ENGLISH, GERMAN]))
        picture, *sounds = root.findall("Period/AdaptationSet", NAMES)
        assert only(picture, ".//SegmentTemplate").get("media") == "hls/720p-1/picture/$Number$.m4s"
        assert [(it.get("contentType"), it.get("mimeType"), it.get("lang")) for it in sounds] == [
            ("audio", "audio/mp4", "en"),
            ("audio", "audio/mp4", "de"),
        ]
        for found, label, role in zip(sounds, ("English", "Deutsch"), ("main", "alternate"), strict=True):
            names = [child.tag.partition("}")[2] for child in found]
            assert names == ["AudioChannelConfiguration", "Label", "Role", "Representation"]
            assert only(found, "AudioChannelConfiguration").get("value") == "2"
            assert only(found, "Label").text == label
            assert only(found, "Role").get("value") == role
        assert only(sounds[1], "Representation").attrib == {
            "id": "sound-2",
            "bandwidth": "130000",
            "codecs": "mp4a.40.2",
        }
        template = only(sounds[1], ".//SegmentTemplate")
        assert (template.get("timescale"), template.get("initialization")) == ("48000", "hls/sound-2/init.mp4")
        assert durations(template[0]) == [48_000 * 2] * 3 + [48_000 * 4] * 2 + [172_800]

    def test_names_differ(self) -> None:
        """No two adaptation sets or representations have the same id, with texts among them."""
        texts = [Text(url="a.vtt", language="en", label="English")]
        root = read(manifest([RENDITION], [ENGLISH, GERMAN], texts))
        for kind in ("AdaptationSet", "Representation"):
            ids = [found.get("id") for found in root.findall(f".//{kind}", NAMES)]
            assert len(set(ids)) == len(ids) == 4

    def test_it_lasts_as_long_as_the_sound(self) -> None:
        """Sound that goes on behind the picture is heard to its end."""
        assert seconds(read(manifest([RENDITION], [ENGLISH])).get("mediaPresentationDuration")) == 17.6

    def test_a_language_that_nobody_tells(self) -> None:
        """It is `und`, and also what is none."""
        sounds = [ENGLISH, replace(GERMAN, language="no language")]
        found = read(manifest([RENDITION], sounds)).findall("Period/AdaptationSet", NAMES)
        assert [it.get("lang") for it in found[1:]] == ["en", "und"]


class TestText:
    """Text tracks, one WebVTT file each."""

    def test_each_is_an_adaptation_set(self) -> None:
        """In the order that the schema asks for: label, role, representation."""
        texts = [
            Text(url="subtitles/a.vtt", language="en", label="English"),
            Text(url="b.vtt", language="de", label="D"),
        ]
        root = read(manifest([RENDITION], texts=texts))
        _, first, second = root.findall("Period/AdaptationSet", NAMES)
        assert (first.get("contentType"), first.get("mimeType"), first.get("lang")) == ("text", "text/vtt", "en")
        assert [child.tag.partition("}")[2] for child in first] == ["Label", "Role", "Representation"]
        assert only(first, "Label").text == "English"
        assert only(first, "Representation/BaseURL").text == "subtitles/a.vtt"
        ids = [found.get("id") for found in root.iter() if found.tag.endswith(("AdaptationSet", "Representation"))]
        assert len(set(ids)) == len(ids) == 6
        assert second.get("lang") == "de"

    @given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn"))))
    def test_markup_in_a_label_is_text(self, label: str) -> None:
        """Whatever can be read is shown as it is."""
        root = read(manifest([RENDITION], texts=[Text(url="a.vtt", language="en", label=label)]))
        assert (root.findall(".//Label", NAMES)[0].text or "") == label

    @given(st.text(st.characters(codec=None)), st.text())
    def test_whatever_a_source_says(self, label: str, language: str) -> None:
        """What XML cannot hold is left out of a label; what is no language is `und`."""
        text = manifest([RENDITION], texts=[Text(url="a.vtt", language=language, label=label)])
        found = read(text).findall("Period/AdaptationSet", NAMES)[1].get("lang", "")
        assert found == language or (found == "und" and not re.fullmatch(r"[a-zA-Z]{1,8}", language))


class TestGrowing:
    """A dynamic manifest."""

    def test_what_it_has_to_say(self) -> None:
        """It is dynamic, asks to be fetched again, and tells how long it is going to be (§5.3.1.2)."""
        root = read(manifest([RENDITION], growth=GROWTH))
        assert root.get("type") == "dynamic"
        assert 0 < seconds(root.get("minimumUpdatePeriod")) <= 4
        assert seconds(root.get("mediaPresentationDuration")) == 600
        assert "timeShiftBufferDepth" not in root.attrib  # all of it stays

    def test_all_segments_are_available(self) -> None:
        """However fast the encoder is, by the clock each segment that is listed could be there by now."""
        root = read(manifest([replace(RENDITION, segments=segments(*[4.0] * 150))], growth=GROWTH))
        began_at = moment(root.get("availabilityStartTime"))
        assert began_at + timedelta(seconds=600) <= CREATED_AT
        assert moment(root.get("publishTime")) <= CREATED_AT

    def test_a_segment_of_any_track_makes_a_later_publication(self) -> None:
        """Sound runs ahead of the picture; each segment of either is news."""
        shorter = replace(RENDITION, segments=RENDITION.segments[:3])
        less = replace(ENGLISH, segments=ENGLISH.segments[:5])
        times = [
            moment(read(manifest([picture], [sound], growth=GROWTH)).get("publishTime"))
            for picture, sound in ((shorter, less), (shorter, ENGLISH), (RENDITION, ENGLISH))
        ]
        assert times == sorted(set(times))

    def test_what_lasts_longer_than_promised(self) -> None:
        """No segment lies behind the end that is announced."""
        short = Growth(created_at=CREATED_AT, duration_seconds=10)
        assert seconds(read(manifest([RENDITION], growth=short)).get("mediaPresentationDuration")) == 17.5

    def test_each_segment_makes_a_later_publication(self) -> None:
        """The same segments give the same text on every node, more of them a later time."""
        before, after = (
            manifest([replace(RENDITION, segments=RENDITION.segments[:count])], growth=GROWTH) for count in (4, 5)
        )
        assert before == manifest([replace(RENDITION, segments=RENDITION.segments[:4])], growth=GROWTH)
        assert moment(read(before).get("publishTime")) < moment(read(after).get("publishTime"))
        assert read(before).get("availabilityStartTime") == read(after).get("availabilityStartTime")
