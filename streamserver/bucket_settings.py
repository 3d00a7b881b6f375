"""Settings of pre-signed uploads, and of the bucket that they may go to."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streamserver.domain.buckets import EVERY_ORIGIN, Place
from streamserver.domain.signing import SigningKey, read_key
from streamserver.errors import SettingsError
from streamserver.setting import Setting

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}/)*")
_PLAIN = re.compile(r"[!-~]*")
_NO_USER = re.compile(r"[!-?A-~]*")
"""Everything plain but an @."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSettings:
    """What a server can be told of pre-signed uploads; see `BUCKET_SETTINGS` for each."""

    public_url: str
    signing_keys: tuple[SigningKey, ...] = field(repr=False)
    upload_origins: frozenset[str]
    bucket: str
    bucket_endpoint: str
    bucket_public_endpoint: str
    bucket_region: str
    bucket_access_key: str
    bucket_secret_key: str = field(repr=False)
    bucket_prefix: str

    @property
    def place(self) -> Place | None:
        """Where the bucket is; None where uploads come to this server.

        Raises `SettingsError` where something is missing that goes with a bucket.
        """
        if not self.bucket:
            return None
        if not self.bucket_access_key or not self.bucket_secret_key:
            raise SettingsError("bucket_access_key and bucket_secret_key must be set beside bucket.")
        return Place(
            bucket=self.bucket,
            endpoint=self.bucket_endpoint,
            public_endpoint=self.bucket_public_endpoint,
            region=self.bucket_region,
            access_key=self.bucket_access_key,
            secret_key=self.bucket_secret_key,
            prefix=self.bucket_prefix,
        )


def _origin(value: object) -> str:
    """Read `https://host:port`, without a path."""
    text = str(value).rstrip("/")
    address = urlsplit(text)
    is_of_web = address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    if not is_of_web or text != f"{address.scheme}://{address.netloc}" or not _NO_USER.fullmatch(text):
        raise ValueError(value)
    return text


def _origin_or_none(value: object) -> str:
    return _origin(value) if value else ""


def _origins(value: object) -> frozenset[str]:
    words = value if isinstance(value, list) else str(value).split()
    origins = frozenset(word if word == EVERY_ORIGIN else _origin(word) for word in words)
    if not origins:
        raise ValueError(value)
    return origins


def _keys(value: object) -> tuple[SigningKey, ...]:
    words = value if isinstance(value, list) else str(value).split()
    keys = tuple(read_key(str(word)) for word in words)
    if len({key.id for key in keys}) < len(keys):
        raise ValueError(value)
    return keys


def _matching(pattern: re.Pattern[str]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(value)
        return value

    return read


ADDRESS = "an address such as https://videos.example.org, without a path, or empty"

BUCKET_SETTINGS: dict[str, Setting] = {
    "public_url": Setting("", _origin_or_none, ADDRESS),
    "signing_keys": Setting("", _keys, "ID=SECRET once or more, the secret 32 to 64 bytes in Base64, or empty"),
    "upload_origins": Setting("*", _origins, "* or one or several origins such as https://videos.example.org"),
    "bucket": Setting("", _matching(_BUCKET), "the name of a bucket, or empty"),
    "bucket_endpoint": Setting("", _origin_or_none, ADDRESS),
    "bucket_public_endpoint": Setting("", _origin_or_none, ADDRESS),
    "bucket_region": Setting("us-east-1", _matching(re.compile(r"[a-z0-9-]{1,64}")), "a region such as eu-west-1"),
    "bucket_access_key": Setting("", _matching(_PLAIN), "the name that the storage knows us by, or empty"),
    "bucket_secret_key": Setting("", _matching(_PLAIN), "what goes with bucket_access_key, or empty"),
    "bucket_prefix": Setting("uploads/", _matching(_PREFIX), "folders, each with a slash behind it, or empty"),
}
