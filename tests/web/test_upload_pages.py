"""The upload page, and uploads on the queue page, as the server makes them."""

import re
from pathlib import Path

from aiohttp import encode_basic_auth

from tests.web.house import House, open_house, source_bytes
from tests.web.test_pages import data_of, page
from tests.web.test_queue_page import sections
from tests.web.tus import create, metadata, patch

TOKENS = {"anna": "a" * 20, "ben": "b" * 20}
CREDENTIALS = " ".join(f"{name}={token}" for name, token in TOKENS.items())


async def begin(house: House, title: str, *, received: int = 0) -> str:
    """Begin an upload of some length, and send a part of it; return its id."""
    content = source_bytes()
    path = await create(house, len(content), Upload_Metadata=metadata(filename="a.mp4", title=title))
    if received:
        assert (await patch(house, path, 0, content[:received])).status == 204
    return path.rsplit("/", 1)[1]


async def test_what_is_on_its_way_is_in_the_queue(house: House) -> None:
    """In a list of its own, with its title and how much has come, without a link to a video that is not there."""
    await begin(house, "Not begun")
    upload_id = await begin(house, "Begun", received=20)
    html = await page(house, "/jobs")
    shown = sections(html)
    assert list(shown) == ["receiving"]
    size = len(source_bytes())
    assert shown["receiving"] == [
        f"Not begun Waiting for the file 0 bytes of {size} bytes 0 % Cancel Try again",
        f"Begun On hold 20 bytes of {size} bytes {100 * 20 // size} % Cancel Try again",
    ]
    assert f"/watch/{(await house.json(f'/api/jobs/{upload_id}'))['video_id']}" not in html
    data = data_of(html, "queue-data")
    assert isinstance(data, dict)
    assert [job["title"] for job in data["jobs"]] == ["Not begun", "Begun"]


async def test_an_upload_that_failed_for_good_says_why_in_the_queue(house: House) -> None:
    """Among what is over, with the sentence; to try again makes no sense without the file."""
    text = b"These are notes, not a video.\n" * 300
    path = await create(house, len(text), Upload_Metadata=metadata(filename="notes.mp4"))
    assert (await patch(house, path, 0, text)).status == 415
    html = await page(house, "/jobs")
    (row,) = sections(html)["ended"]
    assert row.startswith("notes Failed")
    assert "a text file, not a video." in row
    assert re.search(r'data-part="retry"[^>]* hidden>', html)


async def test_the_upload_page_has_forms_that_need_no_script(house: House) -> None:
    """A file and a link, each by a plain form to where programs send them, too."""
    html = await page(house, "/upload")
    assert '<form class="upload-form" id="upload-form" action="/api/videos" method="post"' in html
    assert '<form class="import-form" id="import-form" action="/api/videos/import" method="post">' in html
    assert "Signed in" not in html


async def test_the_upload_page_asks_who_one_is(tmp_path: Path) -> None:
    """Where tokens are set: a browser is asked for a name and a token before it has anything to send."""
    async with open_house(tmp_path, tokens=CREDENTIALS) as house:
        async with house.client.get("/upload", headers={"Accept": "text/html"}) as response:
            assert response.status == 401
            assert any(it.startswith("Basic ") for it in response.headers.getall("WWW-Authenticate"))
            assert "who you are" in await response.text()
        credentials = encode_basic_auth("anna", TOKENS["anna"])
        async with house.client.get("/upload", headers={"Authorization": credentials}) as response:
            assert response.status == 200
            assert "Signed in as anna" in await response.text()


async def test_who_may_not_import_is_not_offered_to(tmp_path: Path) -> None:
    """The form for links is there for those whom the settings name."""
    async with open_house(tmp_path, tokens=CREDENTIALS, importers="anna") as house:
        for name, is_offered in (("anna", True), ("ben", False)):
            credentials = encode_basic_auth(name, TOKENS[name])
            async with house.client.get("/upload", headers={"Authorization": credentials}) as response:
                assert ("Import from a link" in await response.text()) is is_offered
