"""The virtual environment, and the Python packages in it."""

import importlib.util
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from bootstrap.checkout import Checkout
from bootstrap.stamps import Stamp, digest
from bootstrap.steps import SetupError, Step, Tools

NETWORK_REMEDY = "Look at the lines above (is the network, or its proxy, there?) and start again."
TITLES = {
    "requirements.txt": "installing Python packages",
    "requirements-test.txt": "installing the packages that the tests need",
    "requirements-node.txt": "installing Node, which builds the front end",
}
APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=120")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python that the virtual environment is made with."""

    executable: Path  # the real file, not a link, nor another virtual environment's
    version: str  # "3.11"
    platform: str  # "linux-x86_64"
    has_ensurepip: bool  # Debian leaves it out of python3 itself


def this_interpreter() -> Interpreter:
    """Describe the Python that runs this."""
    return Interpreter(
        executable=Path(sys.executable).resolve(),
        version=f"{sys.version_info.major}.{sys.version_info.minor}",
        platform=sysconfig.get_platform(),
        has_ensurepip=importlib.util.find_spec("ensurepip") is not None,
    )


class VenvMaker(Enum):
    """Who can make a virtual environment here."""

    VENV = auto()  # the standard library
    UV = auto()  # uv, which needs no ensurepip
    APT = auto()  # the standard library, once apt has installed what is missing
    PERSON = auto()  # nobody, until a person has installed what is missing


def choose_venv_maker(*, has_ensurepip: bool, has_uv: bool, has_apt: bool, is_root: bool) -> VenvMaker:
    """Return the way that asks for the least."""
    if has_ensurepip:
        return VenvMaker.VENV
    if has_uv:
        return VenvMaker.UV
    return VenvMaker.APT if has_apt and is_root else VenvMaker.PERSON


def explain_missing_venv(version: str, *, has_apt: bool) -> str:
    """Return what a person has to do before a virtual environment can be made."""
    if has_apt:
        command = f"sudo apt-get install {debian_package(version)}"
        return f"Python's ensurepip is missing. Type this, and start again:\n\n    {command}\n"
    return f"Python's ensurepip is missing. Install it for Python {version}, or install uv, and start again."


def debian_package(version: str) -> str:
    """Return the Debian package that holds ensurepip for a Python such as "3.11"."""
    return f"python{version}-venv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The virtual environment of a checkout: what should be in it, and what is due for that."""

    checkout: Checkout
    interpreter: Interpreter  # the one to make it with

    def steps(self, *locks: str) -> list[Step]:
        """Return what is due before the packages of these locks and the project itself are installed."""
        make = self._make_steps() if self._is_venv_due() else []
        installs = [*(self.install(lock) for lock in locks), self._install_project()]
        return [*make, *(step for step in installs if self.is_due(step))]

    def is_due(self, step: Step) -> bool:
        """Say whether a step that installs into the virtual environment is to be taken."""
        return self._is_venv_due() or step.stamp is None or not step.stamp.is_fresh()

    def install(self, lock: str) -> Step:
        """Return the step that installs the packages of config/{lock}."""
        file = self.checkout.config / lock

        def act(tools: Tools) -> None:
            # Only wheels: building anything would fetch build tools that no hash in the lock speaks for.
            tools.run([*self._installer(), "--only-binary=:all:", "--require-hashes", f"--requirement={file}"])

        return Step(
            title=TITLES[lock],
            act=act,
            remedy=NETWORK_REMEDY,
            stamp=self._stamp(lock, digest(self._key, files=[file])),
        )

    def site_packages(self) -> Path:
        """Return where packages are installed to."""
        base = str(self.checkout.venv)
        return Path(sysconfig.get_path("purelib", "venv", {"base": base, "platbase": base}))

    def _install_project(self) -> Step:
        def act(tools: Tools) -> None:
            options = ("--no-build-isolation", "--no-deps", f"--editable={self.checkout.root}")
            tools.run([*self._installer(), *options])

        return Step(
            title="installing streamserver itself",
            act=act,
            remedy="Look at the lines above, and start again.",
            stamp=self._stamp("project", digest(self._key, files=[self.checkout.root / "pyproject.toml"])),
        )

    @property
    def _key(self) -> str:
        interpreter = self.interpreter
        place = str(self.checkout.venv)
        return digest(str(interpreter.executable), interpreter.version, interpreter.platform, place)

    @property
    def _stamps(self) -> Path:
        return self.checkout.venv / "stamps"

    def _stamp(self, name: str, key: str) -> Stamp:
        return Stamp(path=self._stamps / name, key=key)

    def _is_venv_due(self) -> bool:
        # An install that was cut off may have left a package that looks installed and is not whole.
        cut_off = (Stamp(path=path, key="").is_unfinished() for path in self._stamps.glob("*"))
        return not self._stamp("venv", self._key).is_fresh() or any(cut_off)

    def _make_steps(self) -> list[Step]:
        # apt can only help the Python that it brought.
        has_apt = shutil.which("apt-get") is not None and self.interpreter.executable.parent == Path("/usr/bin")
        maker = choose_venv_maker(
            has_ensurepip=self.interpreter.has_ensurepip,
            has_uv=shutil.which("uv") is not None,
            has_apt=has_apt,
            is_root=os.geteuid() == 0,
        )
        if maker is VenvMaker.PERSON:
            raise SetupError(explain_missing_venv(self.interpreter.version, has_apt=has_apt))
        apt = [self._install_ensurepip()] if maker is VenvMaker.APT else []
        return [*apt, self._make_venv(with_uv=maker is VenvMaker.UV)]

    def _install_ensurepip(self) -> Step:
        package = debian_package(self.interpreter.version)

        def act(tools: Tools) -> None:
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for command in (["update"], ["install", "--yes", "--no-install-recommends", package]):
                tools.run([*APT_GET, *command], environment=environment, keeps_lock=False)

        return Step(title=f"installing {package} with apt", act=act, remedy=NETWORK_REMEDY)

    def _make_venv(self, *, with_uv: bool) -> Step:
        def act(tools: Tools) -> None:
            shutil.rmtree(self.checkout.venv, ignore_errors=True)
            python = self.interpreter.executable
            command = ("uv", "venv", f"--python={python}") if with_uv else (str(python), "-m", "venv")
            tools.run([*command, str(self.checkout.venv)])

        return Step(
            title="making the virtual environment",
            act=act,
            remedy="Look at the lines above, and start again.",
            stamp=self._stamp("venv", self._key),
        )

    def _installer(self) -> tuple[str, ...]:
        python = self.checkout.python
        if (self.checkout.venv / "bin" / "pip").exists():
            return (str(python), "-m", "pip", "install", "--disable-pip-version-check")
        if shutil.which("uv"):
            return ("uv", "pip", "install", f"--python={python}")
        raise SetupError("uv, which made .venv, is gone from the PATH: remove .venv, and start again.")
