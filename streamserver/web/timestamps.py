"""The time of day as text, made once a second."""

import time
from datetime import UTC, datetime

from streamserver.domain.conditions import format_http_date


class Timestamps:
    """What is written into headers and logs; call `refresh` before reading."""

    __slots__ = ("_second", "end_of_header", "in_log")

    def __init__(self) -> None:
        self._second = -1
        self.end_of_header = b""
        """The Date field (RFC 9110 §6.6.1) and the empty line that ends a header."""
        self.in_log = ""
        """RFC 3339, in UTC."""

    def refresh(self) -> None:
        """Write the texts anew if another second has begun."""
        second = int(time.time())
        if second == self._second:
            return
        self._second = second
        moment = datetime.fromtimestamp(second, UTC)
        self.end_of_header = f"Date: {format_http_date(moment)}\r\n\r\n".encode("ascii")
        self.in_log = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
