"""`scripts/measure`: figures that the README names, taken from a server that this starts and ends.

start     the time that `scripts/run` adds to the server's own, when nothing is to be set up
upload    how much the server's memory grows while it takes a file in by form
playable  the time from the end of an upload to the first HLS segment of the smallest rendition
eta       how far the time left that is told after a quarter of the work is from what it then took
"""

import argparse
import http.client
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap.checkout import Checkout, this_checkout

ROUNDS = 5
CHUNK = 1024 * 1024
READY = "streamserver is ready: http://"
PATIENCE_SECONDS = 600
QUARTER = 25
"""Percent of a job after which its time left is taken at its word."""


@dataclass(frozen=True)
class Server:
    """A server of ours that runs."""

    pid: int
    host: str
    seconds_to_ready: float

    def peak_memory_bytes(self) -> int:
        """Return the most memory that was ever resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def ask(self, path: str) -> tuple[int, bytes]:
        """GET a path; return the status and the body."""
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE_SECONDS)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()

    def reports(self, path: str) -> Iterator[dict[str, float]]:
        """Yield what Server-Sent Events tell until they end."""
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE_SECONDS)
        connection.request("GET", path)
        for line in connection.getresponse():
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))

    def upload(self, name: str, chunks: Iterator[bytes], size: int) -> dict[str, dict[str, str]]:
        """Send a file as a browser's form does."""
        boundary = secrets.token_hex(16)
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{boundary}\r\n{disposition}\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE_SECONDS)
        connection.putrequest("POST", "/api/videos")
        connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
        connection.putheader("Content-Length", str(len(head) + size + len(tail)))
        connection.endheaders()
        connection.send(head)
        for chunk in chunks:
            connection.send(chunk)
        connection.send(tail)
        answer: dict[str, dict[str, str]] = json.loads(connection.getresponse().read())
        return answer


def main(options: Sequence[str]) -> int:
    """Take figures and print them as they come."""
    parser = argparse.ArgumentParser(prog="scripts/measure", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="an upload of 100 MB in place of 2 GB, one start")
    parser.add_argument("--only", choices=FIGURES, action="append", help="one of the figures; may be repeated")
    chosen = parser.parse_args(options)
    checkout = this_checkout()
    subprocess.run([str(checkout.root / "scripts" / "run"), "--help"], check=True, stdout=subprocess.DEVNULL)
    for name in chosen.only or FIGURES:
        FIGURES[name](checkout, quick=chosen.quick)
    return 0


def _starts(checkout: Checkout, *, quick: bool) -> None:
    added, rounds = [], 1 if quick else ROUNDS
    for number in range(rounds):
        print(f"start: round {number + 1} of {rounds} …", file=sys.stderr, flush=True)
        with _running(_serve(checkout)) as alone, _running(_run(checkout)) as by_script:
            added.append(by_script.seconds_to_ready - alone.seconds_to_ready)
    print(f"start     scripts/run adds {statistics.median(added):+.2f} s to the server's own start", flush=True)


def _upload(checkout: Checkout, *, quick: bool) -> None:
    size = 100_000_000 if quick else 2_000_000_000
    with _running(_serve(checkout)) as server:
        before = server.peak_memory_bytes()
        began = time.monotonic()
        server.upload("large.bin", _noise(size), size)
        seconds = time.monotonic() - began
        growth = server.peak_memory_bytes() - before
    rate = size / seconds / 1e6
    print(f"upload    {size / 1e9:g} GB at {rate:.0f} MB/s: memory grew by {growth / 1e6:.1f} MB", flush=True)


def _playable(checkout: Checkout, *, quick: bool) -> None:
    seconds = 10 if quick else 20
    with tempfile.TemporaryDirectory() as folder, _running(_serve(checkout)) as server:
        for name, codec in (("H.264, remuxed", "libx264"), ("MPEG-4, encoded", "mpeg4")):
            clip = Path(folder) / f"{codec}.mp4"
            _make_clip(checkout, clip, codec, seconds=seconds)
            video_id = server.upload(clip.name, iter([clip.read_bytes()]), clip.stat().st_size)["video"]["id"]
            began = time.monotonic()
            _await_segment(server, video_id)
            print(f"playable  1080p {name}: {time.monotonic() - began:.1f} s after the upload", flush=True)


def _await_segment(server: Server, video_id: str) -> None:
    """Wait for the first segment of the smallest rendition that has been begun."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        renditions = json.loads(server.ask(f"/api/videos/{video_id}")[1])["renditions"]
        if renditions:
            segment = renditions[-1]["playlist_url"].replace("index.m3u8", "0.m4s")
            if server.ask(segment)[0] == http.client.OK:
                return
        time.sleep(0.05)
    sys.exit("no segment came")


def _eta(checkout: Checkout, *, quick: bool) -> None:
    seconds = 10 if quick else 60
    with tempfile.TemporaryDirectory() as folder, _running(_serve(checkout)) as server:
        for name, codec in (("H.264", "libx264"), ("MPEG-4", "mpeg4")):
            clip = Path(folder) / f"{codec}.mp4"
            _make_clip(checkout, clip, codec, seconds=seconds)
            job_id = server.upload(clip.name, iter([clip.read_bytes()]), clip.stat().st_size)["job"]["id"]
            told_at, told = 0.0, None
            for report in server.reports(f"/api/jobs/{job_id}/events"):
                if told is None and report["percent"] >= QUARTER and report["eta_seconds"]:
                    told_at, told = time.monotonic(), report["eta_seconds"]
            if told is None:
                sys.exit("no time left was told")
            took = time.monotonic() - told_at
            off = abs(told - took) / took
            print(
                f"eta       1080p {name}: {told:.1f} s left were told, {took:.1f} s it took: {off:.0%} off",
                flush=True,
            )


FIGURES = {"start": _starts, "upload": _upload, "playable": _playable, "eta": _eta}


def _make_clip(checkout: Checkout, clip: Path, codec: str, *, seconds: int) -> None:
    find = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"
    ffmpeg = subprocess.run([str(checkout.python), "-c", find], check=True, capture_output=True, text=True)
    source = ["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=30"]
    command = [
        ffmpeg.stdout.strip(),
        "-v",
        "error",
        *source,
        "-t",
        str(seconds),
        "-c:v",
        codec,
        "-b:v",
        "6M",
        "-g",
        "60",
    ]
    speed = ["-preset", "ultrafast"] if codec == "libx264" else []
    subprocess.run([*command, *speed, "-pix_fmt", "yuv420p", str(clip)], check=True)


def _noise(size: int) -> Iterator[bytes]:
    chunk = os.urandom(CHUNK)
    for start in range(0, size, CHUNK):
        yield chunk[: min(CHUNK, size - start)]


def _serve(checkout: Checkout) -> list[str]:
    return [str(checkout.python), "-P", "-m", "streamserver", "serve"]


def _run(checkout: Checkout) -> list[str]:
    return [str(checkout.root / "scripts" / "run")]


@contextmanager
def _running(command: list[str]) -> Iterator[Server]:
    """Start a server on a folder of its own; end it by its process group."""
    with tempfile.TemporaryDirectory() as data:
        began = time.monotonic()
        process = subprocess.Popen(
            [*command, "--port", "0", "--data-dir", data, "--no-sample", "--log-level", "warning"],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None  # noqa: S101 - started with a pipe
            line = next((line for line in process.stdout if READY in line), None)
            if line is None:
                sys.exit("the server did not start")
            host = line.split(READY)[1].strip()
            yield Server(pid=process.pid, host=host, seconds_to_ready=time.monotonic() - began)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
