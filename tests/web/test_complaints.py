"""Strangers cannot fill the log: what they get wrong is answered, and no fault of the server's."""

from collections.abc import Iterator, Mapping

import pytest
from aiohttp import web

from streamserver.web.fast import FastHandler
from tests.services.server import ServerProcess, running_server
from tests.web.wire import exchange, request_bytes

JUNK = b"this was never compressed"
GZIP = {"Content-Encoding": "gzip"}
CHUNKED = {"Transfer-Encoding": "chunked"}
TUS = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("complaints") / "data") as server:
        yield server


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("PUT", "/api/videos/none/poster", GZIP, JUNK),
        ("PATCH", "/api/uploads/none", GZIP | TUS, JUNK),
        ("POST", "/api/videos", GZIP | FORM, JUNK),
        ("POST", "/api/videos/none/subtitles", GZIP | FORM, JUNK),
        ("PATCH", "/api/videos/none", GZIP, JUNK),
        ("POST", "/nowhere", GZIP, JUNK),
        ("DELETE", "/media/none/source", GZIP, JUNK),
        ("PUT", "/api/videos/none/poster", {"Content-Encoding": "br"}, JUNK),
        ("PUT", "/api/videos/none/poster", CHUNKED, b"zz\r\nno such size\r\n"),
        ("POST", "/nowhere", CHUNKED, b"3\r\nabcdef\r\n"),
        ("GET", "/", {"Content-Length": "many"}, b""),
        ("GET", "/", {"a name": "with a space"}, b""),
        ("GET", "/" + "a" * 100_000, {}, b""),
        ("BREW\0", "/", {}, b""),
    ],
)
async def test_a_request_that_cannot_be_read_is_answered_and_leaves_no_traceback(
    server: ServerProcess, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> None:
    """A body that does not keep to its encoding, and what is no HTTP: 4xx, and not a line in the log."""
    before = server.log.read_text()
    port = int(server.url.rsplit(":", 1)[1])
    answer = await exchange(port, request_bytes(target, method=method, headers=headers, body=body))
    assert 400 <= answer.status < 500
    assert (await exchange(port, request_bytes("/healthz"))).status == 200
    assert server.log.read_text() == before


async def test_a_fault_of_the_servers_own_is_still_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    """Only what clients do is left out: what else goes wrong is an error with its trace."""
    connection = FastHandler(web.Server(_nothing), None, None)
    with caplog.at_level("INFO"):
        connection.log_exception("at fault: %s", "us", exc_info=RuntimeError("ours"))
        connection.log_exception("at fault: %s", "them", exc_info=web.RequestPayloadError("theirs"))
    assert [record.getMessage() for record in caplog.records] == ["at fault: us"]


async def _nothing(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response()
