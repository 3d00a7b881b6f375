"""What a person sees while a benchmark works: where it is, and how long it will still take."""

import sys
import time
from typing import TextIO

LINE_SECONDS = 15.0
"""How often a log, which cannot be written over, gets a line."""


class Progress:
    """`[ 31/126] round 2 of 7 · 1 MiB range · nginx · about 4 min left`, on one line where there is a terminal."""

    def __init__(self, total: int, *, out: TextIO = sys.stderr) -> None:
        self._total = total
        self._out = out
        self._done = 0
        self._began = time.monotonic()
        self._told = float("-inf")

    def step(self, title: str) -> None:
        """Say what begins now; the step before is thereby done."""
        now = time.monotonic()
        line = f"[{self._done + 1:{len(str(self._total))}}/{self._total}] {title}{self._left(now)}"
        self._done += 1
        if self._out.isatty():
            print(f"\r\x1b[K{line}", end="", file=self._out, flush=True)
        elif now - self._told >= LINE_SECONDS or self._done == 1:
            self._told = now
            print(line, file=self._out, flush=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._out.isatty():
            print("\r\x1b[K", end="", file=self._out, flush=True)

    def _left(self, now: float) -> str:
        """Return what is left, judged by what was done."""
        if not self._done:
            return ""
        seconds = (now - self._began) / self._done * (self._total - self._done)
        if seconds < 90:
            return f" · about {seconds:.0f} s left"
        return f" · about {seconds / 60:.0f} min left"
