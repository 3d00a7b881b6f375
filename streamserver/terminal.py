"""Progress for somebody at a terminal."""

import sys
import time

WIDTH = 30
REDRAW_SECONDS = 0.1


class Bar:
    """One line that fills; where the output is no terminal, only its end is written."""

    def __init__(self, label: str, *, total: float) -> None:
        self._label = label if len(label) <= 40 else f"{label[:39]}…"
        self._total = max(total, 1)
        self._done = 0.0
        self._drawn_at = 0.0
        self._is_shown = sys.stderr.isatty()

    def advance(self, amount: float) -> None:
        """Add to what is done."""
        self.reach(self._done + amount)

    def reach(self, done: float) -> None:
        """Say how much is done."""
        self._done = done
        if self._is_shown and time.monotonic() - self._drawn_at >= REDRAW_SECONDS:
            self._draw()

    def close(self) -> None:
        """Leave the line as it is, and go to the next."""
        self._draw()
        sys.stderr.write("\n")

    def _draw(self) -> None:
        self._drawn_at = time.monotonic()
        share = min(1.0, self._done / self._total)
        filled = round(share * WIDTH)
        start = "\r" if self._is_shown else ""
        sys.stderr.write(f"{start}{self._label:40} [{'█' * filled}{'·' * (WIDTH - filled)}] {share:4.0%}")
        sys.stderr.flush()
