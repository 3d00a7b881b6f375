"""Everything that the flows need, anew for each test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from tests.flows.works import Works, open_works
from tests.web.clock import HastyLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let tests put the clock forward."""
    return {"hasty": HastyLoop}


@pytest.fixture
async def works() -> AsyncIterator[Works]:
    """Give flows over memory whose pool does not work yet."""
    async with open_works() as works:
        yield works
