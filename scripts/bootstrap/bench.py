"""`scripts/bench`: sets up what a benchmark needs, as far as that can be had, then becomes the benchmark."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from bootstrap.checkout import Checkout, this_checkout
from bootstrap.debian import install_steps, is_installed, search_path
from bootstrap.environment import Environment, this_interpreter
from bootstrap.frontend import FrontEnd
from bootstrap.prepare import prepare
from bootstrap.stamps import Stamp, digest
from bootstrap.steps import Step, Tools

# Programs, and Debian's packages that bring it to work; a compiler is of no use without the C library's headers.
DEBIAN = {
    "caddy": ("caddy",),
    "cc": ("gcc", "libc6-dev"),
    "chromium": ("chromium",),
    "ip": ("iproute2",),
    "nginx": ("nginx",),
    "strace": ("strace",),
}
LEFT_OUT = "What needs it is left out of the benchmark; the log says why it is missing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a benchmark works with, besides the server itself."""

    programs: tuple[str, ...] = ()  # keys of DEBIAN
    peers: bool = False  # other servers, from the registries of Python and Node
    browser: bool = False  # the front end's bundle, and the packages that drive a browser


NEEDS = {
    "serve": Needs(programs=("caddy", "cc", "nginx"), peers=True),
    "deliveries": Needs(programs=("cc", "ip", "nginx", "strace")),
    "browser": Needs(programs=("chromium",), browser=True),
    "encode": Needs(),
    "uploads": Needs(programs=("cc", "strace"), peers=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The servers from registries, which lie beside the project's own packages and not among them."""

    checkout: Checkout  # whose they are

    @property
    def python_packages(self) -> Path:
        """A folder for PYTHONPATH."""
        return self.checkout.cache / "bench-python"

    @property
    def node_packages(self) -> Path:
        """The folder that holds node_modules."""
        return self.checkout.cache / "bench-node"

    @property
    def sources(self) -> Path:
        """The folder of our few lines for each of them."""
        return self.checkout.root / "scripts" / "benchmarks" / "peers"

    def steps(self, environment: Environment, front_end: FrontEnd) -> list[Step]:
        """Return what is due before they can be started."""
        node, due = front_end.node_steps()
        installs = [self._install_python(environment), self._install_node(node.npm, node.environment())]
        return [*due, *(step for step in installs if step.stamp and not step.stamp.is_fresh())]

    def _install_python(self, environment: Environment) -> Step:
        lock, target = self.checkout.config / "requirements-bench.txt", self.python_packages

        def act(tools: Tools) -> None:
            shutil.rmtree(target, ignore_errors=True)
            options = ("--only-binary=:all:", "--require-hashes", "--no-deps", f"--target={target}")
            tools.run([*_installer(self.checkout), *options, f"--requirement={lock}"])

        key = digest(environment.interpreter.version, environment.interpreter.platform, files=[lock])
        return _optional(
            "installing Starlette and uvicorn to compare with", act, Stamp(path=target / "stamp", key=key)
        )

    def _install_node(self, npm: tuple[str, ...], variables: Mapping[str, str]) -> Step:
        target = self.node_packages
        files = [self.sources / name for name in ("package.json", "package-lock.json", ".npmrc")]

        def act(tools: Tools) -> None:
            target.mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.copy(file, target)
            tools.run([*npm, "ci"], folder=target, environment=variables)

        stamp = Stamp(path=target / "node_modules" / ".stamp", key=digest(files=files))
        return _optional("installing Express and @tus/server to compare with", act, stamp)


def main(options: Sequence[str]) -> NoReturn:
    """Hand the options on to the benchmarks, which take this process over."""
    checkout = this_checkout()
    environment = Environment(checkout=checkout, interpreter=this_interpreter())
    front_end = FrontEnd(checkout=checkout, environment=environment)
    # Without a benchmark's name nothing but the server's own packages is needed, to say what the names are.
    needs = next((NEEDS[option] for option in options if option in NEEDS), Needs())

    def plan() -> list[Step]:
        locks = ("requirements.txt", "requirements-test.txt") if needs.browser else ("requirements.txt",)
        return [
            *environment.steps(*locks),
            *(front_end.steps() if needs.browser else []),
            *(Peers(checkout=checkout).steps(environment, front_end) if needs.peers else []),
            *debian_steps(needs.programs),
        ]

    prepare(checkout, plan)
    sys.stdout.flush()
    python = str(checkout.python)
    variables = {**os.environ, "PATH": search_path(), "PYTHONPATH": str(checkout.root / "scripts")}
    # -P: what lies in the folder that this was called from must not be imported.
    os.execve(python, [python, "-P", "-m", "benchmarks", *options], variables)  # noqa: S606 - no shell is wanted


def debian_steps(programs: Sequence[str]) -> list[Step]:
    """Return the steps that install what is missing of these programs; none where this person may not install."""
    missing = [program for program in programs if not is_installed(program)]
    if not missing or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return []
    packages = [package for program in missing for package in DEBIAN[program]]
    return [replace(step, remedy=LEFT_OUT) for step in install_steps(packages)]


def _optional(title: str, act: Callable[[Tools], None], stamp: Stamp | None = None) -> Step:
    return Step(title=title, act=act, remedy=LEFT_OUT, stamp=stamp, is_optional=True)


def _installer(checkout: Checkout) -> list[str]:
    if (checkout.venv / "bin" / "pip").exists():
        return [str(checkout.python), "-m", "pip", "install", "--disable-pip-version-check"]
    return ["uv", "pip", "install", f"--python={checkout.python}"]
