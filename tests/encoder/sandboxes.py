"""The sandboxes that this machine allows, found without the server's own search for them."""

import shutil
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from streamserver.encoder.sandbox import Kind, Sandbox
from tests.facts import missing

LANDLOCK_VERSION = """
import ctypes, sys
sys.exit(ctypes.CDLL(None).syscall(444, None, ctypes.c_long(0), 1) < 1)
"""


def sandbox(kind: Kind) -> Sandbox:
    """Return a sandbox of a kind; the test is given up where the machine does not allow it."""
    if kind is Kind.BUBBLEWRAP:
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            missing("bubblewrap is not installed (Debian: bubblewrap)")
        if not _works(bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"):
            pytest.skip("this machine allows no namespaces")
        return Sandbox(kind=kind, bwrap=bwrap)
    if kind is Kind.LANDLOCK and not _works("python3", "-c", LANDLOCK_VERSION):
        pytest.skip("this machine's kernel has no Landlock")
    if kind is Kind.FILTER and not Path("/proc/sys/kernel/seccomp").exists():
        pytest.skip("this machine's kernel filters no system calls")
    return Sandbox(kind=kind)


def strongest() -> Sandbox:
    """Return the strongest that this machine allows."""
    for kind in Kind:
        with suppress(pytest.skip.Exception):
            return sandbox(kind)
    return Sandbox()


@cache
def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
