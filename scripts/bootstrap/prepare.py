"""Taking what steps are due, one process at a time."""

import fcntl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.checkout import Checkout
from bootstrap.steps import SetupError, Step, take


def prepare(checkout: Checkout, plan: Callable[[], list[Step]]) -> None:
    """Take the steps that `plan` finds due; end the process with a sentence if that cannot be done."""
    try:
        if not plan():
            return
        with _locked(checkout.cache / "setup.lock") as lock:
            # Another process may have taken some of them while this one waited.
            if due := plan():
                take(due, root=checkout.root, log=checkout.cache / "setup.log", lock=lock)
    except SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped; the next start goes on from here.")


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another start, which is setting this checkout up …", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
