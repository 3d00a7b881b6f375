"""Answers reach the client byte for byte, whatever the client does."""

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, create_default_context

import pytest

from streamserver.web.sending import COPY_BYTES, SMALL_BYTES
from streamserver.web.turns import STEP_BYTES
from tests.web.loopback import (
    Connection,
    assert_right,
    chance_of,
    content_of,
    folder_handler,
    on_each_loop,
    serving,
)

LARGE_BYTES = 5 * 1024 * 1024 + 321
"""Several steps and a rest; more than the kernel takes of a connection that is not read."""


pytestmark = on_each_loop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    (folder / "large").write_bytes(content_of("large", LARGE_BYTES))
    (folder / "small").write_bytes(content_of("small", 1000))
    (folder / "empty").write_bytes(b"")
    return folder


@pytest.fixture
def port(loop: str, folder: Path) -> Iterator[int]:
    with serving(folder_handler(folder), loop) as port:
        yield port


@pytest.mark.parametrize("length", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, STEP_BYTES, STEP_BYTES + 1, LARGE_BYTES])
def test_bodies_around_every_limit_arrive_whole(port: int, folder: Path, length: int) -> None:
    """However a body is sent for its size, the client gets these bytes, and can ask again."""
    content = content_of(f"of {length}", length)
    (folder / "any").write_bytes(content)
    with Connection(port) as connection:
        for _ in range(2):
            assert_right(connection.ask("/any"), content)


def test_random_ranges_arrive_whole_over_one_connection(port: int) -> None:
    """Single and multiple ranges, large and small, in any mixture on one connection."""
    chance = chance_of("ranges")
    content = content_of("large", LARGE_BYTES)
    with Connection(port) as connection:
        for _ in range(40):
            starts = [chance.randrange(LARGE_BYTES) for _ in range(chance.choice([1, 1, 2, 5]))]
            specs = [f"{start}-{start + chance.choice([0, 999, 70_000, 3_000_000])}" for start in starts]
            reply = connection.ask("/large", {"Range": "bytes=" + ",".join(specs)})
            assert_right(reply, content)


def test_regions_lead_through_a_file(port: int) -> None:
    """A client of the ResourceRegion delivery that asks for the rest each time ends up with the file."""
    received = b""
    with Connection(port) as connection:
        while len(received) < LARGE_BYTES:
            reply = connection.ask("/large?delivery=REGION", {"Range": f"bytes={len(received)}-"})
            assert len(reply.body) <= 1024 * 1024
            received += reply.body
    assert received == content_of("large", LARGE_BYTES)


def test_a_connection_is_kept_after_every_kind_of_answer(port: int) -> None:
    """200, 206, multipart, 304, 412, 416 and HEAD leave the connection ready for the next request."""
    requests: list[tuple[str, str, dict[str, str], int]] = [
        ("GET", "/large", {}, 200),
        ("GET", "/large", {"Range": "bytes=5-"}, 206),
        ("GET", "/large", {"Range": "bytes=5-6,2000000-"}, 206),
        ("GET", "/large", {"Range": "bytes=5-6,8-9"}, 206),
        ("GET", "/large", {"If-None-Match": '"a"'}, 304),
        ("GET", "/large", {"If-Match": '"b"'}, 412),
        ("GET", "/large", {"Range": "bytes=-0"}, 416),
        ("HEAD", "/large", {}, 200),
        ("HEAD", "/large", {"If-None-Match": '"a"'}, 304),
        ("HEAD", "/large", {"If-Match": '"b"'}, 412),
        ("GET", "/empty", {}, 200),
        ("GET", "/small", {}, 200),
    ]
    with Connection(port) as connection:
        for _ in range(2):
            for method, path, fields, status in requests:
                reply = connection.ask(path, fields, method=method)
                assert (reply.status, reply.headers.get("connection")) == (status, None)
                if status == 206:
                    assert_right(reply, content_of("large", LARGE_BYTES))
        assert connection.ask("/small").body == content_of("small", 1000)


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    """Requests that come all at once get whole answers, one after the other."""
    large, small = content_of("large", LARGE_BYTES), content_of("small", 1000)
    requests: list[tuple[str, str, dict[str, str], int, bytes]] = [
        ("GET", "/small", {}, 200, small),
        ("GET", "/large", {}, 200, large),
        ("HEAD", "/large", {}, 200, b""),
        ("GET", "/large", {"Range": "bytes=1000-4000000"}, 206, large[1000:4000001]),
        ("GET", "/large", {"Range": "bytes=-0"}, 416, b""),
        ("GET", "/large", {"If-None-Match": '"a"'}, 304, b""),
        ("GET", "/large", {"Range": "bytes=-2000000"}, 206, large[-2000000:]),
        ("GET", "/small", {"Range": "bytes=1-3"}, 206, small[1:4]),
    ]
    with Connection(port) as connection:
        for method, path, fields, _, _ in requests:
            connection.send(path, fields, method=method)
        for method, _, _, status, body in requests:
            reply = connection.read(method=method)
            assert (reply.status, reply.body) == (status, body)


