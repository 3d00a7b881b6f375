"""Several processes on one port: everything works through any of them, and none is left behind."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.web.loopback import LOOPS
from tests.web.program import Program, command, serving_program

WORKERS = 3
PATIENCE_SECONDS = 60.0
MANY_CONNECTIONS = 40
"""Enough for each process to get some, by all odds: 1 in 10 million runs one of three gets none."""
UPLOAD_BYTES = 20_000_000
"""More than any buffer on the way."""


@pytest.fixture(scope="module", params=LOOPS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("data") / ("a-folder-far-down-" + "x" * 100) / "data"
    with serving_program(folder, "--workers", str(WORKERS), settings={"loop": request.param}) as program:
        yield program


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1:r=10"]
    subprocess.run([*ffmpeg, "-pix_fmt", "yuv420p", str(path)], check=True)
    return path.read_bytes()


def wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def ask(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Ask over a new connection, which any process may get."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request(method, path, body or None, headers or {})
        response = connection.getresponse()
        return response.status, response.read()


def sockets_by_process(program: Program) -> list[int]:
    """Return how many connections to the server each process has."""
    local = f":{program.port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(local) and line[3] == "01"}
    counts = []
    for pid in (program.process.pid, *program.workers):
        links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
        counts.append(sum(str(link) in inodes for link in links))
    return counts


def test_every_process_takes_its_part(program: Program) -> None:
    """Connections are spread over all processes, and pages and the API answer on each."""
    connections = [http.client.HTTPConnection("127.0.0.1", program.port) for _ in range(MANY_CONNECTIONS)]
    for connection in connections:
        connection.request("GET", "/api/videos?q=none")
        response = connection.getresponse()
        assert json.loads(response.read()) == {"videos": [], "next": None}
        connection.request("GET", "/upload")
        page = connection.getresponse()
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert page.read().rstrip().endswith(b"</html>")
        connection.request("HEAD", "/upload")
        head = connection.getresponse()
        assert (head.status, head.headers["Content-Length"], head.read()) == (
            200,
            page.headers["Content-Length"],
            b"",
        )
    counts = sockets_by_process(program)
    assert len(counts) == WORKERS
    assert min(counts) > 0
    for connection in connections:
        connection.close()


def form(content: bytes) -> tuple[bytes, dict[str, str]]:
    head = b'--limit\r\nContent-Disposition: form-data; name="file"; filename="clip.mp4"\r\n\r\n'
    return head + content + b"\r\n--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit"}


def test_a_video_lives_its_life_through_any_process(program: Program, clip: bytes) -> None:
    """Uploaded through one, followed and played through others, it is gone from all when deleted."""
    status, answer = ask(program.port, "POST", "/api/videos", *form(clip))
    assert status == 201
    document = json.loads(answer)
    status, events = ask(program.port, "GET", f"/api/jobs/{document['job']['id']}/events")
    assert (status, events.count(b"event: complete")) == (200, 1)
    video = json.loads(ask(program.port, "GET", f"/api/videos/{document['video']['id']}")[1])
    rendition = video["renditions"][0]
    for _ in range(MANY_CONNECTIONS):
        assert ask(program.port, "GET", rendition["file_url"])[0] == 200
        assert ask(program.port, "GET", rendition["playlist_url"])[1].startswith(b"#EXTM3U")
    assert ask(program.port, "DELETE", f"/api/videos/{video['id']}")[0] in {200, 204}
    for url in (rendition["file_url"], rendition["playlist_url"], video["hls_url"]):
        wait_until(partial(_is_gone, program.port, url))


def _is_gone(port: int, path: str) -> bool:
    return all(ask(port, "GET", path)[0] == 404 for _ in range(MANY_CONNECTIONS))


def test_a_large_upload_that_is_refused_gets_its_answer(program: Program) -> None:
    """What is no video is refused with a sentence, through each process alike; a client may ask first (100)."""
    body, headers = form(b"%PDF-1.7" + bytes(UPLOAD_BYTES))
    for fields in ({}, {"Expect": "100-continue"}) * 4:
        with closing(socket.create_connection(("127.0.0.1", program.port), PATIENCE_SECONDS)) as client:
            lines = {
                **headers,
                **fields,
                "Host": "localhost",
                "Content-Length": str(len(body)),
                "Connection": "close",
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            client.sendall(f"POST /api/videos HTTP/1.1\r\n{head}\r\n".encode())
            file = client.makefile("rb")
            if fields:
                assert file.readline().startswith(b"HTTP/1.1 100")
                assert file.readline() == b"\r\n"
            with suppress(ConnectionError):  # it may have heard enough
                client.sendall(body)
            answer = file.read()
            assert answer.split(b" ")[1] == b"415", answer[:500]
            assert b'"code": "unsupported_media"' in answer
            file.close()


def test_events_come_as_they_happen(program: Program, clip: bytes) -> None:
    """A stream of events through any process is not held back, and stays open."""
    streams = [http.client.HTTPConnection("127.0.0.1", program.port, timeout=PATIENCE_SECONDS) for _ in range(8)]
    answers = []
    for stream in streams:
        stream.request("GET", "/api/events")
        answers.append(stream.getresponse())
    status, _ = ask(program.port, "POST", "/api/videos", *form(clip))
    assert status == 201
    for answer in answers:
        while not answer.readline().startswith(b"event: complete"):
            assert not answer.isclosed()
    for stream in streams:
        stream.close()


def test_a_worker_that_dies_is_replaced(program: Program) -> None:
    """The server goes on without it, and soon there are as many as before."""
    before = program.workers
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(program.workers) == WORKERS - 1 and before[0] not in program.workers)
    wait_until(lambda: all(_answers(program.port) for _ in range(MANY_CONNECTIONS)))


def _answers(port: int) -> bool:
    try:
        return ask(port, "GET", "/healthz")[0] == 200
    except (ConnectionError, http.client.HTTPException):
        return False


def test_the_end_of_the_first_process_is_the_end_of_all(tmp_path: Path) -> None:
    """Killed without a chance to clean up, it leaves no process behind."""
    with serving_program(tmp_path, "--workers", str(WORKERS)) as program:
        workers = program.workers
        assert len(workers) == WORKERS - 1
        program.process.kill()
        program.process.wait()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_open_streams_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """Asked to end, the server ends the streams of events in all processes, and every process with them."""
    with serving_program(tmp_path, "--workers", str(WORKERS)) as program:
        workers = program.workers
        streams = [
            http.client.HTTPConnection("127.0.0.1", program.port, timeout=PATIENCE_SECONDS) for _ in range(20)
        ]
        for stream in streams:
            stream.request("GET", "/api/events")
            assert stream.getresponse().status == 200
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(PATIENCE_SECONDS) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
        for stream in streams:
            stream.close()


def test_a_port_that_is_taken_is_not_shared_with_a_stranger(tmp_path: Path) -> None:
    """Another server of the same user on the port is a reason not to start, for several processes too."""
    with serving_program(tmp_path / "a", "--workers", "2") as program:
        other = command(tmp_path / "b", "--workers", "2", "--port", str(program.port))
        ended = subprocess.run(other, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{program.port}" in ended.stderr
