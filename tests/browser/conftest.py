"""A real Chromium, and a real server that it looks at."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from streamserver.web.templating import asset
from tests.facts import missing
from tests.services.server import ServerProcess, running_server

QUIET = (
    "--no-sandbox",  # the tests run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
HERE = Path(__file__).parent
PATIENCE_MILLISECONDS = 60_000
"""Encoders and other tests work at the same time: what is shown at once may take longer than the usual 5 s."""
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

expect.set_options(timeout=PATIENCE_MILLISECONDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a file on one event loop, which is the loop of their Chromium."""
    for item in items:
        if item.path.parent == HERE and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Start a server whose encoder takes its time, so that there is something to see."""
    if asset("player.js") is None:
        missing("the front end is not built: cd static && npm ci && node build.mjs")
    data: Path = tmp_path_factory.mktemp("browser") / "data"
    with running_server(data, environment={"STREAMSERVER_X264_PRESET": "medium"}) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Launch Debian's Chromium, which plays H.264 and AAC; a test works in a context of its own."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        missing("there is no Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        await browser.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    """Make the window as wide as a desk's or a phone's."""
    found: dict[str, int] = request.param
    return found


@pytest.fixture
def complaints() -> list[str]:
    """Gather what the console says."""
    return []


@pytest.fixture
def provoked() -> list[str]:
    """Gather the words of complaints that a test provokes: Chromium may make them late, or not at all."""
    return []


@pytest_asyncio.fixture(loop_scope="module")
async def page(
    browser: Browser, server: ServerProcess, complaints: list[str], provoked: list[str]
) -> AsyncIterator[Page]:
    """Open a tab that fails the test where a page complains, or wants something of another origin."""
    context = await browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    page = await context.new_page()

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    foreign: list[str] = []
    own = (server.url, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else foreign.append(request.url))
    yield page
    await context.close()
    assert [line for line in complaints if not any(word in line for word in provoked)] == []
    assert foreign == []
