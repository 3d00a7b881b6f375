"""Files in parts: how they are cut, and what is missing of them."""

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.parts import (
    LEAST_PART_BYTES,
    MOST_PART_BYTES,
    MOST_PARTS,
    USUAL_PART_BYTES,
    Cut,
    StoredPart,
    check_complete,
    check_size,
    cut,
)
from streamserver.errors import BadInput, ChecksumMismatch, Incomplete, NotFound, TooLarge

MIB = 2**20
MOST_BYTES = MOST_PARTS * MOST_PART_BYTES
THREE = Cut(length_bytes=40, part_bytes=16)


def stored(*numbers: int) -> list[StoredPart]:
    return [
        StoredPart(number=number, size_bytes=THREE.part(number).size_bytes, etag=f"tag-{number}")
        for number in numbers
    ]


@pytest.mark.parametrize(
    ("length_bytes", "part_bytes", "size_bytes", "count"),
    [
        (1, None, USUAL_PART_BYTES, 1),
        (USUAL_PART_BYTES, None, USUAL_PART_BYTES, 1),
        (USUAL_PART_BYTES + 1, None, USUAL_PART_BYTES, 2),
        (20 * 10**9, None, USUAL_PART_BYTES, 299),
        (MOST_PARTS * USUAL_PART_BYTES, None, USUAL_PART_BYTES, MOST_PARTS),
        (MOST_PARTS * USUAL_PART_BYTES + 1, None, USUAL_PART_BYTES + 1, 10_000),
        (MOST_BYTES, None, MOST_PART_BYTES, MOST_PARTS),
        (17 * MIB, 16 * MIB, 16 * MIB, 2),
        (16 * MIB, 16 * MIB, 16 * MIB, 1),
        (1, MOST_PART_BYTES, MOST_PART_BYTES, 1),
        (160_000 * MIB, 16 * MIB, 16 * MIB, MOST_PARTS),
    ],
)
def test_a_file_is_cut(length_bytes: int, part_bytes: int | None, size_bytes: int, count: int) -> None:
    """What fits in one usual part is one piece; larger files get so many parts as are allowed at most."""
    found = cut(length_bytes, part_bytes)
    assert (found.part_bytes, found.count) == (size_bytes, count)


@pytest.mark.parametrize(
    ("length_bytes", "part_bytes", "sentence"),
    [
        (0, None, "size_bytes must be from 1 to 53687091200000"),
        (-1, None, "size_bytes must be"),
        (MOST_BYTES + 1, None, "size_bytes must be"),
        (10**9, LEAST_PART_BYTES - 1, "part_bytes must be from 16777216 to 5368709120"),
        (10**9, MOST_PART_BYTES + 1, "part_bytes must be from 16777216 to 5368709120"),
        (10**9, 0, "part_bytes must be"),
        (160_000 * MIB + 1, 16 * MIB, "part_bytes must be from 16777217 to"),
    ],
)
def test_a_cut_that_cannot_be_is_refused(length_bytes: int, part_bytes: int | None, sentence: str) -> None:
    """Parts that are too small, too large or too many; the sentence says what is possible."""
    with pytest.raises(BadInput, match=sentence):
        cut(length_bytes, part_bytes)


@given(st.integers(1, MOST_BYTES), st.integers(LEAST_PART_BYTES, MOST_PART_BYTES))
def test_parts_make_up_the_whole(length_bytes: int, part_bytes: int) -> None:
    """The first and last few lie side by side, full but for the last, and end where the file does."""
    found = Cut(length_bytes=length_bytes, part_bytes=part_bytes)
    last = found.part(found.count)
    assert last.position + last.size_bytes == length_bytes
    assert 0 < last.size_bytes <= part_bytes
    assert found.part(1).position == 0
    for number in {1, 2, found.count - 1} & set(range(1, found.count)):
        part = found.part(number)
        assert part.size_bytes == part_bytes
        assert found.part(number + 1).position == part.position + part_bytes


@pytest.mark.parametrize("number", [0, -1, 4, 10_001])
def test_a_part_out_of_range_is_not_found(number: int) -> None:
    """The sentence says which there are."""
    with pytest.raises(NotFound, match=f"no part {number}; the parts are numbered from 1 to 3"):
        THREE.part(number)


def test_what_is_missing() -> None:
    """Parts that are not there at all, and those of another length; in order, however they came."""
    assert THREE.missing([]) == THREE.parts()
    assert [part.number for part in THREE.missing(stored(2))] == [1, 3]
    assert THREE.missing(stored(3, 1, 2)) == ()
    short = StoredPart(number=2, size_bytes=15, etag="x")
    assert [part.number for part in THREE.missing([*stored(1, 3), short])] == [2]


def test_a_part_has_its_length() -> None:
    """More bytes are too many at once, fewer only at the end; the sentences say how many there are to be."""
    part = THREE.part(3)
    for size_bytes in range(9):
        check_size(part, size_bytes, is_end=False)
    check_size(part, 8, is_end=True)
    for is_end in (False, True):
        with pytest.raises(TooLarge, match=r"Part 3 has 8 bytes; there came more\."):
            check_size(part, 9, is_end=is_end)
    with pytest.raises(BadInput, match=r"Part 3 has 8 bytes; there came only 7\."):
        check_size(part, 7, is_end=True)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((1, 2), "please send part 3."),
        ((2,), "please send parts 1 and 3."),
        ((), "please send parts 1, 2 and 3."),
    ],
)
def test_what_is_not_complete_is_told(numbers: tuple[int, ...], sentence: str) -> None:
    """With the numbers of the parts to send."""
    with pytest.raises(Incomplete, match=sentence):
        check_complete(THREE, stored(*numbers), {})


def test_a_sentence_names_no_thousands() -> None:
    """Of very many missing parts the first are named, and how many more there are."""
    with pytest.raises(Incomplete, match=r"parts 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 9990 more\."):
        check_complete(Cut(length_bytes=10_000, part_bytes=1), [], {})


def test_what_differs_is_told() -> None:
    """A sender that names the ETags it was given, quoted or not, hears of each that is another by now."""
    check_complete(THREE, stored(1, 2, 3), {})
    check_complete(THREE, stored(1, 2, 3), {1: '"tag-1"', 3: "tag-3"})
    with pytest.raises(ChecksumMismatch, match="please send part 2 again"):
        check_complete(THREE, stored(1, 2, 3), {1: "tag-1", 2: "tag-1"})
    with pytest.raises(BadInput, match="no part 4; the parts are numbered from 1 to 3"):
        check_complete(THREE, stored(1, 2, 3), {4: "tag-1"})
