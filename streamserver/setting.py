"""One line in a table of settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """What can be set, and what is allowed."""

    default: object
    """As it would be written in a file."""
    read: Callable[[object], Any]
    """Turns what was written into a value; `ValueError` where it is not allowed."""
    allowed: str
    """What is allowed, for people: `port must be …`."""
