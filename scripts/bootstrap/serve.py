"""`scripts/run`: sets up whatever is missing, then becomes the server."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from bootstrap.checkout import this_checkout
from bootstrap.environment import Environment, this_interpreter
from bootstrap.frontend import FrontEnd
from bootstrap.prepare import prepare
from bootstrap.steps import Step


def main(options: Sequence[str]) -> NoReturn:
    """Hand the options on to `streamserver serve`, which takes this process over."""
    checkout = this_checkout()
    environment = Environment(checkout=checkout, interpreter=this_interpreter())
    front_end = FrontEnd(checkout=checkout, environment=environment)

    def plan() -> list[Step]:
        return [*environment.steps("requirements.txt"), *front_end.steps()]

    prepare(checkout, plan)
    sys.stdout.flush()
    python = str(checkout.python)
    # -P: what lies in the folder that this was called from must not be imported.
    os.execv(python, [python, "-P", "-m", "streamserver", "serve", *options])  # noqa: S606 - no shell is wanted
