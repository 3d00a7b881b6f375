"""What Python's transports leave to the system: how a connection's own socket is written to."""

import asyncio
import os
import socket

UNSENT_BYTES = 512 * 1024
"""How far the kernel may run ahead of the network: enough for full speed, and bearable for 5,000 slow clients."""


def has_sendfile(transport: asyncio.Transport) -> bool:
    """Tell whether bytes may be given to the socket as they are: never where the transport encrypts."""
    return hasattr(os, "sendfile") and transport.get_extra_info("ssl_object") is None


def limit_unsent(client: socket.socket) -> None:
    """Set `UNSENT_BYTES` for a socket, or for all that a listening one accepts."""
    if client.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
