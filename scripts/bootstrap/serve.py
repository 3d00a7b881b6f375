"""`scripts/run`: sets up whatever is missing, then becomes the server."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from bootstrap import debian
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
        steps = [*environment.steps("requirements.txt"), *front_end.steps()]
        # Along with others alone: where it cannot be had, no later start asks for it again.
        return [*steps, *debian.sandbox_steps()] if steps and debian.can_install() else steps

    prepare(checkout, plan)
    sys.stdout.flush()
    python = str(checkout.python)
    # -P: what lies in the folder that this was called from must not be imported.
    os.execv(python, [python, "-P", "-m", "streamserver", "serve", *options])  # noqa: S606 - no shell is wanted
