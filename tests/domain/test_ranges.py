"""Range headers become ranges, and ranges become regions."""

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.ranges import (
    MAX_RANGES,
    ByteRange,
    IntRange,
    ResourceRegion,
    SuffixRange,
    bounded,
    parse_range,
    resolve,
)

GOOGOL = 10**100

INT_RANGES = st.builds(
    lambda first, more: IntRange(first=first, last=None if more is None else first + more),
    st.integers(0, 60),
    st.none() | st.integers(0, 60),
)
SUFFIX_RANGES = st.builds(SuffixRange, length=st.integers(0, 60))
RANGES: st.SearchStrategy[list[ByteRange]] = st.lists(INT_RANGES | SUFFIX_RANGES, min_size=1, max_size=20)


def written(byte_range: ByteRange) -> str:
    if isinstance(byte_range, SuffixRange):
        return f"-{byte_range.length}"
    return f"{byte_range.first}-{'' if byte_range.last is None else byte_range.last}"


def positions(byte_range: ByteRange, length: int) -> set[int]:
    """Say what a range asks for in the words of the RFC, byte by byte."""
    if isinstance(byte_range, SuffixRange):
        return {position for position in range(length) if position >= length - byte_range.length}
    return {
        position
        for position in range(length)
        if position >= byte_range.first and (byte_range.last is None or position <= byte_range.last)
    }


def region(position: int, end: int) -> ResourceRegion:
    return ResourceRegion(position=position, count=end - position)


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-4", (IntRange(first=0, last=4),)),
        ("bytes=4-4", (IntRange(first=4, last=4),)),
        ("bytes=7-", (IntRange(first=7, last=None),)),
        ("bytes=-5", (SuffixRange(length=5),)),
        ("bytes=-0", (SuffixRange(length=0),)),
        ("Bytes=0-4", (IntRange(first=0, last=4),)),
        ("bytes=007-008", (IntRange(first=7, last=8),)),
        ("bytes=0-0,-1", (IntRange(first=0, last=0), SuffixRange(length=1))),
        ("bytes=0-0 ,\t2-2", (IntRange(first=0, last=0), IntRange(first=2, last=2))),
        ("bytes=,,0-0,,", (IntRange(first=0, last=0),)),
    ],
)
def test_well_formed_headers_are_read(header: str, ranges: tuple[ByteRange, ...]) -> None:
    """Every form of RFC 9110 §14.1.2 is read, in any list form that §5.6.1.2 has recipients accept."""
    assert parse_range(header) == ranges


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=--5",
        "bytes=5",
        "bytes=a-b",
        "bytes=0x1-0x2",
        "bytes=1 - 2",
        "bytes=+1-2",
        "bytes=1_0-20",
        "bytes=１-２",  # digits to Unicode, not to the grammar
        "bytes=5-4",
        "bytes=0-2,5-4",
        "bytes=0-2;5-7",
        "bytes=0-1-2",
        "bytes: 0-1",
        "bytes =0-1",
        "items=0-1",
        "bytes=0-1, bytes=3-4",
        "bytes=0-" + "9" * 5000 + "x",
    ],
)
def test_malformed_headers_and_other_units_are_ignored(header: str) -> None:
    """A header that is not understood in full counts as absent, never as unsatisfiable."""
    assert parse_range(header) is None


@given(RANGES)
def test_what_is_written_is_read_back(ranges: list[ByteRange]) -> None:
    """Any list of ranges survives being written as a header."""
    assert parse_range("bytes=" + ",".join(map(written, ranges))) == tuple(ranges)


@given(st.text(alphabet="bytes=0123456789-, \t") | st.text())
def test_no_header_is_an_error(header: str) -> None:
    """Whatever a client sends is read or ignored."""
    ranges = parse_range(header)
    assert ranges is None or 1 <= len(ranges) <= MAX_RANGES


