"""The time of day, as this machine has it."""

from datetime import UTC, datetime


class SystemClock:
    """`Clock` of the operating system."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)
