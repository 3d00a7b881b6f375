"""How steps are taken, told and logged, one start at a time."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bootstrap.checkout import Checkout
from bootstrap.prepare import prepare
from bootstrap.stamps import Stamp
from bootstrap.steps import Progress, SetupError, Step, Tools, take

from tests.scripts import SCRIPTS

SAYS_BAD_NEWS = (sys.executable, "-c", "print('the bad news'); raise SystemExit(3)")


def step(act: Callable[[Tools], None], *, stamp: Stamp | None = None, is_optional: bool = False) -> Step:
    return Step(title="trying", act=act, remedy="Try harder.", stamp=stamp, is_optional=is_optional)


def test_a_failure_names_the_step_and_what_to_do(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The error has the tool's last words, the step, the remedy and the log; the terminal only the step."""
    log = tmp_path / "cache" / "log"
    stamp = Stamp(path=tmp_path / "thing" / "stamp", key="a")
    with pytest.raises(SetupError) as caught:
        take([step(lambda tools: tools.run(SAYS_BAD_NEWS), stamp=stamp)], root=tmp_path, log=log)
    lines = str(caught.value).splitlines()
    assert lines[-3:] == [
        "    the bad news",
        "Failed while trying (exit status 3). Try harder.",
        f"All that was said is in {log}.",
    ]
    assert stamp.is_unfinished()
    assert re.fullmatch(r"\[1/1\] trying … failed after \d+\.\d s\n", capfd.readouterr().out)


def test_a_success_is_vouched_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Steps are numbered, what a tool says is in the log alone, and the stamp is fresh."""
    log = tmp_path / "log"
    stamp = Stamp(path=tmp_path / "thing" / "stamp", key="a")
    says = (sys.executable, "-c", "print('all is well')")
    steps = [step(lambda tools: tools.run(says)), step(lambda _: None, stamp=stamp)]
    take(steps, root=tmp_path, log=log)
    assert "all is well" in log.read_text()
    assert stamp.is_fresh()
    assert re.fullmatch(r"\[1/2\] trying … \d+\.\d s\n\[2/2\] trying … \d+\.\d s\n", capfd.readouterr().out)


def test_an_optional_step_may_fail(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its failure is told with the remedy, and the next step is taken."""
    log = tmp_path / "log"
    stamp = Stamp(path=tmp_path / "thing" / "stamp", key="a")
    fails = step(lambda tools: tools.run(SAYS_BAD_NEWS), is_optional=True)
    take([fails, step(lambda _: None, stamp=stamp)], root=tmp_path, log=log)
    assert stamp.is_fresh()
    assert "      Try harder.\n" in capfd.readouterr().out


def test_a_line_is_written_over_only_on_a_terminal() -> None:
    """Output that goes to a file has no carriage return."""
    out = io.StringIO()
    progress = Progress(total=1, out=out)
    progress.begin(1, "trying")
    progress.tick()
    progress.end()
    assert "\r" not in out.getvalue()


def test_nothing_due_makes_nothing(tmp_path: Path) -> None:
    """A start with nothing due leaves no lock and no log, so a read-only checkout will do."""
    prepare(Checkout(root=tmp_path), list)
    assert list(tmp_path.iterdir()) == []


def test_two_starts_take_turns(tmp_path: Path) -> None:
    """A second start waits for the first to finish, and then finds nothing left to do."""
    program = f"""
import sys
from pathlib import Path
sys.path.append({str(SCRIPTS)!r})
from bootstrap.checkout import Checkout
from bootstrap.prepare import prepare
from bootstrap.stamps import Stamp
from bootstrap.steps import Step

root = Path({str(tmp_path)!r})
stamp = Stamp(path=root / "stamp", key="a")
step = Step(title="trying", act=lambda tools: sys.stdin.readline(), remedy="", stamp=stamp)
prepare(Checkout(root=root), lambda: [] if stamp.is_fresh() else [step])
print("ready", flush=True)
"""

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with start() as first:
        assert first.stdout
        assert first.stdout.read(5) == "[1/1]"
        with start() as second:
            assert second.stdout
            waiting = second.stdout.readline()
            first_said, _ = first.communicate("go on\n")
            second_said, _ = second.communicate()
    assert waiting.startswith("Waiting for another start")
    assert first_said.endswith("s\nready\n")
    assert second_said == "ready\n"
