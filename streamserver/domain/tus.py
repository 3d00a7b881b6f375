"""The rules of tus 1.0.0, the resumable upload protocol: what its header fields say (https://tus.io/protocols)."""

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from streamserver.errors import BadInput

VERSION: Final = "1.0.0"
EXTENSIONS: Final = (
    *("creation", "creation-with-upload", "creation-defer-length", "expiration"),
    *("checksum", "termination", "concatenation"),
)
ALGORITHMS: Final = ("sha1", "sha256", "sha512", "md5")
"""What chunks may be checked by; the names are Python's, too."""
CHUNK_TYPE: Final = "application/offset+octet-stream"
FOLDER: Final = "/api/uploads/"
"""Where uploads are found, by id."""
NUMBER: Final = re.compile(r"[0-9]{1,18}")
PART_ADDRESS: Final = re.compile(rf"(?:https?://[A-Za-z0-9.:_\[\]-]+)?{FOLDER}([A-Za-z0-9_-]{{1,64}})")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
FINAL_PREFIX: Final = "joined-"
"""What the ids of concatenated uploads begin with, so that each of them is known for what it is, also later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What the bytes of one request are to have as their digest."""

    algorithm: str
    """One of `ALGORITHMS`."""
    digest: bytes
    """The digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody says of the file that is to come."""

    file_name: str
    """Its name; `video` where nothing was said."""
    title: str | None
    """What the video is to be called."""
    sha256: str | None
    """Its SHA-256 in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an upload stands, for whoever sends it."""

    upload_id: str
    """Which one it is."""
    offset_bytes: int | None
    """How much of it is durable; None of a final upload that is not joined yet."""
    length_bytes: int | None
    """How long it is to be; None where nobody has said yet."""
    expires_at: datetime | None = None
    """When it is given up (UTC); None where it is whole."""
    metadata: str = ""
    """`Upload-Metadata` as it was sent."""
    concat: str = ""
    """`Upload-Concat` as it was sent."""


def parse_number(field: str, text: str) -> int:
    """Read a number of bytes; `BadInput` with the name of the field for anything else."""
    if not NUMBER.fullmatch(text):
        raise BadInput(f"{field} must be a whole number of bytes.")
    return int(text)


def parse_length(length: str | None, defer: str | None) -> int | None:
    """Read `Upload-Length`, or that it comes later: None. Exactly one of the two fields must be there."""
    if defer is not None and defer != "1":
        raise BadInput("Upload-Defer-Length can be nothing but 1.")
    if (length is None) == (defer is None):
        raise BadInput("Please send Upload-Length, or Upload-Defer-Length: 1.")
    return None if length is None else parse_number("Upload-Length", length)


def parse_metadata(text: str) -> Mapping[str, bytes]:
    """Read `Upload-Metadata`: keys, each with a value in Base64, or with none."""
    found: dict[str, bytes] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not (key.isascii() and key.isprintable()) or not key or key in found:
            raise BadInput("Upload-Metadata must have keys in ASCII, none of them empty or there twice.")
        try:
            found[key] = b64decode(value, validate=True)
        except ValueError:
            raise BadInput(f"Upload-Metadata: the value of {key!r} is not Base64.") from None
    return found


def wanted(metadata: Mapping[str, bytes]) -> Wanted:
    """Pick what is of use: `filename` (or `name`), `title`, and `sha256` in hexadecimal."""
    file_name = metadata.get("filename") or metadata.get("name") or b"video"
    title = metadata.get("title")
    sha256 = metadata.get("sha256", b"").decode(errors="replace").lower()
    if sha256 and not SHA256.fullmatch(sha256):
        raise BadInput("Upload-Metadata: sha256 must have 64 hexadecimal digits.")
    return Wanted(
        file_name=file_name.decode(errors="replace"),
        title=None if title is None else title.decode(errors="replace"),
        sha256=sha256 or None,
    )


def parse_checksum(text: str) -> Checksum:
    """Read `Upload-Checksum`: an algorithm, and the digest in Base64."""
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadInput(f"Upload-Checksum can be checked by {', '.join(ALGORITHMS)}.")
    try:
        digest = b64decode(encoded.strip(), validate=True)
    except ValueError:
        digest = b""
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise BadInput(f"Upload-Checksum: that is not the Base64 of what {algorithm} gives.")
    return Checksum(algorithm=algorithm, digest=digest)


def parse_concat(text: str | None) -> tuple[str, ...] | None:
    """Read `Upload-Concat`: the parts of a final upload by id, in order; none for a part, None for neither."""
    if text is None:
        return None
    if text.strip() == "partial":
        return ()
    kind, _, addresses = text.strip().partition(";")
    parts = [PART_ADDRESS.fullmatch(address) for address in addresses.split()]
    if kind.strip() != "final" or not parts or None in parts:
        raise BadInput("Upload-Concat must be `partial`, or `final;` and the addresses of partial uploads.")
    return tuple(part[1] for part in parts if part)


def final_id(parts: Iterable[str]) -> str:
    """Name the upload that parts become: asked for twice, since an answer was lost, it is the same one."""
    digest = hashlib.sha256(" ".join(parts).encode()).hexdigest()
    return f"{FINAL_PREFIX}{digest[:32]}"
