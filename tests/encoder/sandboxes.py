"""The sandboxes that this machine allows, found without the server's own search for them."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from streamserver.encoder.sandbox import Kind, Sandbox
from tests.facts import missing

LANDLOCK_VERSION = """
import ctypes, sys
sys.exit(ctypes.CDLL(None).syscall(444, None, ctypes.c_long(0), 1) < 1)
"""


def sandbox(kind: Kind) -> Sandbox:
    """Return a sandbox of a kind; the test is given up where the machine does not allow it."""
    obstacle = _obstacle(kind)
    if obstacle:
        missing(obstacle)
    return Sandbox(kind=kind, bwrap=shutil.which("bwrap") or "" if kind is Kind.BUBBLEWRAP else "")


def strongest() -> Sandbox:
    """Return the strongest that this machine allows."""
    return sandbox(next(kind for kind in Kind if not _obstacle(kind)))


def _obstacle(kind: Kind) -> str:
    """Say why the machine does not allow a kind; nothing where it does."""
    if kind is Kind.BUBBLEWRAP:
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            return "bubblewrap is not installed (Debian: bubblewrap)"
        if not _works(bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"):
            return "this machine allows no namespaces"
    if kind is Kind.LANDLOCK and not _works("python3", "-c", LANDLOCK_VERSION):
        return "this machine's kernel has no Landlock"
    if kind is Kind.FILTER and not Path("/proc/sys/kernel/seccomp").exists():
        return "this machine's kernel filters no system calls"
    return ""


@cache
def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
