"""The servers that are compared: how each is started on the same files, at its best."""

import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from string import Template

from bootstrap.bench import Peers
from bootstrap.checkout import this_checkout
from bootstrap.environment import Environment, this_interpreter
from bootstrap.frontend import FrontEnd

from benchmarks import product
from benchmarks.serve.content import Content, Resource
from benchmarks.servers import BenchError, Cores, Server, free_port, running

OURS = product.NAME
NGINX = "nginx"
PEERS = Peers(checkout=this_checkout())

Running = AbstractContextManager[Server]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a server is started on."""

    content: Content
    """What it serves."""
    cores: Cores
    """Where it runs."""
    folder: Path
    """For its configuration and logs."""
    workers: int = 1
    """Processes, of those that can have several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server to compare."""

    start: Callable[[Ground], Running]
    """Runs it; `BenchError` where it is not there."""
    versions: Callable[[], dict[str, str]] = dict
    """Of what it consists of, beyond what every report names; to be called only where it can be started."""


def path_of(name: str, content: Content, resource: Resource) -> str:
    """Return where a candidate has a resource."""
    return content.paths[resource] if name == OURS else f"/{resource}"


def length_of(name: str, content: Content, resource: Resource) -> int:
    """Return how long a resource is at a server, in bytes."""
    return (content.own_lengths if name == OURS else content.lengths)[resource]


def _ours(ground: Ground) -> Running:
    return product.streamserver(
        ground.content.library,
        cores=ground.cores.server,
        log=ground.folder / f"{OURS}.log",
        options=["--workers", str(ground.workers)],
    )


def _nginx(ground: Ground) -> Running:
    port = free_port()
    # As root, nginx would hand its work to a user who may not read the files.
    fields = {"workers": ground.workers, "user": getpass.getuser()}
    fields["reuseport"] = "reuseport" if ground.workers > 1 else ""
    configuration = _configuration("nginx.conf", ground, port, fields)
    return _running(NGINX, [_program("nginx"), "-c", str(configuration)], port, ground)


def _caddy(ground: Ground) -> Running:
    port = free_port()
    configuration = _configuration("Caddyfile", ground, port, {})
    home = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(ground.folder))
    command = [_program("caddy"), "run", "--config", str(configuration), "--adapter", "caddyfile"]
    return _running("Caddy", command, port, ground, home)


def _file_response(ground: Ground) -> Running:
    port = free_port()
    command = [sys.executable, str(PEERS.sources / "file_response.py"), str(port), str(ground.content.site)]
    return _running("FileResponse", command, port, ground)


def _starlette(ground: Ground) -> Running:
    packages = _installed(PEERS.python_packages, "starlette")
    port = free_port()
    command = [sys.executable, str(PEERS.sources / "starlette_files.py"), str(port), str(ground.content.site)]
    return _running("Starlette", command, port, ground, {"PYTHONPATH": str(packages)})


def _express(ground: Ground) -> Running:
    packages = _installed(PEERS.node_packages / "node_modules", "express")
    port = free_port()
    command = [_node(), str(PEERS.sources / "express.cjs"), str(port), str(ground.content.site)]
    return _running("Express", command, port, ground, {"NODE_PATH": str(packages), "NODE_ENV": "production"})


def _starlette_versions() -> dict[str, str]:
    found = metadata.distributions(path=[str(PEERS.python_packages)])
    return {each.name: each.version for each in found if each.name in {"starlette", "uvicorn"}}


def _express_versions() -> dict[str, str]:
    package = PEERS.node_packages / "node_modules" / "express" / "package.json"
    return {"Express": json.loads(package.read_text())["version"], "Node": _said(_node(), "--version")}


CANDIDATES: Mapping[str, Candidate] = {
    OURS: Candidate(start=_ours),
    NGINX: Candidate(start=_nginx, versions=lambda: {"nginx": _said(_program("nginx"), "-v")}),
    "Caddy": Candidate(start=_caddy, versions=lambda: {"Caddy": _said(_program("caddy"), "version")}),
    "FileResponse": Candidate(start=_file_response),
    "Starlette": Candidate(start=_starlette, versions=_starlette_versions),
    "Express": Candidate(start=_express, versions=_express_versions),
}
"""By name, in the order of the tables."""


def _configuration(name: str, ground: Ground, port: int, fields: Mapping[str, object]) -> Path:
    """Fill in peers/{name}; return where the outcome lies."""
    template = Template((PEERS.sources / name).read_text())
    places = {"folder": ground.folder, "site": ground.content.site, "port": port}
    path = ground.folder / name
    path.write_text(template.substitute(places, **fields))
    return path


def _running(
    name: str, command: Sequence[str], port: int, ground: Ground, variables: Mapping[str, str] | None = None
) -> Running:
    return running(
        name,
        command,
        port=port,
        cores=ground.cores.server,
        log=ground.folder / f"{name}.log",
        environment={**os.environ, **(variables or {})},
    )


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BenchError(f"{name} is not installed")
    return found


def _installed(packages: Path, name: str) -> Path:
    if not (packages / name).is_dir():
        raise BenchError(f"{name} is not installed")
    return packages


def _node() -> str:
    environment = Environment(checkout=this_checkout(), interpreter=this_interpreter())
    return FrontEnd(checkout=this_checkout(), environment=environment).node_steps()[0].executable


def _said(*command: str) -> str:
    """Return the version in what a program says of itself, on whichever channel."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"
