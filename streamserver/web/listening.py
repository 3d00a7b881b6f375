"""The sockets that a server listens on."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing, suppress

from streamserver.web.sockets import limit_unsent

BACKLOG = 4096
"""Connections that may wait to be accepted."""
UVLOOP_HANDLES = 16
"""uvloop takes one connection a turn from each handle (libuv since 1.45). A turn with 128 busy connections takes
tens of milliseconds, and the last of 128 new ones waited for seconds. With more handles on the same socket all
are in after a few turns; one that finds nothing costs a system call."""


def bind(host: str, port: int, *, shared: bool) -> list[socket.socket]:
    """Bind every address of a host, to one port; raises `OSError`.

    A shared port can be bound again by further processes of this user, each of which gets its part of the
    connections (SO_REUSEPORT). Nobody may have it yet.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    refusal = OSError(errno.EADDRNOTAVAIL, "the host has no address on this machine")
    for family, name in dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found):
        wanted = bound[0].getsockname()[1] if bound else port
        try:
            if shared:
                # Whoever has the port already would share it with us unasked.
                with closing(_bind(family, name, wanted, shared=False)) as probe:
                    wanted = probe.getsockname()[1]
            bound.append(_bind(family, name, wanted, shared=shared))
        except OSError as error:
            refusal = error
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # IPv6 may be switched off
                break
    else:
        if bound:
            return bound
    for listener in bound:
        listener.close()
    raise refusal


def bind_again(family: int, name: str, port: int) -> socket.socket:
    """Bind an address that another process bound as shared."""
    return _bind(socket.AddressFamily(family), name, port, shared=True)


@asynccontextmanager
async def listening(
    make_connection: Callable[[], asyncio.Protocol],
    listeners: Iterable[socket.socket],
    tls: ssl.SSLContext | None,
) -> AsyncIterator[None]:
    """Accept connections for as long as the context lasts; it closes the sockets."""
    loop = asyncio.get_running_loop()
    handles = UVLOOP_HANDLES if type(loop).__module__.startswith("uvloop") else 1
    servers: list[asyncio.Server] = []
    try:
        for listener in listeners:
            limit_unsent(listener)
            for handle in (listener, *(listener.dup() for _ in range(handles - 1))):
                server = await loop.create_server(make_connection, sock=handle, ssl=tls, backlog=BACKLOG)
                servers.append(server)
        yield
    finally:
        for server in servers:
            server.close()


def _bind(family: socket.AddressFamily, name: str, port: int, *, shared: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setblocking(False)
        listener.bind((name, port))
    except OSError:
        with suppress(OSError):
            listener.close()
        raise
    return listener
