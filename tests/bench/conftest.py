"""What the tests of the benchmarks share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "bench: runs a whole benchmark in its quick form")