@pytest.mark.parametrize("path", ["/small", "/large"])
def test_http_1_0_ends_with_the_body_unless_it_asks_otherwise(port: int, path: str) -> None:
    """An old client is told the length and sees the end of the connection."""
    with Connection(port) as connection:
        for _ in range(2):
            connection.send(path, {"Connection": "keep-alive"}, version="1.0")
            reply = connection.read()
            assert reply.headers["connection"] == "keep-alive"
            assert "transfer-encoding" not in reply.headers
        connection.send(path, version="1.0")
        again = connection.read()
        assert again.body == reply.body == content_of(path[1:], len(reply.body))
        assert connection.is_closed()


@pytest.mark.parametrize("path", ["/small", "/large"])
def test_connection_close_is_obeyed(port: int, path: str) -> None:
    """The whole body comes, and then the end."""
    with Connection(port) as connection:
        reply = connection.ask(path, {"Connection": "close"})
        assert reply.headers["connection"] == "close"
        assert reply.body == content_of(path[1:], len(reply.body))
        assert connection.is_closed()


@pytest.mark.parametrize("path", ["/small", "/large"])
def test_the_body_of_a_get_is_passed_over(port: int, path: str) -> None:
    """What a client sends along with a GET is neither answered nor taken for the next request."""
    hidden = b"GET /empty HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Connection(port) as connection:
        connection.send(path, {"Content-Length": str(len(hidden))}, body=hidden)
        assert_right(connection.read(), content_of(path[1:], 1000 if path == "/small" else LARGE_BYTES))
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
        connection.send(path, {"Transfer-Encoding": "chunked"}, body=chunked)
        assert connection.read().status == 200
        assert connection.ask("/small").body == content_of("small", 1000)


def test_an_ordinary_handler_of_an_application_sends_too(loop: str, folder: Path) -> None:
    """Behind a router and its response hooks it is the same."""
    with serving(folder_handler(folder), loop, application=True) as port, Connection(port) as connection:
        for fields in ({}, {"Range": "bytes=1-2000000"}, {"Range": "bytes=1-2,2000000-4000000"}):
            assert_right(connection.ask("/large", fields), content_of("large", LARGE_BYTES))


def test_the_access_log_counts_the_bytes_of_the_body(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """What goes past aiohttp's writer is counted all the same."""
    caplog.set_level(logging.INFO, "aiohttp.access")
    with Connection(port) as connection:
        connection.ask("/large")
        assert connection.ask("/small").status == 200
    status, size = caplog.records[0].getMessage().split(" ")
    assert status == "200"
    assert LARGE_BYTES < int(size) < LARGE_BYTES + 1000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a key and a certificate for localhost, in one file."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "-", "-out", "-"]
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return path


def test_tls_gets_the_same_bytes(loop: str, folder: Path, certificate: Path) -> None:
    """Where the transport encrypts, bodies go through it: whole, in parts, and to a slow reader."""
    server_side = SSLContext(PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    client_side = create_default_context(cafile=str(certificate))
    with (
        serving(folder_handler(folder), loop, tls=server_side) as port,
        Connection(port, tls=client_side, receive_buffer=4096) as connection,
    ):
        for fields in ({}, {"Range": "bytes=1-2000000"}, {"Range": "bytes=1-2,2000000-4000000"}):
            assert_right(connection.ask("/large", fields), content_of("large", LARGE_BYTES))
        assert_right(
            connection.ask("/large", {"Range": f"bytes=0-{2 * COPY_BYTES}"}), content_of("large", LARGE_BYTES)
        )
