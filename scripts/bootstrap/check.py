"""`scripts/test`: sets up what the checks need, and runs every one of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap import debian
from bootstrap.checkout import Checkout, this_checkout
from bootstrap.environment import Environment, this_interpreter
from bootstrap.frontend import FrontEnd
from bootstrap.players import Players
from bootstrap.prepare import prepare
from bootstrap.steps import Step

STATIC_CHECKS = ("ruff format --check", "ruff check", "mypy")
# Tests wait for other processes as much as they compute: two of them keep two cores busy. A file's tests stay
# together, as they share servers and clips, and files keep their order, in which the long ones come first.
SIDE_BY_SIDE = ("--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder")


def main(pytest_options: Sequence[str]) -> int:
    """Run all checks, or with options for pytest that alone; return the exit status."""
    checkout = this_checkout()
    environment = Environment(checkout=checkout, interpreter=this_interpreter())
    front_end = FrontEnd(checkout=checkout, environment=environment)
    packages = debian.missing_packages()
    can_install = debian.can_install()

    def plan() -> list[Step]:
        return [
            *environment.steps("requirements.txt", "requirements-test.txt"),
            *front_end.steps(with_tools=True),
            *Players(checkout=checkout).steps(front_end),
            *debian.install_steps(debian.missing_packages() if can_install else []),
        ]

    prepare(checkout, plan)
    if packages and not can_install:
        print(debian.explain_missing(packages), flush=True)

    variables = _variables(checkout, front_end)
    checks = [] if pytest_options else STATIC_CHECKS
    failures = [check for check in checks if not _passes(check, checkout, variables)]
    # pytest comes last and has the last word; at Ctrl-C too, when it has servers of its own to stop.
    signal.signal(signal.SIGINT, lambda *_: None)
    command = [str(checkout.python), "-m", "pytest", *(pytest_options or SIDE_BY_SIDE)]
    pytest = subprocess.run(command, cwd=checkout.root, env=variables, check=False)
    return pytest.returncode or min(len(failures), 1)


def _variables(checkout: Checkout, front_end: FrontEnd) -> Mapping[str, str]:
    node, _ = front_end.node_steps()
    folders = [str(checkout.venv / "bin"), debian.search_path(), str(Path(node.executable).parent)]
    # What hundreds of processes import is compiled once, also where the variable says to keep nothing of it.
    return {**os.environ, "PATH": os.pathsep.join(folders), "PYTHONDONTWRITEBYTECODE": ""}


def _passes(check: str, checkout: Checkout, variables: Mapping[str, str]) -> bool:
    print(f"{check} …", end="", flush=True)
    began = time.monotonic()
    found = subprocess.run(
        [str(checkout.python), "-m", *check.split()],
        cwd=checkout.root,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    outcome = "FAILED" if found.returncode else "passed"
    print(f" {outcome} in {time.monotonic() - began:.1f} s", flush=True)
    if found.returncode:
        sys.stdout.buffer.write(found.stdout)
        sys.stdout.flush()
    return found.returncode == 0
