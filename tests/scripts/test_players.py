"""The player that DASH is tested with: locked to the byte, installed beside the front end's packages."""

import json
import re
from pathlib import Path

import pytest
from bootstrap.checkout import Checkout
from bootstrap.frontend import FrontEnd, Node
from bootstrap.players import Players

from tests.browser.bare_page import PLAYERS
from tests.scripts import ROOT
from tests.scripts.checkouts import environment, new_checkout, pretend

FILES = ("package.json", "package-lock.json", ".npmrc")
TITLE = "installing the player that the tests play DASH with"


def players_and_front_end(root: Path) -> tuple[Players, FrontEnd]:
    checkout = new_checkout(root)
    players = Players(checkout=checkout)
    players.sources.mkdir(parents=True)
    for name in FILES:
        (players.sources / name).write_text("as it was")
    node = Node(executable="/usr/bin/node", npm=("/usr/bin/npm",))
    return players, FrontEnd(checkout=checkout, environment=environment(checkout), find_node=lambda: node)


@pytest.mark.parametrize("changed", FILES)
def test_the_player_is_installed_once(tmp_path: Path, changed: str) -> None:
    """It is due in a new checkout, not once it is there, and again when its lock changes."""
    players, front_end = players_and_front_end(tmp_path)
    assert pretend(players.steps(front_end)) == [TITLE]
    assert players.steps(front_end) == []
    (players.sources / changed).write_text("as it is")
    assert pretend(players.steps(front_end)) == [TITLE]


def test_a_server_is_set_up_without_it(tmp_path: Path) -> None:
    """It is no part of the front end, and a failure to install it keeps nothing else from being tested."""
    players, front_end = players_and_front_end(tmp_path)
    assert TITLE not in pretend(front_end.steps(with_tools=True))
    assert all(step.is_optional for step in players.steps(front_end))


def test_it_lies_where_the_tests_look() -> None:
    """The folder it is installed in is the one that the browser tests load it from."""
    assert Players(checkout=Checkout(root=ROOT)).packages / "node_modules" == PLAYERS


def test_its_lock_is_exact_and_names_no_place() -> None:
    """Every package has a version and a hash, and none has the address it was found at."""
    text = (ROOT / "tests" / "browser" / "players" / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    root = packages.pop("")
    assert "node_modules/shaka-player" in packages
    assert all({"version", "integrity"} <= package.keys() for package in packages.values())
    assert all(re.fullmatch(r"[\d.]+", version) for version in root["dependencies"].values())
    assert not re.search(r'"resolved"|"(https?|git|file):|://', text)
