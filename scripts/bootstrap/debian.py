"""Programs from Debian's packages: those that the tests drive, and the sandbox of the server's encoders."""

import os
import shutil
from collections.abc import Callable, Iterable

from bootstrap.environment import APT_GET
from bootstrap.steps import CommandError, Step, Tools

# Each program, and the package that brings it. MariaDB's core packages hold the programs and start no service.
PACKAGES = {
    "bwrap": "bubblewrap",
    "chromium": "chromium",
    "curl": "curl",
    "go": "golang-go",
    "mariadb": "mariadb-client-core",
    "mariadb-install-db": "mariadb-server-core",
    "mariadbd": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",
    "nginx": "nginx",
    "openssl": "openssl",
    "strace": "strace",
    "wget": "wget",
}

# Servers lie in sbin, which is not on everybody's PATH.
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def search_path() -> str:
    """Return the PATH with the folders in which Debian keeps servers."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), SBIN])


def is_installed(program: str) -> bool:
    """Say whether a program can be started."""
    return shutil.which(program, path=search_path()) is not None


def missing_packages(is_there: Callable[[str], bool] = is_installed) -> list[str]:
    """Return the packages of those programs that are not there, in order, each once."""
    return sorted({package for program, package in PACKAGES.items() if not is_there(program)})


def explain_missing(packages: Iterable[str]) -> str:
    """Return what a person can type to have these packages."""
    command = f"sudo apt-get install --no-install-recommends {' '.join(packages)}"
    return f"Tests that need these are left out until you have typed:\n\n    {command}\n"


def can_install() -> bool:
    """Say whether packages can be installed here without asking anybody."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def sandbox_steps(is_there: Callable[[str], bool] = is_installed) -> list[Step]:
    """Return the step that installs the sandbox, where that is needed; the server works without it too."""

    def act(tools: Tools) -> None:
        install = ["install", "--yes", "--no-install-recommends", PACKAGES["bwrap"]]
        try:
            _apt_get(tools, *install)
        except CommandError:  # apt's lists may be old, or not there
            _apt_get(tools, "update")
            _apt_get(tools, *install)

    remedy = "The server works without it, in a weaker sandbox, and says so when it starts."
    title = "installing bubblewrap with apt, the sandbox of encoders"
    return [] if is_there("bwrap") else [Step(title=title, act=act, remedy=remedy, is_optional=True)]


def install_steps(packages: Iterable[str]) -> list[Step]:
    """Return the steps that install these packages; a package that cannot be had stops nothing."""

    def step(title: str, *arguments: str) -> Step:
        def act(tools: Tools) -> None:
            _apt_get(tools, *arguments)

        remedy = "The tests that need it are left out, or fail where CI=true; the log says why it is missing."
        return Step(title=title, act=act, remedy=remedy, is_optional=True)

    installs = [
        step(f"installing {package} with apt", "install", "--yes", "--no-install-recommends", package)
        for package in packages
    ]
    return [step("refreshing apt's lists", "update"), *installs] if installs else []


def _apt_get(tools: Tools, *arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A service that a package starts would hold on to the lock for good.
    tools.run([*APT_GET, *arguments], environment=environment, keeps_lock=False)
