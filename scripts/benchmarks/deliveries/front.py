"""nginx as a cache between the viewers and the server, and what its log says of the server's side."""

import http.client
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import BenchError, Server, free_port, running

ORIGIN_RATE_BPS = 200_000_000
"""How fast the cache fetches one answer: from another machine, as a cache would, not from this one."""
SLICE_BYTES = 1024 * 1024
"""What the slicing cache asks for at once; as much as ResourceRegion gives at most."""
DRAIN_SECONDS = 20.0
"""How long the cache may go on fetching for viewers who have left."""
LOOK_SECONDS = 0.05
STATUS_PATH = "/front-status"
CONFIGURATION = """
daemon off;
worker_processes 1;
{user}pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  log_format origin '$upstream_bytes_received|$upstream_cache_status|$request_uri';
  access_log {folder}/access.log origin;
  # The slices of an answer are subrequests, each with a fetch of its own.
  log_subrequest on;
  # On loopback tcp_nopush waits for packets of 64 KiB to fill.
  sendfile on; tcp_nopush off; keepalive_requests 100000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=media:16m max_size=20g inactive=1h use_temp_path=off;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = {status} {{ access_log off; stub_status; }}
    location / {{
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_limit_rate {rate};
      proxy_cache media; proxy_cache_lock on; proxy_cache_revalidate on;
      proxy_cache_use_stale updating; proxy_cache_background_update on;
      {slicing}
    }}
  }}
}}
"""
SLICING = f"""slice {SLICE_BYTES};
      proxy_cache_key $uri$is_args$args$slice_range; proxy_set_header Range $slice_range;"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginTraffic:
    """What a cache asked the server for."""

    requests: int
    """Sent to the server, those that found nothing new (304) too."""
    received_bytes: int
    """Heads and bodies."""
    kept_bytes: int
    """What the cache takes on its disk in the end."""


class Front:
    """A running cache."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._folder = folder

    def origin_traffic(self) -> OriginTraffic:
        """Wait until the cache fetches nothing any more, and sum up what it fetched."""
        self._drain()
        fetched = read_log((self._folder / "access.log").read_text())
        kept = sum(file.stat().st_size for file in (self._folder / "cache").rglob("*") if file.is_file())
        return OriginTraffic(requests=len(fetched), received_bytes=sum(fetched), kept_bytes=kept)

    def _drain(self) -> None:
        """Wait until no request is left but the one that asks: nginx fetches on when a viewer has gone."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=DRAIN_SECONDS)
            connection.request("GET", STATUS_PATH)
            status = connection.getresponse().read().decode()
            connection.close()
            if re.search(r"Writing: 1\b", status):
                return
            time.sleep(LOOK_SECONDS)
        raise BenchError(f"the cache still fetches after {DRAIN_SECONDS:.0f} s")


@contextmanager
def front(origin: Server, folder: Path, *, slicing: bool, cores: frozenset[int]) -> Iterator[Front]:
    """Run nginx as an empty cache in front of a server."""
    program = shutil.which("nginx")
    if program is None:
        raise BenchError("nginx is not installed")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            # As root, nginx would hand its work to a user who may not write here.
            user="user root;\n" if os.geteuid() == 0 else "",
            origin=origin.port,
            port=port,
            status=STATUS_PATH,
            rate=ORIGIN_RATE_BPS // 8,
            slicing=SLICING if slicing else "",
        )
    )
    command = [program, "-p", str(folder), "-c", str(configuration)]
    with running("nginx", command, port=port, cores=cores, log=folder / "nginx.log") as server:
        yield Front(server, folder)
    shutil.rmtree(folder / "cache", ignore_errors=True)


def has_slices() -> bool:
    """Say whether the nginx that is installed was built with its slice module."""
    program = shutil.which("nginx")
    if program is None:
        return False
    # It tells on standard error.
    told = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stderr
    return "http_slice_module" in told


def read_log(text: str) -> list[int]:
    """Return the bytes of each fetch from the server that a log tells of."""
    return [
        sum(int(part) for part in re.findall(r"\d+", received))
        for received, _, _ in (line.partition("|") for line in text.splitlines())
        if received != "-"
    ]
