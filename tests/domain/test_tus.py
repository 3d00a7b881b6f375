"""The header fields of tus, read."""

import pytest

from streamserver.domain.tus import (
    ALGORITHMS,
    final_id,
    parse_checksum,
    parse_concat,
    parse_length,
    parse_metadata,
    parse_number,
    wanted,
)
from streamserver.errors import BadInput


@pytest.mark.parametrize(
    ("length", "defer", "expected"),
    [("0", None, 0), ("70", None, 70), ("9" * 18, None, 10**18 - 1), (None, "1", None)],
)
def test_lengths(length: str | None, defer: str | None, expected: int | None) -> None:
    """A length is a number of bytes, or said later."""
    assert parse_length(length, defer) == expected


@pytest.mark.parametrize(
    ("length", "defer"),
    [
        *((None, None), ("5", "1"), (None, "0"), (None, "true"), (None, ""), ("5", "0")),
        *((text, None) for text in ("", "-1", "+1", "1.0", "0x10", " 5", "5 ", "five", "9" * 19, "\u0665", "1_0")),
    ],
)
def test_lengths_that_are_none(length: str | None, defer: str | None) -> None:
    """Anything else, both, and neither are refused."""
    with pytest.raises(BadInput):
        parse_length(length, defer)


def test_what_is_no_number_is_named() -> None:
    """The sentence says which field it is about."""
    with pytest.raises(BadInput, match=r"^Upload-Offset must be a whole number"):
        parse_number("Upload-Offset", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("  ", {}),
        (
            "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential",
            {"filename": b"world_domination_plan.pdf", "is_confidential": b""},
        ),
        ("a YQ== , b Yg==", {"a": b"a", "b": b"b"}),
        ("a ", {"a": b""}),
        ("a AAEC/w==", {"a": b"\x00\x01\x02\xff"}),
    ],
)
def test_metadata(text: str, expected: dict[str, bytes]) -> None:
    """Pairs of a key and a value in Base64, which may be missing; the example is the specification's."""
    assert parse_metadata(text) == expected


@pytest.mark.parametrize(
    "text", [",", "a YQ==,", "a YQ==,a Yg==", "a *", "a YQ", "a YQ== b", "ä YQ==", "a\tb YQ==", "\udcff YQ=="]
)
def test_metadata_that_is_none(text: str) -> None:
    """Keys that are empty, twice there or not ASCII, and values that are not Base64, are refused."""
    with pytest.raises(BadInput, match="Upload-Metadata"):
        parse_metadata(text)


def test_what_is_wanted() -> None:
    """The file's name by either key, the title, and a SHA-256 in digits of either case."""
    digest = "Ab" * 32
    found = wanted({"filename": "ä.mp4".encode(), "title": b"Mine", "sha256": digest.encode(), "type": b"x"})
    assert (found.file_name, found.title, found.sha256) == ("ä.mp4", "Mine", digest.lower())
    assert wanted({"name": b"other.mp4"}).file_name == "other.mp4"
    assert wanted({"filename": b"\xff"}).file_name == "\ufffd"
    nothing = wanted({})
    assert (nothing.file_name, nothing.title, nothing.sha256) == ("video", None, None)
    for wrong in (b"abc", b"\xff" * 32, b"g" * 64):
        with pytest.raises(BadInput, match="64 hexadecimal digits"):
            wanted({"sha256": wrong})


def test_checksums() -> None:
    """The example of the specification, with white space around it."""
    found = parse_checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0= ")
    assert (found.algorithm, found.digest.hex()) == ("sha1", "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed")
    assert set(ALGORITHMS) >= {"sha1", "sha256", "md5"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha1",
        "sha1 ",
        "sha1 *",
        "sha1 YQ==",
        "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "crc32 YQ==",
        "shake_128 YQ==",
    ],
)
def test_checksums_that_are_none(text: str) -> None:
    """Other algorithms, and digests of another length, are refused."""
    with pytest.raises(BadInput, match="Upload-Checksum"):
        parse_checksum(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("partial", ()),
        ("final;/api/uploads/a /api/uploads/b", ("a", "b")),
        ("final; http://videos.example:80/api/uploads/a  https://[::1]/api/uploads/a", ("a", "a")),
    ],
)
def test_concatenation(text: str | None, expected: tuple[str, ...] | None) -> None:
    """A part, or the addresses of parts, absolute or not, also several times."""
    assert parse_concat(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "whole", "final", "final;", "final; ", "partial;/api/uploads/a", "final /api/uploads/a"),
        *(
            "final;a",
            "final;/api/uploads/",
            "final;/api/uploads/a/b",
            "final;/api/videos/a",
            "final;/api/uploads/..",
        ),
        *("final;ftp://x/api/uploads/a", "final;//x/api/uploads/a", "final;http://\udcff/api/uploads/a"),
    ],
)
def test_concatenation_that_is_none(text: str) -> None:
    """Other words, and addresses that are none of uploads, are refused."""
    with pytest.raises(BadInput, match="Upload-Concat"):
        parse_concat(text)


def test_final_ids() -> None:
    """The same parts in the same order are the same upload; they are known for what they are, and fit in a key."""
    assert final_id(["a", "b"]) == final_id(["a", "b"])
    assert len({final_id(parts) for parts in (["a", "b"], ["b", "a"], ["a", "b", "b"], ["ab"])}) == 4
    assert final_id(["a"]).startswith("joined-")
    assert len(final_id(["a"] * 100)) <= 64
