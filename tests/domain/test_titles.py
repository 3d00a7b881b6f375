"""What videos and files may be called."""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.titles import MAX_TITLE, clean_file_name, clean_label, clean_title, title_of
from streamserver.errors import BadInput

ANY_TEXT = st.text(st.characters(), max_size=300)
"""All of Unicode, halves of surrogate pairs included."""


class TestTitles:
    """A title is one line that can be read."""

    @pytest.mark.parametrize(
        ("text", "title"),
        [
            ("Holiday", "Holiday"),
            ("  two\t words \r\n and\u2028more ", "two words and more"),
            ("nul\x00 bell\x07 escape\x1b[31m", "nul bell escape[31m"),
            ("half a pair \ud83d\ude00 here", "half a pair here"),
            ("Grüße aus Köln", "Grüße aus Köln"),
            ("cafe\u0301", "café"),
            ("映画 Кино فيلم", "映画 Кино فيلم"),
            ("👩‍👩‍👧 🏳️‍🌈 🎬", "👩‍👩‍👧 🏳️‍🌈 🎬"),
            ("a face of Unicode 15: \U0001fae8", "a face of Unicode 15: \U0001fae8"),
            ("<script>alert('x')</script>", "<script>alert('x')</script>"),
            ("می‌خواهم", "می‌خواهم"),  # its non-joiner changes how it is read
        ],
    )
    def test_what_is_kept(self, text: str, title: str) -> None:
        """White space is folded, what is no character is dropped, and everything else stays."""
        assert clean_title(text) == title

    @pytest.mark.parametrize("sign", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    def test_nothing_turns_the_page_around(self, sign: str) -> None:
        """Controls of text direction are dropped: left open they would reorder what follows on the page."""
        assert clean_title(f"gnp{sign}4pm.exe") == "gnp4pm.exe"

    @pytest.mark.parametrize(
        "text", ["", " ", "\t\n", "\x00", "\ud800", "\u200b", "\u200d \u2060\ufeff", "\u202e"]
    )
    def test_a_title_that_cannot_be_seen(self, text: str) -> None:
        """A title without a single character to see is refused in a sentence."""
        with pytest.raises(BadInput, match="The title is empty; please give it at least one letter"):
            clean_title(text)

    def test_the_longest_title(self) -> None:
        """As many characters as are allowed are kept, one more is refused with both numbers."""
        assert clean_title("ä" * MAX_TITLE) == "ä" * MAX_TITLE
        with pytest.raises(BadInput, match=f"{MAX_TITLE + 1} characters long; at most {MAX_TITLE}"):
            clean_title("ä" * (MAX_TITLE + 1))

    def test_length_is_counted_after_cleaning(self) -> None:
        """White space around a title does not make it too long."""
        assert clean_title(" " * 500 + "a" + " " * 500) == "a"


class TestFileNames:
    """A file's name has no folders, whatever system it comes from."""

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("holiday.mp4", "holiday.mp4"),
            ("../../etc/passwd", "passwd"),
            ("/absolute/path.mov", "path.mov"),
            ("C:\\Users\\me\\clip.avi", "clip.avi"),
            ("\\\\server\\share\\clip.avi", "clip.avi"),
            ("mixed/and\\..\\both.mkv", "both.mkv"),
            ("folder/", "video"),
            ("", "video"),
            ("..", ".."),
            ("nul\x00.mp4", "nul.mp4"),
            ("line\r\nbreak.mp4", "line break.mp4"),
            ("\ud83dbroken.mp4", "broken.mp4"),
            ("cod.\u202e4pm", "cod.4pm"),
            ("Ferien 🏖.mp4", "Ferien 🏖.mp4"),
            ("a" * 300 + ".mp4", "a" * (MAX_TITLE - 4) + ".mp4"),
        ],
    )
    def test_what_is_kept(self, text: str, name: str) -> None:
        """The last part stays, in one line, its end rather than its beginning where it is too long."""
        assert clean_file_name(text) == name

    @pytest.mark.parametrize(
        ("name", "title"),
        [
            ("My_summer_2026.final.mp4", "My summer 2026.final"),
            ("noextension", "noextension"),
            (".mp4", "Untitled"),
            ("___.mp4", "Untitled"),
            ("\u200b.mp4", "Untitled"),
            ("video", "video"),
        ],
    )
    def test_a_title_out_of_it(self, name: str, title: str) -> None:
        """A file without a title is called by its name, without its ending and its underscores."""
        assert title_of(name) == title


@pytest.mark.parametrize(
    ("text", "label"),
    [("Director's cut", "Director's cut"), ("a\nb", "a b"), ("\u200b", ""), ("x" * 5000, "x" * MAX_TITLE)],
)
def test_labels(text: str, label: str) -> None:
    """A label that came with a file is made fit to be shown, and is never refused."""
    assert clean_label(text) == label


def is_clean(text: str) -> bool:
    return (
        text == text.strip()
        and len(text) <= MAX_TITLE
        and text.encode().decode().splitlines() == [text]
        and not any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text)
        and any(unicodedata.category(sign) not in {"Cf", "Zs"} for sign in text)
    )


@given(ANY_TEXT)
def test_any_text_becomes_clean_or_is_refused(text: str) -> None:
    """What comes out is one line of at most so many characters, with something to see, and cleaning is final."""
    name = clean_file_name(text)
    assert is_clean(name)
    assert clean_file_name(name) == name
    assert not set("/\\") & set(name)
    assert is_clean(title_of(name))
    try:
        title = clean_title(text)
    except BadInput:
        return
    assert is_clean(title)
    assert clean_title(title) == title
