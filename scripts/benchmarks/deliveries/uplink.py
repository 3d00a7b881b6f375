"""A network of our own, whose one link carries no more than it is told to."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.servers import BenchError, output_of

CLONE_NEWNET = 0x40000000
ETHERNET_MTU = 1500
QUEUE_SECONDS = 0.05
"""How long a packet may stand in the queue before the link drops it."""
BURST_BYTES = 64 * 1024
"""What may leave at once; a kernel with a coarse timer needs this much for hundreds of Mbit/s."""


@contextmanager
def narrow_uplink(rate_bps: int) -> Iterator[None]:
    """Move this process, and all that it starts meanwhile, to a network where loopback is such a link.

    A token bucket (tc-tbf(8)) holds back what leaves; the other way, requests and acknowledgements, it is shared
    too, which costs about 2 %. The network ends with the last process in it. `BenchError` where that is not
    allowed: it takes root, or CAP_SYS_ADMIN and CAP_NET_ADMIN.
    """
    if shutil.which("tc") is None or shutil.which("ip") is None:
        raise BenchError("ip and tc (iproute2) are not installed")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _leave_network()
        try:
            output_of(["ip", "link", "set", "lo", "up", "mtu", str(ETHERNET_MTU)])
            output_of(["tc", "qdisc", "add", "dev", "lo", "root", *_bucket(rate_bps)])
            yield
        finally:
            _join_network(home)
    finally:
        os.close(home)


def _bucket(rate_bps: int) -> list[str]:
    latency = f"{QUEUE_SECONDS * 1000:.0f}ms"
    return ["tbf", "rate", f"{rate_bps}bit", "burst", str(BURST_BYTES), "latency", latency]


def _leave_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise BenchError(f"a network of our own: {os.strerror(ctypes.get_errno())}")


def _join_network(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
        raise BenchError(f"back to the machine's network: {os.strerror(ctypes.get_errno())}")
