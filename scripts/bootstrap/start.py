"""The first thing that runs, in words that Python 3.6 can read, so that it can say what is too old."""

import importlib
import sys

OLDEST_PYTHON = (3, 11)


def complain(version: "tuple[int, ...]") -> "str | None":
    """Return the sentence for a Python of this version, such as (3, 11); None if it will do."""
    if version >= OLDEST_PYTHON:
        return None
    needed = ".".join(str(part) for part in OLDEST_PYTHON)
    found = ".".join(str(part) for part in version)
    return f"Python {needed} or newer is needed, and this is Python {found}: start this with a newer one."


def start(module: str) -> None:
    """Run `main` of a module of this package with the options of the command line, and exit with its status."""
    complaint = complain(sys.version_info[:2])
    if complaint:
        sys.exit(complaint)
    sys.exit(importlib.import_module("bootstrap." + module).main(sys.argv[1:]))
