"""A link of our own carries what it is told to, and is gone afterwards."""

import socket
import threading
import time
from pathlib import Path

from benchmarks.deliveries.uplink import narrow_uplink
from benchmarks.servers import BenchError, output_of

from tests.facts import missing

RATE_BPS = 40_000_000
BURST_SHARE = 0.8


def network() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def test_a_link_is_narrow_and_ours_alone() -> None:
    """Inside, 1 MB takes most of the time that the rate asks for, or more; outside, all is as before."""
    before = network()
    try:
        with narrow_uplink(RATE_BPS):
            assert network() != before
            assert "tbf" in output_of(["tc", "qdisc", "show", "dev", "lo"])
            seconds = carry(1_000_000)
    except BenchError as error:
        assert network() == before
        missing(str(error))
    assert network() == before
    assert seconds >= BURST_SHARE * 1_000_000 * 8 / RATE_BPS


def carry(count: int) -> float:
    """Send so many bytes over loopback; return how long that took."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        server, _ = listener.accept()
        began = time.monotonic()
        sending = threading.Thread(target=client.sendall, args=(bytes(count),))
        sending.start()
        received = 0
        while received < count:
            received += len(server.recv(65536))
        sending.join()
        server.close()
        return time.monotonic() - began
