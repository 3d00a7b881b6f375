"""Pre-signed uploads: what is recorded of them besides what every upload has, and their addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streamserver.domain.parts import Cut, Part, StoredPart
from streamserver.domain.uploads import Upload, UploadKind
from streamserver.errors import NotFound

COMPLETION_BYTES = 2 * 2**20
"""Enough to name the ETag of every part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the bytes of an upload come."""

    part_bytes: int
    """How long a part is; what is not longer comes in one piece."""
    is_in_bucket: bool = False
    """Whether they are sent to the bucket rather than to this server."""
    multipart_id: str | None = None
    """The multipart of the bucket; None for what comes in one piece."""
    etag: str | None = None
    """Of the object in the bucket, once the sender has said that it is complete: it is to be fetched."""

    def details(self) -> Mapping[str, Any]:
        """Write it as it is recorded."""
        return {
            "part_bytes": self.part_bytes,
            "is_in_bucket": self.is_in_bucket,
            "multipart_id": self.multipart_id,
            "etag": self.etag,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a part is to be sent."""

    part: Part
    """Which one."""
    url: str
    """Pre-signed; a path on this server, or a whole URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the holder of its URLs can do for an upload, without credentials."""

    upload: Upload
    """Which one."""
    cut: Cut
    """How it is cut into parts."""
    expires_at: datetime
    """Until when the URLs are good (UTC)."""
    stored: Sequence[StoredPart]
    """The parts that are there."""
    missing: Sequence[Target]
    """Where to send the others, by PUT."""
    parts_url: str
    """Where to ask for all of this again, by GET."""
    complete_url: str
    """Where to say that all is sent, by POST."""


def plan_of(upload: Upload) -> Plan:
    """Return how the bytes of an upload come; `NotFound` where it is none of this kind."""
    if upload.kind is not UploadKind.PRESIGNED:
        raise NotFound
    return Plan(**upload.details)


def is_on_its_way_to_the_bucket(upload: Upload) -> bool:
    """Tell whether parts of an upload may be coming to the bucket."""
    if upload.kind is not UploadKind.PRESIGNED or upload.error is not None:
        return False
    plan = plan_of(upload)
    return plan.multipart_id is not None and plan.etag is None


def cut_of(upload: Upload) -> Cut:
    """Return how an upload is cut into parts."""
    return Cut(length_bytes=upload.length_bytes or 0, part_bytes=plan_of(upload).part_bytes)


def part_path(upload_id: str, number: int) -> str:
    """Return where a part is sent."""
    return f"/api/uploads/{upload_id}/parts/{number}"


def parts_path(upload_id: str) -> str:
    """Return where parts are listed."""
    return f"/api/uploads/{upload_id}/parts"


def complete_path(upload_id: str) -> str:
    """Return where an upload is said to be complete."""
    return f"/api/uploads/{upload_id}/complete"
