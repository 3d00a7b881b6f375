"""Text tracks: what people write is read, and what is written can only be read."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.webvtt import (
    MAX_CUES,
    Cue,
    clean_cue_text,
    clean_webvtt,
    decode_text,
    plain_text,
    read_cues,
    timestamp,
    write_webvtt,
)
from streamserver.errors import BadInput

SRT = """1
00:00:00,500 --> 00:00:01,500
Hello

2
00:00:02,000 --> 00:00:03,000 X1:40 X2:600 Y1:20 Y2:50
<i>again</i>
and again
"""
VTT = """WEBVTT - A title
X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000

STYLE
::cue { background: url(https://example.org/seen) }

REGION
id:fred

NOTE
nobody reads this

intro
00:00.500 --> 00:01.500 align:start line:10% region:fred position:50%,center
<v.loud Bob>Hello

01:00:02.000 --> 01:00:03.000
<c.yellow>again</c>
"""


class TestReading:
    """The cues of a file."""

    def test_subrip(self) -> None:
        """SubRip: a number, times with commas, lines; its coordinates are left out."""
        assert clean_webvtt(SRT) == (
            "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nHello\n\n"
            "00:00:02.000 --> 00:00:03.000\n<i>again</i>\nand again\n"
        )

    def test_webvtt(self) -> None:
        """WebVTT: placing and tags are kept; headers, styles, regions, comments and names of cues are not."""
        assert clean_webvtt(VTT) == (
            "WEBVTT\n\n00:00:00.500 --> 00:00:01.500 align:start line:10% position:50%,center\n"
            "<v.loud Bob>Hello</v>\n\n01:00:02.000 --> 01:00:03.000\n<c.yellow>again</c>\n"
        )

    @pytest.mark.parametrize("line_break", ["\r\n", "\r"])
    def test_line_breaks(self, line_break: str) -> None:
        """Line breaks of any system are line breaks."""
        assert clean_webvtt(SRT.replace("\n", line_break)) == clean_webvtt(SRT)

    def test_missing_empty_lines(self) -> None:
        """Cues that follow one another without an empty line are told apart, and the number is not shown."""
        cues = list(read_cues(SRT.replace("Hello\n\n", "Hello\n")))
        assert [cue.text for cue in cues] == ["Hello", "<i>again</i>\nand again"]

    def test_order_and_nonsense(self) -> None:
        """Cues are put in order; those that end before they begin, or say nothing, are left out."""
        text = (
            "00:09.000 --> 00:10.000\nlater\n\n00:01.000 --> 00:02.000\nfirst\n\n"
            "00:05.000 --> 00:04.000\nbackwards\n\n00:06.000 --> 00:07.000\n<b> </b>\n"
        )
        assert re.findall(r"later|first|backwards|<b>", clean_webvtt(text)) == ["first", "later"]

    @pytest.mark.parametrize("text", ["", "WEBVTT", "just words", "1\n00:00:01,000 -> 00:00:02,000\nx"])
    def test_a_file_without_cues(self, text: str) -> None:
        """What holds no cue is refused with what to do."""
        with pytest.raises(BadInput, match="please send WebVTT or SubRip"):
            clean_webvtt(text)

    def test_a_file_with_too_many(self) -> None:
        """A file has a bound."""
        with pytest.raises(BadInput, match="at most 20000"):
            clean_webvtt("00:01.000 --> 00:02.000\nx\n\n" * (MAX_CUES + 1))


WORDS = "Grüße, €"


class TestDecoding:
    """Characters out of bytes of an unknown encoding."""

    @pytest.mark.parametrize(
        "content",
        [
            WORDS.encode(),
            WORDS.encode("utf-8-sig"),
            WORDS.encode("utf-16"),
            b"\xfe\xff" + WORDS.encode("utf-16-be"),
            WORDS.encode("utf-16-le"),
            WORDS.encode("utf-16-be"),
            WORDS.encode("cp1252"),
        ],
    )
    def test_encodings(self, content: bytes) -> None:
        """UTF-8 and UTF-16, with a mark or without, and Windows-1252 are understood."""
        assert decode_text(content) == WORDS

    def test_latin_1(self) -> None:
        """Latin-1 is read as what it shares with Windows-1252."""
        assert decode_text("Grüße".encode("latin-1")) == "Grüße"

    @given(st.binary(max_size=200))
    def test_any_bytes(self, content: bytes) -> None:
        """Whatever comes, it is some text."""
        assert isinstance(decode_text(content), str)


class Tags(HTMLParser):
    """What a browser would make of a text if it were put into a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        self.found.append((tag, attrs))


def tags_in(text: str) -> set[str]:
    parser = Tags()
    parser.feed(text)
    return {re.split(r"[./]", tag)[0] for tag, _ in parser.found}


KNOWN = {"i", "b", "u", "c", "v", "lang", "ruby", "rt"}


class TestCleaning:
    """Nothing in a cue can run."""

    @pytest.mark.parametrize(
        ("text", "clean"),
        [
            ("<i>a</i> <b>b</b> <u>c</u>", "<i>a</i> <b>b</b> <u>c</u>"),
            ("<I>a</I>", "<i>a</i>"),
            ("<ruby>漢<rt>kan</rt></ruby>", "<ruby>漢<rt>kan</rt></ruby>"),
            ("<rt>a</rt>", "a"),
            ("<lang en-GB>a</lang>", "<lang en-GB>a</lang>"),
            ("<v Mary & Bob>a", "<v Mary &amp; Bob>a</v>"),
            ('<v a" onmouseover="alert(1)>b', "<v a onmouseoveralert(1)>b</v>"),
            ("<v -->b", "<v>b</v>"),
            ("<v &quot;>b", "<v>b</v>"),
            ("a <00:01:02.500>b", "a <00:01:02.500>b"),
            ("<c.red.loud>a</c>", "<c.red.loud>a</c>"),
            ('<font color="#fff">a</font>', "a"),
            ("<script>alert(1)</script>", "alert(1)"),
            ('<img src=x onerror="alert(1)">', ""),
            ("<i onclick=alert(1)>a</i>", "<i>a</i>"),
            ("<b><i>a</b>b</i>", "<b><i>a</i></b>b"),
            ("</i>a", "a"),
            ("a < b > c & d", "a &lt; b &gt; c &amp; d"),
            ("&lt;script&gt; &amp;amp;", "&lt;script&gt; &amp;amp;"),
            ("<<b>a", "&lt;<b>a</b>"),
            (r"{\an8}a", "a"),
            ("a\x00\x1bb", "ab"),
            ("a\u200eb", "a&lrm;b"),
            ("--> a", "--&gt; a"),
        ],
    )
    def test_what_is_kept(self, text: str, clean: str) -> None:
        """The tags that WebVTT knows are kept, closed and without attributes; all else is text or nothing."""
        assert clean_cue_text(text) == clean

    @given(st.text(alphabet=st.sampled_from(list("<>/&;.\"'= \nibcvlangrubytscrip0:-{}\\")), max_size=60))
    def test_nothing_else_gets_through(self, text: str) -> None:
        """Whatever is written, a page finds no tags but those, and cleaning again changes nothing."""
        clean = clean_cue_text(text)
        assert tags_in(clean) <= KNOWN
        assert "-->" not in clean
        assert "\n\n" not in clean
        assert clean_cue_text(clean) == clean

    @given(st.text(max_size=60))
    def test_words_of_others_stay_in_one_line(self, text: str) -> None:
        """A chapter's title is text alone."""
        assert not re.search(r"[<>\n\r]", plain_text(text))


def test_times() -> None:
    """Times have hours, minutes, seconds and milliseconds."""
    assert [timestamp(it) for it in (0, 1, 61_001, 360_000_000)] == [
        "00:00:00.000",
        "00:00:00.001",
        "00:01:01.001",
        "100:00:00.000",
    ]


def test_what_is_written_is_read_again() -> None:
    """A file that was written has the same cues."""
    cues = [
        Cue(start_ms=1, end_ms=2, text="<i>a</i>", placing="align:end"),
        Cue(start_ms=3, end_ms=4, text="b\nc"),
    ]
    assert list(read_cues(write_webvtt(cues))) == cues
