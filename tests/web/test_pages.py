"""Pages as the server makes them: what they show before any script runs."""

import json
import re
from html import unescape

import pytest

from streamserver.web.templating import BUNDLE
from tests.facts import missing
from tests.web.house import House, assert_problem

NASTY = "<script>alert(\"x\")</script> & 'quotes' </title>"


async def page(house: House, path: str) -> str:
    async with house.client.get(path) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert response.headers["Cache-Control"] == "no-cache"
        return await response.text()


def data_of(text: str, name: str) -> object:
    """Return the JSON that a page holds for its scripts."""
    (found,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


@pytest.mark.parametrize("path", ["/", "/upload", "/jobs"])
async def test_an_empty_server_has_pages(house: House, path: str) -> None:
    """Library, upload and queue can be opened, and lead to one another."""
    text = await page(house, path)
    for address in ("/", "/upload", "/jobs"):
        assert f'href="{address}"' in text
    assert text.count('aria-current="page"') == 1


async def test_the_library_shows_what_is_there(house: House) -> None:
    """Poster, title, length and a link for each video, the newest first."""
    first, second = await house.complete("First one"), await house.complete("Second one", seconds=75)
    text = await page(house, "/")
    for video in (first, second):
        assert f'href="/watch/{video["id"]}"' in text
        assert f'src="{video["poster_url"]}"' in text
    assert text.index("Second one") < text.index("First one")
    assert "1:15" in text
    assert "0:10" in text


async def test_the_library_is_searched_and_paged(house: House) -> None:
    """The search form finds titles; with more videos than fit there is a link to the older ones."""
    await house.complete("Something else")
    for number in range(25):
        await house.complete(f"Clip {number}")
    text = await page(house, "/?q=clip")
    (address,) = re.findall(r'href="([^"]*)" rel="next"', text)
    older = await page(house, unescape(address))
    assert "Something else" not in text + older
    assert "Clip 0" in older
    assert "Clip 1<" not in older
    assert 'rel="next"' not in older
    assert "No title contains" in await page(house, "/?q=nothing+like+it")


async def test_the_player_page_holds_what_its_scripts_need(house: House) -> None:
    """The video and its job as the API shows them, and the plain file for browsers without scripts."""
    video = await house.complete("My clip")
    text = await page(house, video["url"])
    assert data_of(text, "video-data") == video
    assert data_of(text, "job-data") == await house.json(f"/api/jobs/{video['job_id']}")
    assert "<title>My clip" in text
    assert f'<source src="{video["renditions"][0]["file_url"]}" type="video/mp4">' in text


@pytest.mark.parametrize("path", ["/", "/?q=script", "{url}", "/jobs"])
async def test_what_strangers_write_is_text(house: House, path: str) -> None:
    """A title with markup in it is shown, on every page, and never becomes part of the page."""
    video = await house.complete(NASTY)
    text = await page(house, path.format(url=video["url"]))
    assert "alert(" in text
    assert "<script>alert" not in text
    assert "</script> &" not in text


async def test_a_search_is_text_too(house: House) -> None:
    """What was looked for is shown again as it was typed."""
    async with house.client.get("/", params={"q": '"><script>alert(1)</script>'}) as response:
        text = await response.text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("cursor", ["x", "MjAyNg=="])
async def test_a_broken_link_says_so(house: House, cursor: str) -> None:
    """A cursor that was cut off is a 400, as in the API."""
    response = await house.client.get("/", params={"cursor": cursor})
    await assert_problem(response, 400, "bad_input")


async def test_bundled_files_are_kept_for_ever(house: House) -> None:
    """Every script and style that a page names is there, with a type, and may be kept."""
    if not BUNDLE.is_dir():
        missing("the front end was not built")
    text = await page(house, "/upload")
    addresses = re.findall(r'(?:src|href)="(/assets/[^"]+)"', text)
    assert len(addresses) >= 2
    for address in addresses:
        async with house.client.get(address) as response:
            assert response.status == 200
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert response.content_type in {"text/javascript", "application/javascript", "text/css"}


@pytest.mark.parametrize(
    "name", ["manifest.json", "../package.json", "..%2fpackage.json", "chunks", "a-ABCDEFGH.js"]
)
async def test_nothing_else_is_an_asset(house: House, name: str) -> None:
    """Only names with a hash of their content lead anywhere, and not out of the folder."""
    async with house.client.get(f"/assets/{name}") as response:
        assert response.status == 404
        assert response.headers["Cache-Control"] == "no-store"
