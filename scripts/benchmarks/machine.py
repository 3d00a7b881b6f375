"""What a figure was measured on: without it, a figure says nothing."""

import os
import platform
import re
import tomllib
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bootstrap.checkout import this_checkout

LIBRARIES = ("aiohttp", "uvloop")


def describe_machine() -> dict[str, str | int]:
    """Return what a reader needs to judge absolute figures by."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def describe_packages() -> dict[str, str]:
    """Return the versions of what our own server is made of."""
    project = tomllib.loads((this_checkout().root / "pyproject.toml").read_text())["project"]
    return {"streamserver": project["version"], **{library: metadata.version(library) for library in LIBRARIES}}


def now_in_utc() -> str:
    """Return the time of day, as RFC 3339 writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
