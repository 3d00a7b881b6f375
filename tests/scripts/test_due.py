"""What has to be made again, in the virtual environment and by apt."""

from pathlib import Path

import pytest
from bootstrap import debian
from bootstrap.checkout import Checkout
from bootstrap.environment import VenvMaker, choose_venv_maker, explain_missing_venv
from bootstrap.stamps import Stamp, digest

from tests.scripts.checkouts import environment, new_checkout, pretend


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return new_checkout(tmp_path)


class TestStamps:
    """Whether a thing has to be made again."""

    def test_a_stamp_is_fresh_once_the_thing_is_finished(self, tmp_path: Path) -> None:
        """Neither a thing never made nor one being made is fresh; one finished is, for its own inputs alone."""
        stamp = Stamp(path=tmp_path / "thing" / "stamp", key="a")
        before = (stamp.is_fresh(), stamp.is_unfinished())
        stamp.begin()
        during = (stamp.is_fresh(), stamp.is_unfinished())
        stamp.vouch()
        after = (stamp.is_fresh(), stamp.is_unfinished())
        assert (before, during, after) == ((False, False), (False, True), (True, False))
        assert not Stamp(path=stamp.path, key="b").is_fresh()

    def test_a_digest_changes_with_everything_in_it(self, tmp_path: Path) -> None:
        """A fact, where one ends, a file's content and a file's name each count."""
        (tmp_path / "a").write_text("same")
        (tmp_path / "b").write_text("same")
        (tmp_path / "c").write_text("other")
        digests = [
            digest("ab", "c"),
            digest("a", "bc"),
            digest("abc"),
            *(digest("abc", files=[tmp_path / name]) for name in "abc"),
        ]
        assert len(set(digests)) == len(digests)

    def test_a_digest_is_the_same_for_the_same(self, tmp_path: Path) -> None:
        """Writing a file again with the same content changes nothing."""
        file = tmp_path / "a"
        file.write_text("same")
        first = digest("abc", files=[file])
        file.write_text("same")
        assert digest("abc", files=[file]) == first


class TestEnvironment:
    """What is due in the virtual environment."""

    def test_everything_is_due_once(self, checkout: Checkout) -> None:
        """A new checkout needs all steps in order, a finished one none."""
        assert pretend(environment(checkout).steps("requirements.txt")) == [
            "making the virtual environment",
            "installing Python packages",
            "installing streamserver itself",
        ]
        assert environment(checkout).steps("requirements.txt") == []

    @pytest.mark.parametrize(
        ("changed", "due"),
        [
            ("config/requirements.txt", ["installing Python packages"]),
            ("config/requirements-test.txt", ["installing the packages that the tests need"]),
            ("pyproject.toml", ["installing streamserver itself"]),
            ("static/package.json", []),
        ],
    )
    def test_a_change_makes_due_what_depends_on_it(self, checkout: Checkout, changed: str, due: list[str]) -> None:
        """A changed lock is installed again, and nothing else is."""
        locks = ("requirements.txt", "requirements-test.txt")
        pretend(environment(checkout).steps(*locks))
        (checkout.root / changed).write_text("changed")
        assert pretend(environment(checkout).steps(*locks)) == due

    def test_another_python_makes_all_due(self, checkout: Checkout) -> None:
        """A virtual environment serves one version of Python only."""
        everything = pretend(environment(checkout).steps("requirements.txt"))
        assert pretend(environment(checkout, "3.12").steps("requirements.txt")) == everything

    def test_a_moved_checkout_makes_all_due(self, checkout: Checkout) -> None:
        """A virtual environment holds its own path, so it cannot be moved."""
        everything = pretend(environment(checkout).steps("requirements.txt"))
        moved = Checkout(root=checkout.root.rename(checkout.root.with_name("moved")))
        assert pretend(environment(moved).steps("requirements.txt")) == everything

    def test_an_install_that_was_cut_off_starts_afresh(self, checkout: Checkout) -> None:
        """After an unfinished install, even of what is not wanted now, the whole environment is made again."""
        everything = pretend(environment(checkout).steps("requirements.txt"))
        node = environment(checkout).install("requirements-node.txt")
        assert node.stamp
        node.stamp.begin()
        assert [step.title for step in environment(checkout).steps("requirements.txt")] == everything

    @pytest.mark.parametrize(
        ("has_ensurepip", "has_uv", "has_apt", "is_root", "maker"),
        [
            (True, True, True, True, VenvMaker.VENV),
            (True, False, False, False, VenvMaker.VENV),
            (False, True, True, True, VenvMaker.UV),
            (False, True, False, False, VenvMaker.UV),
            (False, False, True, True, VenvMaker.APT),
            (False, False, True, False, VenvMaker.PERSON),
            (False, False, False, True, VenvMaker.PERSON),
        ],
    )
    def test_who_makes_the_environment(
        self, *, has_ensurepip: bool, has_uv: bool, has_apt: bool, is_root: bool, maker: VenvMaker
    ) -> None:
        """The standard library if it can, then uv, then apt if that is allowed, and else a person."""
        chosen = choose_venv_maker(has_ensurepip=has_ensurepip, has_uv=has_uv, has_apt=has_apt, is_root=is_root)
        assert chosen is maker

    def test_a_person_is_told_the_one_command(self) -> None:
        """The command names the package of the very Python that was used."""
        lines = explain_missing_venv("3.13", has_apt=True).splitlines()
        assert "    sudo apt-get install python3.13-venv" in lines
        assert "apt" not in explain_missing_venv("3.13", has_apt=False)


class TestDebian:
    """The programs that the tests drive."""

    def test_only_what_is_missing_is_installed(self) -> None:
        """Each missing package is named once, behind one refresh of the lists."""
        missing = debian.missing_packages(
            lambda program: program not in {"mariadbd", "mariadb-install-db", "nginx"}
        )
        assert missing == ["mariadb-server-core", "nginx"]
        assert [step.title for step in debian.install_steps(missing)] == [
            "refreshing apt's lists",
            "installing mariadb-server-core with apt",
            "installing nginx with apt",
        ]

    def test_a_server_gets_its_sandbox(self) -> None:
        """One step, which may fail, and none where it is there."""
        (step,) = debian.sandbox_steps(lambda _: False)
        assert step.is_optional
        assert "bubblewrap" in step.title
        assert debian.sandbox_steps(lambda _: True) == []

    def test_nothing_missing_means_nothing_to_do(self) -> None:
        """Not even the lists are refreshed."""
        assert debian.missing_packages(lambda _: True) == []
        assert debian.install_steps([]) == []
