"""What is certainly not a video, by its first bytes."""

import struct

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.sniffing import SNIFF_BYTES, not_a_video

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "an HLS playlist"),
        (BOM + b"#EXTM3U\n", "an HLS playlist"),
        (b"\r\n #EXTM3U\n", "an HLS playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "a list of files"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(8), "a PNG picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG picture"),
        (b"GIF89a\x40\0\x40\0", "a GIF picture"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"\x1f\x8b\x08\0", "a compressed file"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a compressed file"),
        (b"Rar!\x1a\7\1\0", "a compressed file"),
        (b"\x7fELF\2\1\1", "a program"),
        (b"MZ\x90\0\3", "a program"),
        (b"ID3\4\0\0\0\0\0\x23", "a sound file"),
        (b"fLaC\0\0\0\x22", "a sound file"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"\n <HTML lang=en>", "a web page"),
        (b'<?xml version="1.0"?><svg/>', "a text file"),
        (b"Hello.\n", "a text file"),
        (BOM + b"Hello.\r\n", "a text file"),
        ("Grüße, 世界 – 👩‍👩‍👧\u00a0!\n".encode(), "a text file"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "a text file"),
    ],
)
def test_what_is_recognised(head: bytes, name: str) -> None:
    """Each of these begins like something else than a video, and is called what it is."""
    assert not_a_video(head) == name


@pytest.mark.parametrize(
    "head",
    [
        b"",
        struct.pack(">I4s4sI", 28, b"ftyp", b"isom", 512),
        struct.pack(">I4s", 8, b"wide") + b"\0\1\0\0mdat",
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1",  # Matroska, WebM
        b"RIFF\x24\x10\0\0AVI LIST",
        b"\0\0\1\xba\x44\0\4\0\4\1",  # MPEG-PS
        b"G@\x11\x10\0B\xf0%\0\1",  # MPEG-TS
        b"FLV\1\5\0\0\0\x09",
        b"OggS\0\2\0\0",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF
        b"DKIF\0\0\x20\0VP80",
        b"\0\0\0\1\x67\x64\0\x1e",  # bare H.264
        bytes(100),
        bytes(range(256)),
    ],
)
def test_what_may_be_a_video(head: bytes) -> None:
    """The beginnings of videos, of nothing, and of what nobody knows are let through: a probe looks closer."""
    assert not_a_video(head) is None


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9))
def test_a_text_may_be_cut_within_a_character(text: str) -> None:
    """A text that is longer than what is looked at is a text wherever that ends."""
    long_text = "a" + text * SNIFF_BYTES
    assert not_a_video(long_text.encode()[:SNIFF_BYTES]) == "a text file"


@given(st.binary(max_size=200))
def test_a_box_header_is_never_text(rest: bytes) -> None:
    """Whatever follows it, a file that begins like an MP4 is looked at by a probe."""
    assert not_a_video(b"\0\0\0\x20ftyp" + rest) is None
