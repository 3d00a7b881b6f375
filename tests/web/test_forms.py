"""Uploads by form: what is taken, what is refused, and that nothing remains of what is refused."""

from io import BytesIO

import pytest
from aiohttp import FormData

from tests.web.house import MAX_UPLOAD_BYTES, House, source_bytes
from tests.web.test_jobs import JOB_KEYS
from tests.web.test_videos import VIDEO_KEYS
from tests.web.wire import BOUNDARY, FORM, Part, exchange, file_part, form_body, request_bytes

SOURCE = source_bytes()
TITLE = Part(name="title", content="Ein Titel – mit Strich".encode())


async def send(house: House, body: bytes, content_type: str = FORM) -> tuple[int, dict[str, object]]:
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    async with house.client.post("/api/videos", data=BytesIO(body), headers=headers) as response:
        return response.status, await response.json()


async def assert_nothing_remains(house: House) -> None:
    assert (await house.json("/api/jobs"))["jobs"] == []
    assert await house.catalog.video_ids() == set()
    assert not house.blobs._kept


async def test_a_file_becomes_a_video_and_a_job(house: House) -> None:
    """POST answers 201 with both, and Location leads to the video; the source is kept byte for byte."""
    form = FormData({"title": "My clip"})
    form.add_field("file", BytesIO(SOURCE), filename="a.mp4")
    async with house.client.post("/api/videos", data=form) as response:
        assert response.status == 201
        answer = await response.json()
    assert answer.keys() == {"video", "job"}
    video, job = answer["video"], answer["job"]
    assert (video.keys(), job.keys()) == (VIDEO_KEYS, JOB_KEYS)
    assert (video["title"], video["status"]) == ("My clip", "processing")
    assert (job["status"], job["stage"], job["percent"], job["video_id"]) == ("READY", "upload", 0.0, video["id"])
    assert response.headers["Location"] == f"/api/videos/{video['id']}"
    assert (await house.json(response.headers["Location"]))["id"] == video["id"]
    async with house.client.get(video["source_url"]) as source:
        assert await source.read() == SOURCE


async def test_a_browser_without_scripts_is_led_to_its_video(house: House) -> None:
    """A plain form, which asks for text/html, gets 303 to the watch page."""
    form = FormData({"title": ""})
    form.add_field("file", BytesIO(SOURCE), filename="a.mp4")
    headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}
    async with house.client.post("/api/videos", data=form, headers=headers, allow_redirects=False) as response:
        assert response.status == 303
        page = await house.client.get(response.headers["Location"], headers=headers)
    assert (page.status, page.content_type) == (200, "text/html")
    assert "<h1" in await page.text()


@pytest.mark.parametrize("parts", [(TITLE, file_part(SOURCE)), (file_part(SOURCE), TITLE)])
async def test_the_title_may_stand_before_or_after_the_file(house: House, parts: tuple[Part, ...]) -> None:
    """Fields come in any order."""
    status, answer = await send(house, form_body(*parts))
    assert status == 201
    assert answer["video"]["title"] == "Ein Titel – mit Strich"  # type: ignore[index]  # JSON


@pytest.mark.parametrize(
    ("disposition", "title"),
    [
        ('; filename="holiday_in_rome.mp4"', "holiday in rome"),
        ("; filename=plain.mp4", "plain"),
        ('; filename="no suffix"', "no suffix"),
        ('; filename="two.dots.mp4"', "two.dots"),
        ('; filename="../../etc/passwd"', "passwd"),
        ('; filename="/etc/shadow.mp4"', "shadow"),
        (r'; filename="C:\\clips\\mine.mp4"', "mine"),
        (r'; filename="say \"cheese\".mp4"', 'say "cheese"'),
        ('; filename="say %22cheese%22.mp4"', 'say "cheese"'),
        ('; filename="100 %25 of it.mp4"', "100 %25 of it"),
        ('; filename="größer.mp4"', "größer"),
        ("; filename*=UTF-8''gr%C3%B6%C3%9Fer.mp4", "größer"),
        ("; filename=\"x.mp4\"; filename*=utf-8'de'%E2%82%AC.mp4", "€"),
        ('; filename="a\tb.mp4"', "a b"),
        ('; filename="a%0D%0Ab.mp4"', "a b"),
        ('; filename=".mp4"', "Untitled"),
        ('; filename=""', "video"),
        ("", "video"),
        (f'; filename="{"long" * 100}.mp4"', ("long" * 100)[-196:]),
    ],
)
@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
async def test_a_video_without_a_title_is_called_like_its_file(house: House, disposition: str, title: str) -> None:
    """Folders, quotes, escapes (RFC 7578 §4.2, RFC 8187) and control characters are seen through."""
    part = Part(name="file", content=SOURCE, disposition=disposition)
    status, answer = await send(house, form_body(part))
    assert status == 201, answer
    assert answer["video"]["title"] == title  # type: ignore[index]  # JSON


