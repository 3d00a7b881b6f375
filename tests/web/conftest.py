"""A server for every test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from tests.web.clock import HastyLoop
from tests.web.house import House, open_house


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let tests put the clock forward."""
    return {"hasty": HastyLoop}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Give an empty server."""
    async with open_house(tmp_path) as house:
        yield house
