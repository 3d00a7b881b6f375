"""The ways in that are compared: a plain copy, our tus, our form, and `@tus/server`."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap.bench import Peers
from bootstrap.checkout import this_checkout
from bootstrap.environment import Environment, this_interpreter
from bootstrap.frontend import FrontEnd

from benchmarks import product
from benchmarks.servers import BenchError, Server, all_cores, free_port, output_of, running
from benchmarks.uploads.sending import VERSION, Sent, send_copy, send_form, send_tus

COPY = "plain copy"
TUS = "tus"
FORM = "form"
PEER = "@tus/server"
PEERS = Peers(checkout=this_checkout())
PEER_FOLDER = "/files"

Running = AbstractContextManager[Server]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way for a file into a server."""

    server: str
    """Whose it is, a key of `STARTS`."""
    send: Callable[[Server, Path], Sent]
    """Brings a file in and returns once it is acknowledged; `BenchError` where it is not."""
    forget: Callable[[Server, Path, Sent], None]
    """Has the server, whose folder that is, remove the file, and end whatever comes of it."""
    path: Callable[[Path, Sent], Path] | None = None
    """Where an acknowledged file lies in the server's folder that is not durable by then; None where it is."""


def send_durably(way: Way, server: Server, source: Path, folder: Path) -> Sent:
    """Bring a file in until it is durable, whoever sees to that: the server, or whoever uses it."""
    sent = way.send(server, source)
    if way.path is None:
        return sent
    began = time.perf_counter()
    descriptor = os.open(way.path(folder, sent), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return replace(sent, seconds=sent.seconds + time.perf_counter() - began)


def _run_copier(folder: Path, log: Path) -> Running:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.uploads.copier", str(port), str(folder)]
    variables = {"PYTHONPATH": str(this_checkout().root / "scripts")}
    return running(COPY, command, port=port, cores=all_cores(), log=log, environment={**os.environ, **variables})


def _run_ours(folder: Path, log: Path) -> Running:
    return product.streamserver(folder, cores=all_cores(), log=log)


def _run_peer(folder: Path, log: Path) -> Running:
    packages = PEERS.node_packages / "node_modules"
    if not (packages / "@tus" / "server").is_dir():
        raise BenchError("@tus/server is not installed")
    port = free_port()
    command = [_node(), str(PEERS.sources / "tus.cjs"), str(port), str(folder)]
    variables = {"NODE_PATH": str(packages), "NODE_ENV": "production"}
    return running(PEER, command, port=port, cores=all_cores(), log=log, environment={**os.environ, **variables})


def peer_versions() -> dict[str, str]:
    """Return the versions of what the peer consists of; to be called only where it can be started."""
    packages = PEERS.node_packages / "node_modules"
    names = ("@tus/server", "@tus/file-store")
    found = {name: json.loads((packages / name / "package.json").read_text())["version"] for name in names}
    return {**found, "Node": output_of([_node(), "--version"]).strip().removeprefix("v")}


def _forget_copy(_server: Server, folder: Path, _sent: Sent) -> None:
    for path in folder.iterdir():
        path.unlink()


def _forget_ours(server: Server, _folder: Path, sent: Sent) -> None:
    """Delete the video, whose job ends with it."""
    job_id = sent.location.rpartition("/")[2]  # an upload has the id of its job to come
    video_id = product.ask(server, f"/api/jobs/{job_id}").json()["video_id"]
    product.ask(server, f"/api/videos/{video_id}", method="DELETE").accept()


def _forget_peer(server: Server, _folder: Path, sent: Sent) -> None:
    product.ask(server, sent.location, method="DELETE", headers=VERSION).accept()


STARTS: Mapping[str, Callable[[Path, Path], Running]] = {
    COPY: _run_copier,
    product.NAME: _run_ours,
    PEER: _run_peer,
}
"""By server's name, what runs it on a folder with a log; `BenchError` where it is not there."""

WAYS: Mapping[str, Way] = {
    COPY: Way(server=COPY, send=send_copy, forget=_forget_copy),
    TUS: Way(
        server=product.NAME,
        send=lambda server, source: send_tus(server, "/api/uploads", source),
        forget=_forget_ours,
    ),
    FORM: Way(
        server=product.NAME,
        send=lambda server, source: send_form(server, "/api/videos", source),
        forget=_forget_ours,
    ),
    PEER: Way(
        server=PEER,
        send=lambda server, source: send_tus(server, PEER_FOLDER, source),
        forget=_forget_peer,
        path=lambda folder, sent: folder / sent.location.rpartition("/")[2],
    ),
}
"""By name, in the order of the tables."""


def _node() -> str:
    environment = Environment(checkout=this_checkout(), interpreter=this_interpreter())
    return FrontEnd(checkout=this_checkout(), environment=environment).node_steps()[0].executable
