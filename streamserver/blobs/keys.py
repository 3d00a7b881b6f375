"""The keys of blobs: `{folder}/{name}`, or the folder alone where all its blobs are meant."""

import re

from streamserver.errors import NotFound

PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def is_part(text: str) -> bool:
    """Tell whether a text can be a folder or a name in it."""
    return PART.fullmatch(text) is not None


def parts_of(key: str, *, at_least: int = 2) -> tuple[str, ...]:
    """Return the folder and the name; raise `NotFound` for a key that could lead anywhere else."""
    parts = tuple(key.split("/"))
    if not at_least <= len(parts) <= 2 or not all(is_part(part) for part in parts):
        raise NotFound
    return parts
