"""Settings of imports from links."""

from collections.abc import Callable
from dataclasses import dataclass

from streamserver.domain.downloads import Bounds
from streamserver.domain.links import Reach, Trusted, read_trusted
from streamserver.setting import Setting

LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """What a server can be told of imports; see `IMPORT_SETTINGS` for each.

    It has no slots, since of the bases of a class only one may.
    """

    imports: int
    import_ports: frozenset[int]
    import_trusted: tuple[Trusted, ...]
    import_seconds: float
    import_stall_seconds: float
    import_least_bytes_per_second: float
    import_most_bytes_per_second: float
    import_tries: int

    @property
    def reach(self) -> Reach:
        """Where links may lead."""
        return Reach(ports=self.import_ports, trusted=self.import_trusted)

    def bounds(self, max_bytes: int) -> Bounds:
        """Return how much, how long and how slow a download may be."""
        return Bounds(
            max_bytes=max_bytes,
            seconds=self.import_seconds,
            least_bytes_per_second=self.import_least_bytes_per_second,
            stall_seconds=self.import_stall_seconds,
            most_bytes_per_second=self.import_most_bytes_per_second,
            tries=self.import_tries,
        )


def _words(value: object) -> list[str]:
    """Read a list, or a text that holds one with spaces between."""
    words = value if isinstance(value, list) else str(value).split()
    return [str(word) for word in words]


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = int(str(value))
        if not least <= number <= most:
            raise ValueError(value)
        return number

    return read


def _positive(value: object) -> float:
    number = float(str(value))
    if not 0 < number < float("inf"):
        raise ValueError(value)
    return number


def _not_negative(value: object) -> float:
    return 0.0 if str(value) == "0" else _positive(value)


def _ports(value: object) -> frozenset[int]:
    ports = frozenset(_whole(1, LAST_PORT)(word) for word in _words(value))
    if not ports:
        raise ValueError(value)
    return ports


def _trusted(value: object) -> tuple[Trusted, ...]:
    if not isinstance(value, str | list):
        raise ValueError(value)  # noqa: TRY004 - every reader says no in the same way
    return tuple(read_trusted(word) for word in _words(value))


SECONDS = "a number of seconds above 0"

IMPORT_SETTINGS: dict[str, Setting] = {
    "imports": Setting(2, _whole(1, 256), "a whole number from 1 to 256"),
    "import_ports": Setting([80, 443], _ports, "one port or several, from 1 to 65535"),
    "import_trusted": Setting("", _trusted, "hosts, HOST:PORT or networks such as 10.1.0.0/16, or empty"),
    "import_seconds": Setting(6 * 3600, _positive, SECONDS),
    "import_stall_seconds": Setting(20, _positive, SECONDS),
    "import_least_bytes_per_second": Setting(1000, _positive, "a number of bytes a second above 0"),
    "import_most_bytes_per_second": Setting(0, _not_negative, "a number of bytes a second, or 0 for any"),
    "import_tries": Setting(4, _whole(0, 1000), "a whole number from 0 (ask once) to 1000"),
}
