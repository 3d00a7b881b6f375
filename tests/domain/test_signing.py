"""Pre-signed URLs: what holds, and that nothing else does."""

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given, strategies as st

from streamserver.domain.signing import (
    METHODS,
    Permit,
    SigningKey,
    is_signed,
    read_key,
    signed_url,
    verified,
    write_key,
)
from streamserver.errors import Forbidden, UrlAltered, UrlExpired, UrlOfOtherMethod

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
OLD = SigningKey(id="old", secret=b"o" * 32)
NEW = SigningKey(id="new", secret=b"n" * 32)
PERMIT = Permit(method="PUT", path="/api/uploads/u1/parts/7", max_bytes=16_777_216, expires_at=NOON)
BEFORE = NOON - timedelta(seconds=1)
URL = signed_url(PERMIT, NEW)


def verify(
    url: str, *, method: str = "PUT", now: datetime = BEFORE, keys: tuple[SigningKey, ...] = (NEW, OLD)
) -> Permit:
    """Verify a URL as the web does: the path as it stands, the query taken apart."""
    address = urlsplit(url)
    query = parse_qsl(address.query, keep_blank_values=True)
    return verified(method, address.path, query, keys=keys, now=now)


def test_what_was_signed_is_permitted() -> None:
    """The permit comes back whole, until the second in which it expires."""
    assert verify(URL) == PERMIT
    assert verify(URL, now=NOON - timedelta(microseconds=1)) == PERMIT


def test_a_signature_is_the_one_that_is_written_down() -> None:
    """It never changes from one version to the next: URLs that are out stay good. Computed with OpenSSL."""
    assert urlsplit(URL).query == (
        "expires=1772625600&max_bytes=16777216&key=new&signature=T6DsDLU6z8dZdSFDGIYBjGfOn6TJ7F_rpe5VQ56lB5s"
    )


@pytest.mark.parametrize("late", [timedelta(), timedelta(days=400)], ids=str)
def test_it_expires(late: timedelta) -> None:
    """From its second on it is refused, and the sentence says since when."""
    with pytest.raises(UrlExpired, match="expired at 2026-03-04 12:00:00 UTC"):
        verify(URL, now=NOON + late)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "PUT"])
def test_it_is_for_one_method(method: str) -> None:
    """Another one is refused with the name of the right one, also one that is never signed."""
    with pytest.raises(UrlOfOtherMethod, match=f"is for PUT, not for {method}"):
        verify(URL, method=method)
    with pytest.raises(UrlOfOtherMethod, match="is for PUT, not for PATCH"):
        verify(URL, method="PATCH")


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("/u1/", "/u2/"),
        ("/parts/7", "/parts/8"),
        ("/parts/7", "/parts/7/"),
        ("/parts/7", "/parts/%37"),
        ("/parts/7", "//parts/7"),
        ("max_bytes=16777216", "max_bytes=16777217"),
        ("max_bytes=16777216", "max_bytes=016777216"),
        ("max_bytes=16777216", "max_bytes=16777216%0A"),
        ("max_bytes=16777216", "max_bytes=%2B16777216"),
        ("max_bytes=16777216", "max_bytes="),
        ("max_bytes=16777216", "max_bytes=%FF"),
        ("max_bytes=16777216&", ""),
        ("max_bytes=16777216", "max_bytes=16777216&max_bytes=16777216"),
        ("max_bytes=16777216", "max_bytes=16777216&more=1"),
        ("expires=1772625600", "expires=1772625601"),
        ("expires=1772625600", "expires=x"),
        ("expires=1772625600", "expires=9" + "9" * 5000),
        ("key=new", "key=old"),
        ("key=new", "key=newer"),
        ("key=new", "key="),
        ("signature=", "signature=A"),
        ("signature=", "signature=%C3%A4"),
    ],
)
def test_what_is_altered_is_refused(written: str, instead: str) -> None:
    """Whatever part of it: path, limit, expiry, key, signature; a part left out, doubled or added."""
    altered = URL.replace(written, instead)
    assert altered != URL
    with pytest.raises(UrlAltered):
        verify(altered)


@given(st.integers(0, len(URL) - 1), st.sampled_from(string.printable + "ä\udcff\0"))
@example(URL.index("?"), "#")
@example(len(URL) - 1, "=")
def test_no_single_character_can_be_another(place: int, character: str) -> None:
    """Every change of one character is refused, or leaves the URL as it was."""
    altered = URL[:place] + character + URL[place + 1 :]
    try:
        assert verify(altered) == PERMIT
    except Forbidden:
        assert altered != URL
    else:
        assert parse_qsl(urlsplit(altered).query) == parse_qsl(urlsplit(URL).query)


def test_keys_take_turns() -> None:
    """What an older key signed is good as long as the key is named, and no longer."""
    signed_before = signed_url(PERMIT, OLD)
    assert verify(signed_before, keys=(NEW, OLD)) == PERMIT
    with pytest.raises(UrlAltered, match="its key was withdrawn"):
        verify(signed_before, keys=(NEW,))
    with pytest.raises(UrlAltered):
        verify(signed_before, keys=(NEW, replace(OLD, secret=b"x" * 32)))


def test_a_request_tells_whether_it_is_signed() -> None:
    """By the name of one parameter."""
    assert is_signed([("key", "x"), ("signature", "")])
    assert not is_signed([("key", "x")])
    assert not is_signed([])


@pytest.mark.parametrize("length", [32, 33, 64])
def test_keys_are_read_as_they_are_written(length: int) -> None:
    """And their secret is not shown."""
    key = SigningKey(id="a-1_B", secret=bytes(range(length)))
    assert read_key(write_key(key)) == key
    assert "secret" not in repr(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id",
        "=" + "YWFh" * 12,
        "i d=" + "YWFh" * 12,
        "x" * 33 + "=" + "YWFh" * 12,
        "id=" + "YWFh" * 10,
        "id=" + "YWFh" * 22,
        "id=ä",
        "id=" + "Y-Fh" * 12,
    ],
)
def test_a_key_that_is_none_is_refused(text: str) -> None:
    """Without an id, with a secret that is too short or too long, or that is no Base64."""
    with pytest.raises(ValueError, match=r"."):
        read_key(text)