def test_a_hundred_ranges_are_read_and_more_are_ignored() -> None:
    """The number of range-specs is capped, with empty list elements left out of the count."""
    ranges = parse_range("bytes=" + ",".join(["0-0"] * MAX_RANGES) + ",,")
    assert ranges is not None
    assert len(ranges) == MAX_RANGES
    assert parse_range("bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1))) is None


@pytest.mark.parametrize("digits", [str(2**63), str(2**64 - 1), str(GOOGOL), "9" * 5000])
def test_numbers_of_any_size_are_safe(digits: str) -> None:
    """A huge start lies past the file, a huge end is the file's end, a huge suffix is the whole file."""
    assert resolve(parse_range(f"bytes={digits}-") or (), 10) == ()
    assert resolve(parse_range(f"bytes={digits}-{digits}") or (), 10) == ()
    assert resolve(parse_range(f"bytes=3-{digits}") or (), 10) == (region(3, 10),)
    assert resolve(parse_range(f"bytes=-{digits}") or (), 10) == (region(0, 10),)


def test_zeros_in_front_of_a_number_are_nothing() -> None:
    """However many zeros precede it, a number is its value."""
    assert parse_range(f"bytes={'0' * 5000}7-") == (IntRange(first=7, last=None),)


@pytest.mark.parametrize(
    ("header", "regions"),
    [
        ("bytes=0-4", [(0, 5)]),
        ("bytes=9-", [(9, 10)]),
        ("bytes=5-1000", [(5, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-1000", [(0, 10)]),
        ("bytes=-0", []),
        ("bytes=10-", []),
        ("bytes=10-20,-0", []),
        ("bytes=10-20,0-1", [(0, 2)]),
        # ranges that overlap or touch become one part, in the place of the earliest of them
        ("bytes=0-4,3-6", [(0, 7)]),
        ("bytes=0-4,5-6", [(0, 7)]),
        ("bytes=0-4,6-6", [(0, 5), (6, 7)]),
        ("bytes=8-9,0-1", [(8, 10), (0, 2)]),
        ("bytes=8-9,0-1,7-7", [(7, 10), (0, 2)]),
        ("bytes=0-1,8-9,2-3", [(0, 4), (8, 10)]),
        ("bytes=0-,0-,0-,0-", [(0, 10)]),
        ("bytes=2-8,3-4", [(2, 9)]),
    ],
)
def test_ranges_resolve_against_ten_bytes(header: str, regions: list[tuple[int, int]]) -> None:
    """What is not there is left out, what overlaps is merged, and the order of the request is kept."""
    ranges = parse_range(header)
    assert ranges is not None
    assert resolve(ranges, 10) == tuple(region(start, end) for start, end in regions)


@given(RANGES, st.integers(0, 50))
def test_exactly_the_bytes_asked_for_are_sent_once(ranges: list[ByteRange], length: int) -> None:
    """The regions hold every byte that any range asks for, each once, and no two of them touch."""
    asked = set().union(*(positions(byte_range, length) for byte_range in ranges))
    regions = resolve(ranges, length)
    sent = [position for found in regions for position in range(found.position, found.end)]
    assert sorted(sent) == sorted(asked)
    starts = {found.position for found in regions}
    assert all(found.end not in starts for found in regions)


@given(RANGES, st.integers(1, 50))
def test_parts_stand_in_the_order_of_the_request(ranges: list[ByteRange], length: int) -> None:
    """Each region comes as early as the first range that went into it (RFC 9110 §15.3.7.2)."""
    asked = [positions(byte_range, length) for byte_range in ranges]
    places = [
        next(place for place, wanted in enumerate(asked) if wanted & set(range(found.position, found.end)))
        for found in resolve(ranges, length)
    ]
    assert places == sorted(places)


@given(st.integers(1, 10**12), st.integers(1, MAX_RANGES))
def test_asking_for_everything_again_and_again_gains_nothing(length: int, times: int) -> None:
    """Overlapping ranges, as in the attack named Apache Killer, come to one region no longer than the file."""
    ranges = [IntRange(first=number % length, last=None) for number in range(times)]
    assert resolve(ranges, length) == (region(0, length),)


@given(INT_RANGES | SUFFIX_RANGES, st.integers(0, 50), st.integers(1, 20))
def test_one_bounded_region_begins_what_was_asked_for(
    byte_range: ByteRange, length: int, region_bytes: int
) -> None:
    """A bounded answer is the beginning of the range, up to the limit; nothing only where nothing is there."""
    asked = sorted(positions(byte_range, length))
    sent = [
        position
        for found in bounded([byte_range], length, region_bytes)
        for position in range(found.position, found.end)
    ]
    assert sent == asked[:region_bytes]


@pytest.mark.parametrize(
    ("header", "regions"),
    [
        ("bytes=0-1,5-6", [(0, 2)]),
        ("bytes=5-,0-1", [(5, 9)]),
        ("bytes=0-2,3-5", [(0, 3)]),
        ("bytes=100-,6-", [(6, 10)]),
        ("bytes=100-,-0", []),
    ],
)
def test_of_several_ranges_the_first_that_is_there_is_begun(header: str, regions: list[tuple[int, int]]) -> None:
    """The ResourceRegion delivery answers several ranges with one region (RFC 9110 §15.3.7)."""
    assert bounded(parse_range(header) or (), 10, 4) == tuple(region(start, end) for start, end in regions)


@given(INT_RANGES, st.integers(1, 200), st.integers(1, 20))
def test_asking_for_the_rest_again_and_again_gives_the_whole_range(
    byte_range: IntRange, length: int, region_bytes: int
) -> None:
    """A client that follows Content-Range gets every byte of the range, in order and once."""
    received: list[int] = []
    first = byte_range.first
    while byte_range.last is None or first <= byte_range.last:
        regions = bounded([IntRange(first=first, last=byte_range.last)], length, region_bytes)
        if not regions:
            break
        received.extend(range(regions[0].position, regions[0].end))
        first = regions[0].end
    assert received == sorted(positions(byte_range, length))
