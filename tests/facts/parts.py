"""A strict reader of multipart/byteranges, written after RFC 2046 §5.1.1 and RFC 9110 §14.6."""

import re
from dataclasses import dataclass

_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One stretch of a representation as it arrived."""

    start: int
    """Position of its first byte."""
    end: int
    """Position after its last byte."""
    length: int
    """Length of the whole representation."""
    content: bytes
    """Its bytes, as many as the positions promise."""
    content_type: str
    """Its Content-Type."""


def read_partial(content_type: str, content_range: str | None, body: bytes) -> tuple[Part, ...]:
    """Read the body of a 206, be it one part or several."""
    kind, _, boundary = content_type.partition("; boundary=")
    if kind != "multipart/byteranges":
        assert content_range is not None
        return (_part(content_type, content_range, body),)
    assert content_range is None
    delimiter = b"\r\n--" + boundary.encode()
    before, *sections, after = (b"\r\n" + body).split(delimiter)
    assert before == b""
    assert after == b"--\r\n"
    return tuple(_section(section) for section in sections)


def _section(section: bytes) -> Part:
    header, separator, content = section.partition(b"\r\n\r\n")
    assert separator
    before, *lines = header.decode("ascii").split("\r\n")
    assert before == ""
    fields = dict(line.split(": ", 1) for line in lines)
    assert fields.keys() == {"Content-Type", "Content-Range"}
    return _part(fields["Content-Type"], fields["Content-Range"], content)


def _part(content_type: str, content_range: str, content: bytes) -> Part:
    match = _CONTENT_RANGE.fullmatch(content_range)
    assert match is not None, content_range
    first, last, length = map(int, match.groups())
    assert 0 <= first <= last < length
    assert len(content) == last + 1 - first
    return Part(start=first, end=last + 1, length=length, content=content, content_type=content_type)
