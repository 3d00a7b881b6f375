"""Who sends sources in, and who may do more than others."""

import hmac
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

ANYONE: Final = "anyone"
"""The user that everybody is where no tokens are set."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a user may be called."""
NAMED_TOKEN: Final = re.compile(rf"({NAME.pattern})=([!-~]{{16,512}})")
"""`anna=…`: a name, and a token that nobody guesses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Those who have a token; where nobody has one, everybody may do everything."""

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name."""
    importers: frozenset[str] = frozenset()
    """Who may import from links and ask for pre-signed URLs; empty for everyone."""

    def who(self, authorization: str | None) -> str | None:
        """Tell whose `Authorization` this is: Bearer (RFC 6750) or Basic (RFC 7617); None where it is nobody's."""
        if not self.tokens:
            return ANYONE
        scheme, _, given = (authorization or "").partition(" ")
        match scheme.lower():
            case "bearer":
                return self._owner_of(given.strip())
            case "basic":
                name, token = _name_and_token(given.strip())
                return name if self._owner_of(token) == name else None
            case _:
                return None

    def may_import(self, user: str) -> bool:
        """Tell whether a user may have the server fetch from links, and have URLs signed."""
        return not self.importers or user in self.importers

    def _owner_of(self, token: str) -> str | None:
        """Look at all tokens in any case, so that the time it takes tells nothing."""
        found = None
        for name, known in self.tokens.items():
            if hmac.compare_digest(known.encode(), token.encode(errors="replace")):
                found = name
        return found


def _name_and_token(text: str) -> tuple[str, str]:
    try:
        name, _, token = b64decode(text, validate=True).decode().partition(":")
    except ValueError:  # not Base64, or not UTF-8
        return "", ""
    return name, token


def read_tokens(words: Iterable[str]) -> Mapping[str, str]:
    """Read `name=token` words; `ValueError` for one that is none, or a name or token that comes twice."""
    found = [NAMED_TOKEN.fullmatch(word) for word in words]
    tokens = {pair[1]: pair[2] for pair in found if pair}
    if len(tokens) < len(found) or len(set(tokens.values())) < len(found) or ANYONE in tokens:
        raise ValueError(words)
    return tokens
