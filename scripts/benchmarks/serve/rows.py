"""What is asked for: the kinds of work that make the rows of the table."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from benchmarks.product import ask
from benchmarks.serve.candidates import length_of, path_of
from benchmarks.serve.content import KIB, MIB, Content, Resource
from benchmarks.serve.load import Cell, Question, Work
from benchmarks.servers import BenchError, Server

ETHERNET_SEGMENT_BYTES = 1448
"""What fits into a packet of 1,500 bytes; loopback has packets of 64 KiB, which makes sending look cheap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of work."""

    label: str
    """What people call it."""
    work: Work
    """How is asked."""
    resource: Resource
    """For what."""
    least: float
    """What our server must reach, as a ratio to nginx."""
    size: int = 0
    """Bytes of a range, or after which a seeking viewer leaves."""
    connections: int = 16
    """How many ask at the same time."""
    max_segment: int = 0
    """TCP_MAXSEG; 0 for what loopback has."""
    workers: int = 1
    """Processes of the server, each with a core."""
    is_tail: bool = False
    """Whether the ratio is one of latencies that 99 % stay below, so that less is better; otherwise of rates."""

    @property
    def figure(self) -> Callable[[Cell], float | None]:
        """What is compared; it gives None where a cell has no such figure."""
        return _tail_latency if self.is_tail else _rate

    def is_reached(self, ratio: float) -> bool:
        """Tell whether a ratio to nginx is good enough."""
        return ratio <= self.least if self.is_tail else ratio >= self.least


def _rate(cell: Cell) -> float:
    return cell.rate


def _tail_latency(cell: Cell) -> float | None:
    return float(cell.latency_p99) if cell.requests else None


def _ranges(label: str, size: int, least: float, *, max_segment: int = 0, workers: int = 1) -> Row:
    return Row(
        label=label,
        work="range",
        resource=Resource.VIDEO,
        size=size,
        least=least,
        max_segment=max_segment,
        workers=workers,
    )


def _whole(label: str, resource: Resource, least: float) -> Row:
    return Row(label=label, work="whole", resource=resource, least=least)


ROWS = (
    _ranges("64 KiB range", 64 * KIB, 0.50),
    _ranges("64 KiB range, 1448-byte segments", 64 * KIB, 0.60, max_segment=ETHERNET_SEGMENT_BYTES),
    _whole("188 KiB HLS segment", Resource.SMALL_SEGMENT, 0.75),
    _ranges("1 MiB range", MIB, 0.85),
    _whole("1 MiB HLS segment", Resource.LARGE_SEGMENT, 0.85),
    _ranges("8 MiB range", 8 * MIB, 0.97),
    _whole("1 KiB playlist", Resource.PLAYLIST, 0.60),
    Row(label="304, unchanged", work="conditional", resource=Resource.SMALL_SEGMENT, least=0.45),
    Row(label="seek, left after 1 MiB", work="seek", resource=Resource.VIDEO, size=MIB, least=0.80),
    Row(
        label="1 MiB range × 128, p99",
        work="range",
        resource=Resource.VIDEO,
        size=MIB,
        least=2.0,
        connections=128,
        is_tail=True,
    ),
    _ranges("64 KiB range, 2 workers", 64 * KIB, 0.60, workers=2),
    _ranges("1 MiB range, 2 workers", MIB, 0.80, workers=2),
    _ranges("8 MiB range, 2 workers", 8 * MIB, 1.00, workers=2),
)


def question_for(row: Row, server: Server, content: Content) -> Question:
    """Return what a server is asked; `BenchError` where one such request is not answered as it should be."""
    path = path_of(server.name, content, row.resource)
    etag = ask(server, path, method="HEAD").headers.get("etag", "")
    headers, expected = {
        "range": ({"Range": "bytes=0-9"}, HTTPStatus.PARTIAL_CONTENT),
        "seek": ({"Range": "bytes=0-9"}, HTTPStatus.PARTIAL_CONTENT),
        "paced": ({"Range": "bytes=0-9"}, HTTPStatus.PARTIAL_CONTENT),
        "whole": ({}, HTTPStatus.OK),
        "conditional": ({"If-None-Match": etag}, HTTPStatus.NOT_MODIFIED),
    }[row.work]
    status = ask(server, path, headers=headers).status
    if status != expected:
        raise BenchError(f"it answers {status} in place of {expected}")
    return Question(
        work=row.work,
        path=path,
        length=length_of(server.name, content, row.resource),
        size=row.size,
        connections=row.connections,
        etag=etag,
        max_segment=row.max_segment,
    )
