"""Nothing that a client sends gives a 500: not in addresses, headers, JSON, forms or cursors."""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from streamserver.catalog.address import file_address
from streamserver.catalog.migrate import migrate
from streamserver.catalog.sql import open_catalog
from tests.web.house import House, open_house, source_bytes
from tests.web.wire import BOUNDARY, FORM, Heard, exchange, file_part, form_body, request_bytes

pytestmark = pytest.mark.filterwarnings(
    "ignore::aiohttp.BadContentDispositionHeader", "ignore::aiohttp.BadContentDispositionParam"
)

# A server is not made anew for each example: it is to stand all of them.
on_one_server = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)

ROUTES = (
    *("/", "/watch/{}", "/upload", "/jobs", "/api/videos", "/api/videos/{}", "/api/jobs", "/api/jobs/{}"),
    *("/api/jobs/{}/retry", "/healthz", "/readyz", "/metrics", "/api/openapi.json", "/assets/{}", "/media/{}"),
    *("/media/{}/source", "/media/{}/hls/master.m3u8", "/media/a/{}.mp4", "/media/a/hls/{}/0.m4s", "/{}"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "BREW")

anything = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"\0", b"\xed\xa0\x80", b"9" * 5000, b"a" * 7000, b"..", b"../..", b"%", b"a\r\nb", b"-1"]),
)
escaped = anything.map(quote_from_bytes)
raw_target = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60)
header_value = anything.map(
    lambda value: bytes(byte for byte in value if byte not in b"\r\n").decode("utf-8", "surrogateescape")
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Give a server with a real database, which is particular about what it is given."""
    address = file_address(tmp_path / "catalog.sqlite3")
    await migrate(address)
    catalog = open_catalog(address)
    async with open_house(tmp_path, catalog=catalog) as house:
        yield house
    await catalog.close()


async def assert_no_fault(
    house: House,
    target: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Heard:
    """Check that the server answers, and does not call anything its own fault."""
    answer = await exchange(house.port, request_bytes(target, method=method, headers=headers, body=body))
    assert 200 <= answer.status < 500, answer
    return answer


@on_one_server
@example(method="GET", route="/assets/{}", part="9" * 5000)
@given(method=st.sampled_from(METHODS), route=st.sampled_from(ROUTES), part=escaped | raw_target)
async def test_addresses(house: House, method: str, route: str, part: str) -> None:
    """Whatever stands in a path, by whatever method."""
    await assert_no_fault(house, route.format(part), method=method)


@on_one_server
@given(
    path=st.sampled_from(["/", "/api/videos", "/api/jobs", "/watch/a", "/media/a/source"]),
    query=st.lists(st.tuples(st.sampled_from(["q", "limit", "cursor", "x"]), escaped | raw_target), max_size=3),
)
async def test_query_strings(house: House, path: str, query: list[tuple[str, str]]) -> None:
    """Whatever is asked for, once or twice."""
    await assert_no_fault(house, f"{path}?{'&'.join(f'{name}={value}' for name, value in query)}")


@on_one_server
@example(moment="0001-01-01T00:00:00+23:59", video_id="a", path="/")
@given(
    moment=st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat()) | st.text(),
    video_id=st.text(max_size=20),
    path=st.sampled_from(["/", "/api/videos"]),
)
async def test_cursors(house: House, moment: str, video_id: str, path: str) -> None:
    """Cursors that were made up, also at the ends of time."""
    cursor = urlsafe_b64encode(f"{moment} {video_id}".encode("utf-8", "surrogatepass")).decode()
    await assert_no_fault(house, f"{path}?cursor={cursor}")


HEADERS = (
    *("Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "Cookie", "Host", "Last-Event-ID"),
    *("Origin", "Range", "Referer", "Sec-Fetch-Site", "Transfer-Encoding", "Upgrade", "X-Forwarded-For"),
    *("If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Content-Length"),
)


@on_one_server
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    route=st.sampled_from(ROUTES),
    headers=st.dictionaries(st.sampled_from(HEADERS), header_value, max_size=4),
)
async def test_headers(house: House, method: str, route: str, headers: dict[str, str]) -> None:
    """Whatever stands in the fields that the server reads, and in some that it does not."""
    await assert_no_fault(house, route.format("a"), method=method, headers=headers)


json_value: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@on_one_server
@given(
    body=anything
    | json_value.map(lambda value: json.dumps(value).encode())
    | json_value.map(lambda value: json.dumps({"title": value}).encode())
)
async def test_json(house: House, body: bytes) -> None:
    """Whatever stands in the body of a PATCH."""
    videos = (await house.json("/api/videos"))["videos"]
    video = videos[0] if videos else await house.complete()
    await assert_no_fault(house, f"/api/videos/{video['id']}", method="PATCH", body=body)


GOOD_FORM = form_body(file_part(source_bytes()))
INSERTED = (
    *(b"\r\n", b"\n", b"\0", b"--", f"--{BOUNDARY}".encode(), f"\r\n--{BOUNDARY}--\r\n".encode(), b'"', b";"),
    *(b"=", b":", b"\xff", b"Content-Type: multipart/mixed\r\n", b"Content-Length: -5\r\n", b"\r\n\r\n"),
)


@on_one_server
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(GOOD_FORM)), st.integers(0, 40), st.sampled_from(INSERTED) | st.binary(max_size=9)
        ),
        max_size=4,
    )
)
async def test_forms(house: House, edits: list[tuple[int, int, bytes]]) -> None:
    """A form out of which pieces were cut, and others put in."""
    body = GOOD_FORM
    for position, count, inserted in edits:
        body = body[:position] + inserted + body[position + count :]
    headers = {"Content-Type": FORM}
    answer = await assert_no_fault(house, "/api/videos", method="POST", headers=headers, body=body)
    if answer.status == 201:
        video = json.loads(answer.body)["video"]
        await house.end_of(video["job_id"])
        await house.client.delete(f"/api/videos/{video['id']}")


@on_one_server
@example(parameters="!*", body=b"")
@given(parameters=header_value, body=st.binary(max_size=200))
async def test_types_of_forms(house: House, parameters: str, body: bytes) -> None:
    """Whatever stands behind `multipart/form-data`, and any body."""
    headers = {"Content-Type": f"multipart/form-data; {parameters}"}
    await assert_no_fault(house, "/api/videos", method="POST", headers=headers, body=body)


async def test_all_of_it_leaves_a_server_that_works(house: House) -> None:
    """A few of the worst, one after the other, and then an ordinary upload."""
    await assert_no_fault(house, "*", method="OPTIONS")
    for target in ("/media/%2e%2e/%2e%2e/etc/passwd", "/api/videos?cursor=%00", "/" + "a" * 7000, "//", "/%00"):
        await assert_no_fault(house, target)
    assert (await house.complete())["status"] == "complete"
