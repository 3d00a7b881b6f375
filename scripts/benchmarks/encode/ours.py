"""The ladder by our server: a file is uploaded, and watched until its job is complete."""

import time
from pathlib import Path

from benchmarks.encode.first_play import has_segment
from benchmarks.encode.outcome import CRF, LOOK_SECONDS, PATIENCE_SECONDS, PRESET, Run
from benchmarks.product import ask, streamserver, upload
from benchmarks.servers import BenchError, Server, all_cores

CALM_SECONDS = 0.1
"""How often is looked for the end: a look costs processor time that counts as ours."""


def run_server(source: Path, folder: Path) -> Run:
    """Start a server on a folder, have it encode a file, end it; its own start does not count."""
    settings = {"x264_preset": PRESET, "x264_crf": str(CRF)}
    with streamserver(folder / "data", cores=all_cores(), log=folder / "server.log", settings=settings) as server:
        ask(server, "/healthz")
        cpu_before, began = server.cpu_seconds(), time.monotonic()
        added = upload(server, source, title="bench")
        first_segment, video = _follow(server, added["job"]["id"], added["video"]["id"])
        wall = time.monotonic() - began
        return Run(
            wall_seconds=wall,
            # The encoder's share is known to the server, its parent, once it has ended.
            cpu_seconds=server.cpu_seconds() - cpu_before,
            first_segment_seconds=first_segment - began,
            output_bytes=sum(_size_bytes(server, rendition["file_url"]) for rendition in video["renditions"]),
        )


def _follow(server: Server, job_id: str, video_id: str) -> tuple[float, dict[str, list[dict[str, str]]]]:
    """Wait for the first segment and for the end; return when the first came, and the Video."""
    first_segment = None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if first_segment is None and has_segment(server, video_id):
            first_segment = time.monotonic()
        job = ask(server, f"/api/jobs/{job_id}").json()
        if job["status"] == "ERROR":
            raise BenchError(f"the server could not encode: {job['error']}")
        if job["status"] == "COMPLETE":
            return first_segment or time.monotonic(), ask(server, f"/api/videos/{video_id}").json()
        time.sleep(LOOK_SECONDS if first_segment is None else CALM_SECONDS)
    raise BenchError(f"the server did not finish within {PATIENCE_SECONDS:.0f} s")


def _size_bytes(server: Server, path: str) -> int:
    return int(ask(server, path, method="HEAD").headers["content-length"])
