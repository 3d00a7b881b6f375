"""The short way builds on private parts of aiohttp: here they are all named."""

import asyncio
import re
from pathlib import Path

from aiohttp import web, web_protocol
from aiohttp.http import HttpRequestParser, HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD

from streamserver.web import fast
from streamserver.web.fast import FastHandler, Round

FIELDS = {
    "_waiter",
    "_messages",
    "_parser",
    "_next_keepalive_close_time",
    "_keepalive_timeout",
    "_process_keepalive",
}
"""Of `RequestHandler`; an upgrade of aiohttp that renames one, or means something else by it, fails here."""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_every_private_field_is_there() -> None:
    """`RequestHandler` has the fields, and the parser and its messages what is asked of them."""
    for name in FIELDS:
        assert hasattr(web.RequestHandler, name), name
    assert callable(HttpRequestParser.message_consumed)
    for name in ("method", "path", "version", "headers", "should_close", "upgrade"):
        assert hasattr(RawRequestMessage, name), name


def test_no_other_private_field_is_used() -> None:
    """What the module touches of itself is either its own or named here."""
    source = Path(fast.__file__).read_text(encoding="utf-8")
    own = {name for part in (FastHandler, Round) for name in (*part.__slots__, *vars(part))}
    of_aiohttp = {name for name in own if name.startswith("_") and hasattr(web.RequestHandler, name)} - {
        "__init__"
    }
    used = set(re.findall(r"(?:self|super\(\))\.(_[a-z][a-z_]+)", source))
    assert used - (own - of_aiohttp) == FIELDS


def test_a_connection_adds_no_dictionary() -> None:
    """Thousands of connections are held: each has its fields in slots."""
    assert not hasattr(web.RequestHandler, "__dict__") or "__dict__" not in dir(FastHandler)


async def test_the_fields_mean_what_they_meant() -> None:
    """A task that waits has a pending `_waiter`; data are parsed into `_messages` before it is woken."""

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    loop = asyncio.get_running_loop()
    server = web.Server(answer)
    listener = await loop.create_server(server, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    while not server.connections or server.connections[0]._waiter is None:  # noqa: ASYNC110 - nobody announces it
        await asyncio.sleep(0)
    (handler,) = server.connections
    waiter = handler._waiter
    assert waiter is not None
    assert not waiter.done()
    assert handler._next_keepalive_close_time > loop.time()
    assert handler._keepalive_timeout > 0
    handler.data_received(REQUEST)
    assert waiter.done()
    ((message, payload),) = handler._messages
    assert isinstance(message, RawRequestMessage)
    assert (message.method, message.path, message.version) == ("GET", "/", HttpVersion11)
    assert payload is EMPTY_PAYLOAD
    assert isinstance(handler._parser, HttpRequestParser)
    assert web_protocol.MAX_MSG_QUEUE_SIZE > 1
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    listener.close()
    await server.shutdown(1)
