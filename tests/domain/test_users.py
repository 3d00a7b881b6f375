"""Whose Authorization it is."""

from base64 import b64encode

import pytest

from streamserver.domain.users import ANYONE, Users

ANNA, BEN = "anna-has-a-long-token", "ben-has-a-long-token:with=signs"
USERS = Users(tokens={"anna": ANNA, "ben": BEN}, importers=frozenset({"ben"}))


def basic(name: str, token: str) -> str:
    return f"Basic {b64encode(f'{name}:{token}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("authorization", "user"),
    [
        (f"Bearer {ANNA}", "anna"),
        (f"bearer  {BEN} ", "ben"),
        (basic("anna", ANNA), "anna"),
        (basic("ben", BEN).replace("Basic", "BASIC"), "ben"),
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        (f"Bearer {ANNA}x", None),
        (f"Bearer {ANNA[:-1]}", None),
        (f"Bearer {ANNA.upper()}", None),
        (f"Token {ANNA}", None),
        (ANNA, None),
        ("Bearer ä\udcff", None),
        (basic("ben", ANNA), None),
        (basic("anna", ""), None),
        (basic("", ANNA), None),
        (basic("nobody", ""), None),
        ("Basic", None),
        ("Basic !!!", None),
        (f"Basic {b64encode(bytes([255, 254])).decode()}", None),
        (f"Basic {b64encode(b'anna').decode()}", None),
    ],
)
def test_who_it_is(authorization: str | None, user: str | None) -> None:
    """Bearer tokens and Basic pairs of name and token are known; whatever else comes is nobody's."""
    assert USERS.who(authorization) == user


@pytest.mark.parametrize("authorization", [None, "", "Bearer x", "Basic !!!"])
def test_without_tokens_everybody_is_anyone(authorization: str | None) -> None:
    """Where nobody has a token nobody is asked for one, and everybody may do everything."""
    assert Users().who(authorization) == ANYONE
    assert Users().may_import(ANYONE)


def test_who_may_import() -> None:
    """Those who are named, or everybody where nobody is."""
    assert [USERS.may_import(name) for name in ("anna", "ben")] == [False, True]
    assert all(Users(tokens=USERS.tokens).may_import(name) for name in ("anna", "ben"))


def test_tokens_are_not_shown() -> None:
    """What is logged of users by accident has no secret in it."""
    assert ANNA not in repr(USERS)
