"""Bytes on their way from whoever reads them to whoever keeps them."""

from collections.abc import Callable
from typing import TypeAlias

ReadInto: TypeAlias = Callable[[memoryview], int]
"""Puts bytes where it is told and returns how many; 0 where there are none at present. Called in a thread."""
