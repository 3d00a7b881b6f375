"""What Python's transports leave to the system: how a connection's own socket is written to."""

import asyncio
import ctypes
import os
import socket

UNSENT_BYTES = 512 * 1024
"""How far the kernel may run ahead of the network: enough for full speed, and bearable for 5,000 slow clients."""

_MSG_MORE = getattr(socket, "MSG_MORE", 0)


def has_sendfile(transport: asyncio.Transport) -> bool:
    """Tell whether bytes may be given to the socket as they are: never where the transport encrypts."""
    return hasattr(os, "sendfile") and transport.get_extra_info("ssl_object") is None


def limit_unsent(client: socket.socket) -> None:
    """Set `UNSENT_BYTES` for a socket, or for all that a listening one accepts."""
    if client.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _load_send() -> "ctypes._NamedFuncPointer":
    send = ctypes.CDLL(None, use_errno=True).send
    send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
    send.restype = ctypes.c_ssize_t
    return send


_send = _load_send()


def send_more(client: int, data: bytes) -> int:
    """Write to a socket what is not worth a packet of its own, because more follows at once (send(2), MSG_MORE).

    Transports give no socket to `send` by, and a `socket.socket` made of the number would own it.
    """
    sent: int = _send(client, data, len(data), _MSG_MORE)
    if sent < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))  # Python picks the subclass: BlockingIOError and so on
    return sent
