"""What lies in a bucket of an object storage."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

LONGEST_LIFETIME = timedelta(days=7)
"""How long a URL of S3 can be good ("Authenticating Requests: Using Query Parameters", `X-Amz-Expires`)."""
EVERY_ORIGIN = "*"
"""Stands for all origins (Fetch Standard, `Access-Control-Allow-Origin`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a bucket is, and how we may use it."""

    bucket: str
    """Its name."""
    endpoint: str = ""
    """The storage's address; empty for Amazon's."""
    public_endpoint: str = ""
    """The address under which clients reach it; empty for the same."""
    region: str = "us-east-1"
    """Signed along with every request."""
    access_key: str
    """Who we are."""
    secret_key: str = field(repr=False)
    """Known to us and the storage."""
    prefix: str = ""
    """What all our keys begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object that is whole."""

    key: str
    """Its name."""
    size_bytes: int
    """How long it is."""
    etag: str
    """Another one for other bytes; without quotes."""
    changed_at: datetime
    """When it was stored (UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipart:
    """An object that comes in parts, of which nothing can be read yet."""

    key: str
    """The name it will have."""
    id: str
    """Made by the storage; two may be under way for one name."""
    begun_at: datetime
    """When it was begun (UTC)."""
