"""Where things lie in a checkout."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """One copy of the repository and what is made in it."""

    root: Path  # the folder that holds pyproject.toml, with no symbolic link in it

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The virtual environment's interpreter."""
        return self.venv / "bin" / "python"

    @property
    def config(self) -> Path:
        """The folder of the Python locks."""
        return self.root / "config"

    @property
    def static(self) -> Path:
        """The front end's folder."""
        return self.root / "static"

    @property
    def cache(self) -> Path:
        """What may be deleted at any time."""
        return self.root / ".cache"


def this_checkout() -> Checkout:
    """Return the checkout that this file lies in, whichever way it was reached."""
    return Checkout(root=Path(__file__).resolve().parents[2])
