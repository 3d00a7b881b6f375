"""Pre-signed URLs: whoever holds one may make one kind of request without credentials, until it expires.

`{path}?expires={Unix time}&max_bytes={count}&key={key id}&signature={…}`, where the signature is the HMAC-SHA256
of method, path, key id and the two numbers. Nothing in such a URL can be changed, and nothing is recorded of it.
"""

import hmac
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from streamserver.errors import UrlAltered, UrlExpired, UrlOfOtherMethod

SECRET_BYTES = range(32, 65)
"""How long a secret may be: no shorter than what SHA-256 gives, no longer than a block of it."""
METHODS = ("PUT", "GET", "POST", "DELETE")
"""What is ever signed."""
PARAMETERS = ("expires", "max_bytes", "key", "signature")

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_PURPOSE = "streamserver pre-signed URL 1"
"""Keeps a signature from being good for anything else that is signed with the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """What URLs are signed with."""

    id: str
    """Names it in URLs, so that another can take its place while the old URLs are still good."""
    secret: bytes = field(repr=False)
    """Known to the servers alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What the holder of a URL may do."""

    method: str
    """One of `METHODS`."""
    path: str
    """As it stands in the request, percent-encoded."""
    max_bytes: int
    """How long the request's body may be."""
    expires_at: datetime
    """From when on it may not be done any more (UTC, whole seconds)."""


def read_key(text: str) -> SigningKey:
    """Read `ID=SECRET`, the secret in Base64; `ValueError` where it is not of this form, or too short."""
    key_id, _, written = text.partition("=")
    secret = b64decode(written, validate=True)
    if not _KEY_ID.fullmatch(key_id) or len(secret) not in SECRET_BYTES:
        raise ValueError("A signing key is written ID=SECRET, the secret 32 to 64 bytes in Base64.")
    return SigningKey(id=key_id, secret=secret)


def write_key(key: SigningKey) -> str:
    """Write a key as `read_key` reads it."""
    return f"{key.id}={b64encode(key.secret).decode()}"


def signed_url(permit: Permit, key: SigningKey) -> str:
    """Return the path and query with which the permit's holder comes."""
    expires, max_bytes = str(int(permit.expires_at.timestamp())), str(permit.max_bytes)
    signature = _signature(key, permit.method, permit.path, expires, max_bytes)
    return f"{permit.path}?expires={expires}&max_bytes={max_bytes}&key={key.id}&signature={signature}"


def is_signed(query: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a request claims to be permitted by its URL."""
    return any(name == "signature" for name, _ in query)


def verified(
    method: str, path: str, query: Sequence[tuple[str, str]], *, keys: Iterable[SigningKey], now: datetime
) -> Permit:
    """Return what a request's URL permits.

    Raises `UrlAltered` where it was not signed like this with one of the keys, `UrlOfOtherMethod` where it was
    signed for another method, and `UrlExpired` once it is too late.
    """
    given = dict(query)
    if sorted(name for name, _ in query) != sorted(PARAMETERS):
        raise UrlAltered
    key = next((key for key in keys if key.id == given["key"]), None)
    if key is None:
        raise UrlAltered
    signature, expires, max_bytes = given["signature"], given["expires"], given["max_bytes"]

    def is_for(method: str) -> bool:
        right = _signature(key, method, path, expires, max_bytes)
        return hmac.compare_digest(right.encode(), signature.encode(errors="replace"))

    if not is_for(method):
        meant = next((other for other in METHODS if is_for(other)), None)
        raise UrlOfOtherMethod(f"This URL is for {meant}, not for {method}.") if meant else UrlAltered
    expires_at = datetime.fromtimestamp(int(expires), UTC)
    if now >= expires_at:
        raise UrlExpired(f"This URL expired at {expires_at:%Y-%m-%d %H:%M:%S} UTC; please ask for a new one.")
    return Permit(method=method, path=path, max_bytes=int(max_bytes), expires_at=expires_at)


def _signature(key: SigningKey, method: str, path: str, expires: str, max_bytes: str) -> str:
    """Sign texts as they were sent, before anything is made of them; no other set of them has the same lines."""
    content = f"{_PURPOSE}\n{key.id}\n{method}\n{path}\n{max_bytes}\n{expires}"
    digest = hmac.digest(key.secret, content.encode(errors="replace"), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")
