"""What nginx answers to range and conditional requests: the cases of nginx-tests, restated.

Left out, because they turn on something that a representation does not have here: recoding a charset while
sending, limiting or switching off ranges for one location, and a precondition on a file that is not there.
"""

from dataclasses import dataclass

RANGE_CONTENT = b"".join(b"X%03dXXXXXX" % number for number in range(100))
"""The file that ranges are asked of: 1,000 bytes in numbered groups of ten."""
MODIFIED_AT = "Mon, 28 Sep 1970 06:00:00 GMT"
"""Last-Modified of the files that conditions are about."""
ETAG = '"5f3-1a"'
"""ETag of the files that conditions are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeCase:
    """A Range header on `RANGE_CONTENT`."""

    claim: str
    """What is shown."""
    header: str
    """The Range header."""
    status: int
    """What nginx answers."""
    spans: tuple[tuple[int, int], ...] = ()
    """First and last byte (inclusive) of every part that nginx sends; parts that touch are one part here."""
    ours: int | None = None
    """Our status where it differs: RFC 9110 §14.2 lets a server reject a malformed header, or ignore it."""


RANGE_CASES = (
    RangeCase(claim="a closed range", header="bytes=0-8", status=206, spans=((0, 8),)),
    RangeCase(claim="the last ten bytes", header="bytes=-10", status=206, spans=((990, 999),)),
    RangeCase(claim="an open range", header="bytes=990-", status=206, spans=((990, 999),)),
    RangeCase(claim="an end past the file", header="bytes=990-1990", status=206, spans=((990, 999),)),
    RangeCase(claim="an end far past the file", header="bytes=0-10001", status=206, spans=((0, 999),)),
    RangeCase(
        claim="three ranges, two of which touch",
        header="bytes=0-9, -10, 10-19",
        status=206,
        spans=((0, 9), (990, 999), (10, 19)),
    ),
    RangeCase(
        claim="three ranges and one past the file",
        header="bytes=0-9, -10, 100000-, 10-19",
        status=206,
        spans=((0, 9), (990, 999), (10, 19)),
    ),
    RangeCase(claim="a start past the file", header="bytes=100000-", status=416),
    RangeCase(claim="a word for a start", header="bytes=alpha", status=416, ours=200),
    RangeCase(claim="a word for an end", header="bytes=10-alpha", status=416, ours=200),
    RangeCase(claim="no hyphen", header="bytes=10", status=416, ours=200),
    RangeCase(claim="no comma", header="bytes=10-11 12-", status=416, ours=200),
    RangeCase(claim="ranges that come to more than the file", header="bytes=0-10001, 0-0", status=200),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionCase:
    """A precondition on a file with `ETAG` and `MODIFIED_AT`; nginx with `if_modified_since before`."""

    claim: str
    """What is shown."""
    field: str
    """The header field."""
    value: str
    """Its value."""
    status: int
    """What nginx answers."""


CONDITION_CASES = (
    ConditionCase(
        claim="a date that needs 31 bits",
        field="If-Modified-Since",
        value="Wed, 08 Jul 2037 22:53:52 GMT",
        status=304,
    ),
    ConditionCase(
        claim="the last second of 31 bits",
        field="If-Modified-Since",
        value="Tue, 19 Jan 2038 03:14:07 GMT",
        status=304,
    ),
    # nginx-tests expects 200 for the next two where time_t has 32 bits, and leaves them out where it has 64.
    ConditionCase(
        claim="the first second past it",
        field="If-Modified-Since",
        value="Tue, 19 Jan 2038 03:14:08 GMT",
        status=304,
    ),
    ConditionCase(
        claim="a date that needs 33 bits",
        field="If-Modified-Since",
        value="Fri, 25 Feb 2174 09:42:23 GMT",
        status=304,
    ),
    ConditionCase(claim="the tag", field="If-None-Match", value=ETAG, status=304),
    ConditionCase(claim="another tag", field="If-None-Match", value='"foo"', status=200),
    ConditionCase(
        claim="the tag among others", field="If-None-Match", value=f'"foo", "bar", {ETAG} , "baz"', status=304
    ),
    ConditionCase(claim="any tag", field="If-None-Match", value="*", status=304),
    ConditionCase(claim="the tag, called weak", field="If-None-Match", value=f"W/{ETAG}", status=304),
    ConditionCase(claim="the tag", field="If-Match", value=ETAG, status=200),
    ConditionCase(claim="another tag", field="If-Match", value='"foo"', status=412),
    ConditionCase(
        claim="the tag among others", field="If-Match", value=f'"foo", "bar", \t{ETAG} , "baz"', status=200
    ),
    ConditionCase(claim="any tag", field="If-Match", value="*", status=200),
    ConditionCase(claim="the tag, called weak", field="If-Match", value=f"W/{ETAG}", status=412),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IfRangeCase:
    """`Range: bytes=0-9` with an If-Range."""

    claim: str
    """What is shown."""
    if_range: str
    """The If-Range header."""
    is_dated: bool
    """Whether the file has a Last-Modified (`MODIFIED_AT`)."""
    status: int
    """What nginx answers."""


IF_RANGE_CASES = (
    IfRangeCase(claim="neither a tag nor a date", if_range="wrong", is_dated=True, status=200),
    IfRangeCase(claim="neither, and no date to compare", if_range="wrong", is_dated=False, status=200),
    IfRangeCase(claim="exactly the date", if_range=MODIFIED_AT, is_dated=True, status=206),
)
