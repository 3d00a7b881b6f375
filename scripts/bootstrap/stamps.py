"""Staleness: a stamp holds the hash of what a thing was made from, and lies inside of that thing.

It goes when the thing goes, and it is written last, so a half-made thing never has a valid one.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

UNFINISHED = "unfinished"


def digest(*facts: str, files: Iterable[Path] = ()) -> str:
    """Return a hex SHA-256 that is the same as long as each fact, and each file's path and content, is."""
    total = hashlib.sha256()
    for fact in facts:
        # Hashed one by one first, so that no two lists of parts can run together into the same bytes.
        total.update(hashlib.sha256(fact.encode()).digest())
    for file in files:
        total.update(hashlib.sha256(str(file).encode()).digest())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A file that vouches for the thing it lies in."""

    path: Path  # where it lies
    key: str  # the digest of what the thing should be made from

    def is_fresh(self) -> bool:
        """Say whether the thing was finished, and from just these inputs."""
        return self._read() == self.key

    def is_unfinished(self) -> bool:
        """Say whether making the thing was begun and cut off."""
        return self._read() == UNFINISHED

    def begin(self) -> None:
        """Note that the thing is being made."""
        self._write(UNFINISHED)

    def vouch(self) -> None:
        """Note that the thing is finished."""
        self._write(self.key)

    def _read(self) -> str | None:
        try:
            return self.path.read_text().strip()
        except OSError:
            return None

    def _write(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(self.path.name + ".tmp")
        unfinished.write_text(text + "\n")
        unfinished.replace(self.path)
