"""The players of others that the browser tests have the server's media played by."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bootstrap.checkout import Checkout
from bootstrap.frontend import FrontEnd
from bootstrap.stamps import Stamp, digest
from bootstrap.steps import Step, Tools

REMEDY = "Tests that need it are skipped; the log says why it is missing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Players:
    """Packages from npm, which lie beside the front end's own: a server is set up without them."""

    checkout: Checkout  # whose tests need them

    @property
    def sources(self) -> Path:
        """The folder of their lock."""
        return self.checkout.root / "tests" / "browser" / "players"

    @property
    def packages(self) -> Path:
        """The folder that holds node_modules."""
        return self.checkout.cache / "test-players"

    def steps(self, front_end: FrontEnd) -> list[Step]:
        """Return what is due before they can be played with."""
        node, due = front_end.node_steps()
        files = [self.sources / name for name in ("package.json", "package-lock.json", ".npmrc")]
        stamp = Stamp(path=self.packages / "node_modules" / ".stamp", key=digest(files=files))
        if stamp.is_fresh():
            return []

        def act(tools: Tools) -> None:
            self.packages.mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.copy(file, self.packages)
            tools.run([*node.npm, "ci"], folder=self.packages, environment=node.environment())

        title = "installing the player that the tests play DASH with"
        return [*due, Step(title=title, act=act, remedy=REMEDY, stamp=stamp, is_optional=True)]
