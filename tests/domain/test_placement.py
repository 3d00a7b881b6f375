"""Regions of a representation, placed in the file or the memory that it is made of."""

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.multipart import Body, body_length
from streamserver.domain.placement import place
from streamserver.domain.ranges import ResourceRegion

FILE = bytes(range(256)) * 4


def region(position: int, count: int) -> ResourceRegion:
    return ResourceRegion(position=position, count=count)


def content_of(body: Body) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else FILE[piece.position : piece.end] for piece in body)


@pytest.mark.parametrize(
    ("body", "parts", "placed"),
    [
        # A whole file: where it is asked for is where it lies.
        ((region(10, 5),), (region(0, 1024),), (region(10, 5),)),
        # A segment: its beginning is somewhere in the file.
        ((region(0, 5),), (region(700, 50),), (region(700, 5),)),
        # An init segment of two regions, cut across both.
        ((region(20, 20),), (region(0, 28), region(100, 50)), (region(20, 8), region(100, 12))),
        ((region(28, 5),), (region(0, 28), region(100, 50)), (region(100, 5),)),
        # A playlist in memory.
        ((region(3, 4),), (b"#EXTM3U\n",), (b"TM3U",)),
        # The frame of a multipart body stays as it is.
        ((b"--x\r\n", region(1, 2), b"\r\n--x--"), (b"abcd",), (b"--x\r\n", b"bc", b"\r\n--x--")),
        # Nothing of nothing.
        ((), (region(0, 9),), ()),
        ((region(0, 4),), (b"", region(5, 4), b""), (region(5, 4),)),
    ],
)
def test_where_regions_lie(body: Body, parts: Body, placed: Body) -> None:
    """Each region becomes what it is in the parts, in order, and nothing empty is left in between."""
    assert place(body, parts) == placed


PIECES = st.one_of(
    st.binary(max_size=40),
    st.tuples(st.integers(0, 900), st.integers(1, 100)).map(lambda pair: region(*pair)),
)
PARTS = st.lists(PIECES, min_size=1, max_size=5).map(tuple).filter(body_length)


@given(PARTS, st.data())
def test_it_is_slicing(parts: Body, data: st.DataObject) -> None:
    """Any regions of any parts are the slices of these parts, read one after the other."""
    whole = content_of(parts)
    starts = st.integers(0, len(whole) - 1)
    asked = data.draw(
        st.lists(
            starts.flatmap(
                lambda start: st.integers(1, len(whole) - start).map(lambda count: region(start, count))
            ),
            max_size=4,
        )
    )
    placed = place(tuple(asked), parts)
    assert content_of(placed) == b"".join(whole[piece.position : piece.end] for piece in asked)
    assert body_length(placed) == sum(piece.count for piece in asked)
    assert all(piece if isinstance(piece, bytes) else piece.count for piece in placed)