@pytest.mark.parametrize(
    ("parts", "status", "code", "sentence"),
    [
        ([], 400, "bad_input", "no file"),
        ([TITLE], 400, "bad_input", "no file"),
        ([file_part(b"")], 400, "bad_input", "empty"),
        ([file_part(SOURCE), file_part(SOURCE)], 400, "bad_input", "one file"),
        ([file_part(SOURCE), Part(name="colour", content=b"blue")], 400, "bad_input", "one file"),
        ([Part(name="", content=b"")], 400, "bad_input", "one file"),
        ([file_part(SOURCE), Part(name="title", content=b"x" * 201)], 400, "bad_input", "201 characters"),
        ([file_part(SOURCE), Part(name="title", content=b"x" * 9000)], 413, "too_large", "title is too long"),
        ([file_part(SOURCE), Part(name="title", content=b"\x01\x02")], 400, "bad_input", "title is empty"),
        ([file_part(b"hello\n" * 1000)], 415, "unsupported_media", "a text file, not a video"),
        ([file_part(b"#EXTM3U\n")], 415, "unsupported_media", "an HLS playlist, not a video"),
        ([file_part(b"\x89PNG\r\n\x1a\n" + bytes(9000))], 415, "unsupported_media", "a PNG picture"),
        ([file_part(b"\0" * (MAX_UPLOAD_BYTES + 1))], 413, "too_large", "1 MB"),
    ],
)
async def test_a_form_that_cannot_be_used_is_refused(
    house: House, parts: list[Part], status: int, code: str, sentence: str
) -> None:
    """Each fault has its status, code and sentence, and nothing remains."""
    answer = await send(house, form_body(*parts))
    assert (answer[0], answer[1]["code"]) == (status, code)
    assert sentence in str(answer[1]["detail"])
    await assert_nothing_remains(house)


NESTED = Part(name="file", content=b"", headers="Content-Type: multipart/mixed; boundary=inner\r\n")
HUGE_HEADER = Part(name="file", content=SOURCE, headers=f"X-Any: {'x' * 100_000}\r\n")
MANY_HEADERS = Part(name="file", content=SOURCE, headers="X-Any: x\r\n" * 1000)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        f"--{BOUNDARY}".encode(),
        f"--{BOUNDARY}--".encode(),
        f"--{BOUNDARY}\r\n\r\n".encode(),
        form_body(NESTED),
        form_body(HUGE_HEADER),
        form_body(MANY_HEADERS),
        form_body(Part(name="file", content=SOURCE, headers="no colon\r\n")),
        form_body(Part(name="file", content=SOURCE, headers="X: \x00\r\n")),
        form_body(Part(name="_charset_", content=b"x" * 100), file_part(SOURCE)),
        form_body(Part(name="_charset_", content=b"\xff"), file_part(SOURCE)),
        form_body(Part(name="", content=SOURCE, disposition='; name*0="a\'b"')).replace(b'; name=""', b""),
        form_body(Part(name="file", content=SOURCE, disposition='; filename*0="it\'s"')),
        form_body(file_part(SOURCE), end=b""),
        form_body(file_part(SOURCE), end=b"--another--\r\n"),
        form_body(file_part(SOURCE), end=f"--{BOUNDARY}\r\n".encode()),
        form_body(file_part(SOURCE))[:-40],
        file_part(SOURCE).encoded()[:60],
    ],
)
@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
async def test_a_form_that_is_none_is_refused(house: House, body: bytes) -> None:
    """Malformed and cut-off forms get a 400 with a sentence, and nothing remains."""
    status, answer = await send(house, body)
    assert (status, answer["code"]) == (400, "bad_input")
    await assert_nothing_remains(house)


@pytest.mark.parametrize(
    "content_type",
    [
        *("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 71),
        *("multipart/mixed; boundary=a-boundary", "application/x-www-form-urlencoded", "application/json"),
        *("video/mp4", "multipart", ";;;", "multipart/form-data; boundary=é"),
    ],
)
async def test_what_calls_itself_something_else_is_refused(house: House, content_type: str) -> None:
    """A form without a boundary, and any other type, is a 400 that says what is wanted."""
    status, answer = await send(house, form_body(file_part(SOURCE)), content_type)
    assert (status, answer["code"]) == (400, "bad_input")
    await assert_nothing_remains(house)


async def test_a_boundary_that_aiohttp_cannot_read_on_from(house: House) -> None:
    """One as long as browsers have, behind a field that names an encoding (RFC 7578 §4.6), is refused, too."""
    boundary = "-" * 40 + "7"
    body = form_body(Part(name="_charset_", content=b"utf-8"), file_part(SOURCE)).replace(
        BOUNDARY.encode(), boundary.encode()
    )
    status, answer = await send(house, body, f"multipart/form-data; boundary={boundary}")
    assert (status, answer["code"]) == (400, "bad_input")
    await assert_nothing_remains(house)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "7bit", "unheard-of"])
async def test_a_file_is_kept_as_it_was_sent(house: House, encoding: str) -> None:
    """Content-Transfer-Encoding is deprecated for forms (RFC 7578 §4.7) and changes nothing."""
    content = source_bytes(note="QUJD=3D=\r\n" * 100)
    headers = f"Content-Transfer-Encoding: {encoding}\r\n"
    status, answer = await send(house, form_body(Part(name="file", content=content, headers=headers)))
    assert status == 201
    async with house.client.get(answer["video"]["source_url"]) as source:  # type: ignore[index]  # JSON
        assert await source.read() == content


async def test_a_browser_is_told_on_a_page(house: House) -> None:
    """A plain form that is refused shows the sentence as HTML."""
    form = FormData()
    form.add_field("file", BytesIO(b"plain text"), filename="a.txt")
    async with house.client.post("/api/videos", data=form, headers={"Accept": "text/html"}) as response:
        assert (response.status, response.content_type) == (415, "text/html")
        assert "The file is a text file, not a video." in await response.text()


async def test_a_file_that_announces_itself_too_large_is_refused_unread(house: House) -> None:
    """The answer is there before the body is sent."""
    fields = {"Content-Type": FORM, "Content-Length": str(2 * MAX_UPLOAD_BYTES)}
    answer = await exchange(house.port, request_bytes("/api/videos", method="POST", headers=fields))
    assert answer.status == 413
