"""What has to be made again in static/, and what the build makes there."""

from pathlib import Path

import pytest
from bootstrap.checkout import Checkout
from bootstrap.frontend import FrontEnd, Node, is_new_enough

from tests.scripts.checkouts import environment, new_checkout, pretend

NODE = Node(executable="/usr/bin/node", npm=("/usr/bin/npm",))
BUILD = "building the front end"
PACKAGES = "installing the front end's packages"
NODE_WHEEL = "installing Node, which builds the front end"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return new_checkout(tmp_path)


def front_end(checkout: Checkout, node: Node | None = NODE) -> FrontEnd:
    venv = environment(checkout)
    pretend(venv.steps("requirements.txt"))
    return FrontEnd(checkout=checkout, environment=venv, find_node=lambda: node)


def test_everything_is_due_once(checkout: Checkout) -> None:
    """A new checkout needs packages and bundle, a finished one nothing."""
    static = front_end(checkout)
    assert pretend(static.steps()) == [PACKAGES, BUILD]
    assert static.steps() == static.steps(with_tools=True) == []


def test_node_comes_from_a_wheel_where_the_path_has_none(checkout: Checkout) -> None:
    """Without a Node on the PATH it is installed first, once."""
    static = front_end(checkout, node=None)
    assert pretend(static.steps()) == [NODE_WHEEL, PACKAGES, BUILD]
    assert static.steps(with_tools=True) == []


@pytest.mark.parametrize(
    ("changed", "due"),
    [
        ("static/src/player.js", [BUILD]),
        ("static/src/lib/seek.js", [BUILD]),
        ("static/src/new.css", [BUILD]),
        ("static/build.mjs", [BUILD]),
        ("static/package-lock.json", [PACKAGES, BUILD]),
        ("config/requirements.txt", []),
    ],
)
def test_a_change_makes_due_what_depends_on_it(checkout: Checkout, changed: str, due: list[str]) -> None:
    """A changed, or new, source means a new bundle, another lock means new packages too."""
    static = front_end(checkout)
    pretend(static.steps())
    (checkout.root / changed).write_text("changed")
    assert pretend(static.steps()) == due


def test_packages_are_only_needed_to_build(checkout: Checkout) -> None:
    """With a fresh bundle a server needs no packages; the tests do."""
    static = front_end(checkout)
    pretend(static.steps())
    (checkout.static / "node_modules" / ".stamp").unlink()
    assert static.steps() == []
    assert pretend(static.steps(with_tools=True)) == [PACKAGES]


@pytest.mark.parametrize(
    ("version", "is_enough"),
    [("v18.0.0\n", True), ("v24.19.0\n", True), ("v16.20.2\n", False), ("", False), ("v8.1.2\n", False)],
)
def test_a_node_has_to_be_new_enough(version: str, is_enough: bool) -> None:
    """Versions are compared as numbers; what names none will not do."""
    assert is_new_enough(version) is is_enough
