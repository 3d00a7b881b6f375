"""What a person meets first: the commands themselves, and their word on an old Python."""

import ast
import os
import tomllib
from pathlib import Path

import pytest
from bootstrap.checkout import this_checkout
from bootstrap.start import OLDEST_PYTHON, complain

from tests.scripts import ROOT, SCRIPTS

COMMANDS = ["lock", "run", "test"]


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10)])
def test_an_old_python_gets_one_sentence(version: tuple[int, int]) -> None:
    """The sentence names the Python that was found and the one that is needed."""
    found = ".".join(map(str, version))
    sentence = complain(version)
    assert sentence == f"Python 3.11 or newer is needed, and this is Python {found}: start this with a newer one."


@pytest.mark.parametrize("version", [(3, 11), (3, 14), (4, 0)])
def test_a_newer_python_is_fine(version: tuple[int, int]) -> None:
    """From the oldest supported version on there is nothing to say."""
    assert complain(version) is None


def test_the_oldest_python_is_the_packages_own() -> None:
    """The commands ask for the Python that the package declares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=" + ".".join(map(str, OLDEST_PYTHON))


@pytest.mark.parametrize("path", [*(SCRIPTS / name for name in COMMANDS), SCRIPTS / "bootstrap" / "start.py"])
def test_an_old_python_can_read_the_sentence(path: Path) -> None:
    """All that runs before the version is looked at is in the words of Python 3.6."""
    ast.parse(path.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_can_be_started(name: str) -> None:
    """Each command is executable, and starts with the line that finds Python."""
    path = SCRIPTS / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env python3\n")


def test_the_checkout_is_found_from_anywhere() -> None:
    """The checkout is where the commands lie, not where they were called from."""
    assert this_checkout().root == ROOT.resolve()
