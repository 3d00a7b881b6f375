"""What a media address stands for, once it is found: bytes, where they lie, and what is said of them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from streamserver.domain.answers import Delivery, Representation
from streamserver.domain.caching import IMMUTABLE
from streamserver.domain.conditions import EntityTag
from streamserver.domain.media_types import MP4, PLAYLIST, SEGMENT
from streamserver.domain.multipart import Body, body_length
from streamserver.domain.videos import AnyRendition
from streamserver.flows.indexes import rendition_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable:
    """What a media address stands for."""

    representation: Representation
    """What conditions and ranges are judged by."""
    parts: Body
    """What the representation is made of."""
    blob_key: str | None = None
    """The blob that regions among the parts lie in; None where there are none."""
    delivery: Delivery = Delivery.RANGE
    """How much comes in one answer."""


def text(content: str, cache_control: str, content_type: str = PLAYLIST) -> Deliverable:
    """Deliver a text; its tag is made of its content, so it is the same on every node."""
    encoded = content.encode()
    return Deliverable(
        representation=Representation(
            length=len(encoded),
            content_type=content_type,
            etag=EntityTag(opaque=hashlib.sha256(encoded).hexdigest()[:20]),
            cache_control=cache_control,
        ),
        parts=(encoded,),
    )


def lasting(
    parts: Body,
    content_type: str,
    *,
    tag: str,
    created_at: datetime,
    blob_key: str,
    disposition: str | None = None,
    delivery: Delivery = Delivery.RANGE,
) -> Deliverable:
    """Deliver what never changes under its address."""
    return Deliverable(
        representation=Representation(
            length=body_length(parts),
            content_type=content_type,
            etag=EntityTag(opaque=tag),
            last_modified=created_at,
            cache_control=IMMUTABLE,
            disposition=disposition,
        ),
        parts=parts,
        blob_key=blob_key,
        delivery=delivery,
    )


def part_of(rendition: AnyRendition, name: str, parts: Body, created_at: datetime) -> Deliverable:
    """Deliver an init segment or a segment of a rendition; it is named within the rendition."""
    content_type = MP4 if name.endswith("init") else SEGMENT
    tag, blob_key = f"{rendition.key}-{name}", rendition_key(rendition)
    return lasting(parts, content_type, tag=tag, created_at=created_at, blob_key=blob_key)
