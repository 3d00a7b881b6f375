"""How often, and when, a job is tried again by itself after a fault of the machine."""

from dataclasses import dataclass

GROWTH = 4
"""Each wait is so many times the one before."""
LONGEST_SECONDS = 3600.0
"""No wait is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """The bounds."""

    limit: int = 5
    """How often a job is tried again; 0 for never."""
    first_seconds: float = 5.0
    """How long the first wait is."""

    def wait_seconds(self, failures: int) -> float | None:
        """Return how long to wait after so many failures, the latest one counted; None to give up."""
        if failures > self.limit:
            return None
        return min(LONGEST_SECONDS, self.first_seconds * float(GROWTH) ** min(failures - 1, 20))
