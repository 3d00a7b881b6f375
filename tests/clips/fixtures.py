"""The fixture of generated clips; name this module in `pytest_plugins`."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.clips.generated import Clips


@pytest.fixture(scope="session")
def clips() -> Iterator[Clips]:
    """Clips that are made on demand and gone after the run."""
    with TemporaryDirectory() as folder:
        yield Clips(Path(folder))
