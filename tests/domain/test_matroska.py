"""When a Matroska file has keyframes, by its cues and by its blocks."""

import random
import struct
from collections.abc import Sequence
from contextlib import suppress

import pytest

from streamserver.domain import matroska
from streamserver.domain.keyframes import listed
from streamserver.domain.matroska import block_times, cue_times
from streamserver.domain.mp4 import Malformed
from tests.domain.reading import longest_gap, reader

DURATION_TICKS = 10_000.0


def element(number: int, *content: bytes, size_bytes: int = 4) -> bytes:
    """Return an element whose size takes so many bytes."""
    body = b"".join(content)
    length = (number.bit_length() + 7) // 8
    return number.to_bytes(length) + ((1 << 7 * size_bytes) | len(body)).to_bytes(size_bytes) + body


def whole(number: int, value: int) -> bytes:
    return element(number, value.to_bytes(max(1, (value.bit_length() + 7) // 8)), size_bytes=1)


def info(ticks: float | None = DURATION_TICKS, scale: int | None = None, form: str = ">d") -> bytes:
    scaled = b"" if scale is None else whole(matroska.TIMESTAMP_SCALE, scale)
    lasting = b"" if ticks is None else element(matroska.DURATION, struct.pack(form, ticks))
    return element(matroska.INFO, scaled, lasting)


def track(number: int, kind: int) -> bytes:
    return element(matroska.TRACK_ENTRY, whole(matroska.TRACK_NUMBER, number), whole(matroska.TRACK_TYPE, kind))


def cue(ticks: int, *numbers: int) -> bytes:
    places = (element(matroska.CUE_TRACK_POSITIONS, whole(matroska.CUE_TRACK, number)) for number in numbers)
    return element(matroska.CUE_POINT, whole(matroska.CUE_TIME, ticks), *places)


def cues(*ticks: int) -> bytes:
    return element(matroska.CUES, *(cue(each, 1) for each in ticks))


TRACKS = element(matroska.TRACKS, track(1, 1), track(2, 2))
CLUSTER = element(matroska.CLUSTER, bytes(1000))


def file(*parts: bytes, is_open: bool = False) -> bytes:
    """Return a file of these parts; a live one does not tell how large it is."""
    segment = element(matroska.SEGMENT, *parts, size_bytes=8)
    if is_open:
        segment = segment[:4] + b"\x01" + b"\xff" * 7 + segment[12:]
    return element(matroska.EBML, bytes(20)) + segment


def sought(*parts: bytes, index: bytes, moved: int = 0) -> bytes:
    """Return a file whose index is at its end, or said to be somewhere else."""

    def head(offset: int) -> bytes:
        seek = element(
            matroska.SEEK,
            element(matroska.SEEK_ID, matroska.CUES.to_bytes(4)),
            element(matroska.SEEK_POSITION, offset.to_bytes(4)),
        )
        return element(matroska.SEEK_HEAD, seek)

    offset = len(head(0)) + sum(map(len, parts))
    return file(head(offset + moved), *parts, index)


@pytest.mark.parametrize(
    ("ticks", "seconds"),
    [
        ((0, 2000, 4000, 6000, 8000), 2.0),
        ((0, 2000, 9000), 7.0),
        ((0, 2000), 8.0),
        ((3000, 0, 6500), 3.5),
        ((4000, 8000), 4.0),
    ],
)
def test_gaps(ticks: Sequence[int], seconds: float) -> None:
    """From cue to cue, from the beginning, and to the end; in front of the media or behind it."""
    assert longest_gap(cue_times(reader(file(info(), TRACKS, cues(*ticks), CLUSTER)))) == pytest.approx(seconds)
    behind = sought(info(), TRACKS, CLUSTER, index=cues(*ticks))
    assert longest_gap(cue_times(reader(behind))) == pytest.approx(seconds)


def test_its_own_ticks() -> None:
    """A tick is as long as the file says; numbers may be short."""
    content = file(info(200.0, scale=50_000_000, form=">f"), TRACKS, cues(0, 40, 160), is_open=True)
    assert longest_gap(cue_times(reader(content))) == pytest.approx(6.0)


def test_a_picture_that_ends_before_the_file() -> None:
    """A file goes on for as long as anything in it; where the picture ends is known otherwise."""
    content = file(info(), TRACKS, cues(0, 2000))
    assert list(listed(reader(content))) == pytest.approx([0.0, 0.0, 2.0, 10.0])
    assert list(listed(reader(content), 5.0)) == pytest.approx([0.0, 0.0, 2.0, 5.0])


def test_cues_of_other_tracks() -> None:
    """Only those of the picture count."""
    index = element(matroska.CUES, cue(0, 2, 1), cue(1000, 2), cue(5000, 1), cue(6000, 2), cue(9000, 1))
    assert longest_gap(cue_times(reader(file(info(), TRACKS, index)))) == pytest.approx(5.0)


GOOD = cues(0, 5000)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        element(matroska.EBML, bytes(20)),
        element(matroska.EBML) + element(matroska.CUES),
        file(),
        file(info(), TRACKS, CLUSTER, GOOD),
        file(TRACKS, GOOD),
        file(info(), GOOD),
        file(info(None), TRACKS, GOOD),
        file(info(), TRACKS, cues()),
        file(info(), element(matroska.TRACKS, track(1, 1), track(3, 1)), GOOD),
        file(info(), element(matroska.TRACKS, track(1, 2)), GOOD),
        file(info(), TRACKS, element(matroska.CUES, cue(0, 2))),
        file(info(), TRACKS, GOOD)[:-1],
        file(info(float("inf")), TRACKS, GOOD),
        file(info(float("nan")), TRACKS, GOOD),
        file(info(), TRACKS, cues(0, (1 << 800) - 1)),
        file(info(), TRACKS, element(matroska.CUES, b"\xbb\x88\0")),
        sought(info(), TRACKS, CLUSTER, index=GOOD, moved=1),
        sought(info(), TRACKS, CLUSTER, index=GOOD, moved=10**6),
    ],
)
def test_what_does_not_tell(content: bytes) -> None:
    """No such file, no index, no picture or two, a size that lies: nothing is guessed."""
    with pytest.raises(Malformed):
        longest_gap(cue_times(reader(content)))


def timed(ticks: int, *blocks: bytes) -> bytes:
    """Return a cluster that begins at a time."""
    return element(matroska.CLUSTER, whole(matroska.TIMESTAMP, ticks), *blocks)


def block(ticks: int, *, track: int = 1, is_keyframe: bool = False) -> bytes:
    head = struct.pack(">BhB", 0x80 | track, ticks, matroska.KEYFRAME if is_keyframe else 0)
    return element(matroska.SIMPLE_BLOCK, head, bytes(100))


def group(ticks: int, *, is_keyframe: bool) -> bytes:
    reference = b"" if is_keyframe else whole(matroska.REFERENCE_BLOCK, 1)
    return element(
        matroska.BLOCK_GROUP, element(matroska.BLOCK, struct.pack(">BhB", 0x81, ticks, 0), bytes(9)), reference
    )


CLUSTERS = (
    timed(0, block(0, is_keyframe=True), block(40), block(20, track=2, is_keyframe=True)),
    timed(2000, block(-40), block(0, is_keyframe=True), group(500, is_keyframe=False)),
    timed(5000, group(0, is_keyframe=True), block(900)),
)


@pytest.mark.parametrize("is_open", [False, True])
def test_blocks(is_open: bool) -> None:
    """Without cues each block tells; also where nobody knew how large anything would become."""
    clusters = b"".join(CLUSTERS)
    if is_open:
        clusters = b"".join(each[:4] + b"\x1f\xff\xff\xff" + each[8:] for each in CLUSTERS)
    content = file(info(None), TRACKS, clusters, is_open=is_open)
    assert list(block_times(reader(content))) == pytest.approx([0.0, 2.0, 5.0, 5.9])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        file(TRACKS, *CLUSTERS),
        file(info(), *CLUSTERS),
        file(info(), TRACKS, timed(0, element(matroska.SIMPLE_BLOCK, b"\x81\0"))),
        file(info(), TRACKS, timed(0, element(matroska.BLOCK_GROUP))),
        file(info(), TRACKS, timed(1 << 800, *[block(0, is_keyframe=True)] * 9)),
    ],
)
def test_blocks_that_do_not_tell(content: bytes) -> None:
    """No tracks, blocks that are cut off."""
    with pytest.raises(Malformed):
        list(block_times(reader(content)))


def test_whatever_comes() -> None:
    """Bytes that are wrong anywhere lead to a number or to `Malformed`, and to nothing else."""
    chance = random.Random(3)  # noqa: S311 - repeatable, not secret
    right = sought(info(), TRACKS, *CLUSTERS, index=GOOD)
    for _ in range(3000):
        wrong = bytearray(right)
        for _ in range(chance.randrange(1, 4)):
            wrong[chance.randrange(len(wrong))] = chance.randrange(256)
        for times in (cue_times, block_times):
            with suppress(Malformed):
                assert all(isinstance(time, float) for time in times(reader(bytes(wrong))))
