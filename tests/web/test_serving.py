"""What the settings of the front of the server do: TLS, the access log, the loop."""

import http.client
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from tests.web.loopback import LOOPS, Connection, assert_right, content_of, serving
from tests.web.media_server import media_path, media_server
from tests.web.program import command, serving_program
from tests.web.test_arrival import LARGE, digest, expected

PATIENCE_SECONDS = 60.0
LARGE_BYTES = 3_000_321


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a key and a certificate for localhost, in one file."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    path.write_bytes(
        subprocess.run([*openssl, "-keyout", "-", "-out", "-"], check=True, capture_output=True).stdout
    )
    return path


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.mark.parametrize("loop", LOOPS)
def test_media_over_tls_are_the_same_bytes(loop: str, tmp_path: Path, certificate: Path) -> None:
    """Nothing is written past the encryption, however hot, and to a slow reader too."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    content = content_of("tls", LARGE_BYTES)
    with (
        media_server(tmp_path, loop, {"a": content}, tls=server_side) as media,
        Connection(media.port, tls=trusting(certificate), receive_buffer=4096) as connection,
    ):
        for fields in ({}, {"Range": "bytes=1-2"}, {"Range": "bytes=1-70000"}, {"Range": "bytes=1-2000000"}) * 2:
            assert_right(connection.ask(media_path("a.mp4"), fields), content)


@pytest.mark.parametrize("loop", LOOPS)
def test_large_bodies_arrive_over_tls(loop: str, certificate: Path) -> None:
    """What is encrypted also goes into a buffer, byte for byte."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    body = content_of("tls", LARGE)
    with (
        serving(digest, loop, tls=server_side, application=True) as port,
        Connection(port, tls=trusting(certificate)) as connection,
    ):
        connection.send("/", {"Content-Length": str(LARGE)}, method="PUT", body=body)
        assert connection.read().body == expected(body)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_whole_server_speaks_tls(tmp_path: Path, certificate: Path, workers: str) -> None:
    """With a certificate the URL is https, and every process shows the certificate."""
    settings = {"tls_certificate": str(certificate)}
    with serving_program(tmp_path, "--workers", workers, settings=settings) as program:
        assert program.url.startswith("https://127.0.0.1:")
        for _ in range(10):
            connection = http.client.HTTPSConnection("127.0.0.1", program.port, context=trusting(certificate))
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tls_certificate", "tls_certificate and tls_key cannot be used"),
        ("tls_key", "tls_key goes with tls_certificate"),
        ("access_log", "The access log"),
    ],
)
def test_files_that_cannot_be_used_stop_the_start(tmp_path: Path, name: str, sentence: str) -> None:
    """A wrong path is said in a sentence, not found out later."""
    environment = {f"STREAMSERVER_{name.upper()}": str(tmp_path / "nowhere/file"), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        command(tmp_path / "data", "--port", "0"),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env=environment,
    )
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("loop", LOOPS)
def test_the_access_log_goes_to_standard_output_unless_told_otherwise(tmp_path: Path, loop: str) -> None:
    """Pages and media are logged alike, within about a second, and all of it at the end."""
    with serving_program(tmp_path, settings={"loop": loop}) as program:
        _ask(program.port, "/healthz")
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not any('"GET /healthz HTTP/1.1" - 200' in line for line in program.said):
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        _ask(program.port, "/media/none/source")
    assert '"GET /media/none/source HTTP/1.1" - 404' in program.said[-1]


def test_the_access_log_can_be_a_file_or_nothing(tmp_path: Path) -> None:
    """A path is written to, by all processes; `false` writes nothing."""
    path = tmp_path / "access.log"
    with serving_program(tmp_path / "a", "--workers", "2", settings={"access_log": str(path)}) as program:
        for _ in range(20):
            _ask(program.port, "/healthz")
    assert path.read_text().count('"GET /healthz HTTP/1.1" - 200') == 20
    assert len(program.said) == 1
    with serving_program(tmp_path / "b", settings={"access_log": "false"}) as program:
        _ask(program.port, "/healthz")
    assert len(program.said) == 1


def _ask(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()
