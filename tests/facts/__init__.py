"""What others know: tables read from, or restated after, the tests of other servers."""

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Give up on a test whose source of facts is not installed: skipped at a desk, failed where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
