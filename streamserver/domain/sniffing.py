"""Recognising by its first bytes what is certainly not a video, before the rest of it is received."""

import unicodedata

SNIFF_BYTES = 4096
"""As many bytes of a file are enough."""

MAGIC = (
    (b"#EXTM3U", "an HLS playlist"),
    (b"ffconcat version", "a list of files"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a compressed file"),
    (b"7z\xbc\xaf\x27\x1c", "a compressed file"),
    (b"Rar!", "a compressed file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"ID3", "a sound file"),
    (b"fLaC", "a sound file"),
)
PICTURES = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def picture_kind(head: bytes) -> str | None:
    """Name the format of a picture by its first bytes: `jpeg`, `png`, `gif` or `webp`; None for anything else."""
    for magic, name in PICTURES:
        if head.startswith(magic):
            return name
    return "webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def not_a_video(head: bytes) -> str | None:
    """Name what a file is when it begins like this and cannot be a video; None where it may be one."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, name in MAGIC:
        if head.startswith(magic) or start.startswith(magic):
            return name
    if start[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "a text file" if _is_text(head[:SNIFF_BYTES]) else None


def _is_text(head: bytes) -> bool:
    """Tell whether bytes are UTF-8 without control characters; the last character may be cut off."""
    for cut in range(4):
        try:
            text = head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return bool(text) and all(sign in "\t\r\n\f" or unicodedata.category(sign) != "Cc" for sign in text)
    return False
