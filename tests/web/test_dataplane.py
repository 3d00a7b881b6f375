"""Media is answered beside the Application: what goes there, and that nothing slips past either of them."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.web.house import House, open_house
from tests.web.media import Kind, complete_media
from tests.web.wire import connection, exchange, hear, request_bytes


async def test_media_does_not_pass_the_application(tmp_path: Path) -> None:
    """No middleware runs for it, whether it is there or not; for everything else they all do."""
    passed = []

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        passed.append(request.path)
        return await handler(request)

    async with open_house(tmp_path, middlewares=[record]) as house:
        media = await complete_media(house)
        passed.clear()
        for address in (*media.addresses.values(), "/media/", "/media/nothing"):
            await house.client.get(address)
        assert passed == []
        for address in ("/", "/media", "/mediator", "/healthz"):
            await house.client.get(address)
        assert passed == ["/", "/media", "/mediator", "/healthz"]


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/media",
            "/media/",
            "/media//",
            "/media/{id}",
            "/media/{id}/",
            "/media/{id}/SOURCE",
            "/MEDIA/{id}/source",
        ),
        *(
            "/media/{id}/source/",
            "/media/{id}/source%00",
            "/media/{id}/source%0A",
            "/media/{id}/%2e%2e/{id}/source",
        ),
        *(
            "/media/{id}/../{id}/source",
            "/media/..%2f{id}/source",
            "/media/{id}%2Fsource",
            "/media%2F{id}/source",
            "//media/{id}/source",
        ),
        *("/media/{id}/{key}", "/media/{id}/{key}.mp4%20", "/media/{id}/x{key}.mp4", "/media/x{id}/{key}.mp4"),
        *("/media/{id}/region/../{key}.mp4", "/media/{id}/region/region/{key}.mp4", "/media/{id}/hls/{key}"),
        *("/media/{id}/hls/{key}/00.m4s", "/media/{id}/hls/{key}/-1.m4s", "/media/{id}/hls/{key}/1.0.m4s"),
        *(
            "/media/{id}/hls/{key}/99.m4s",
            "/media/{id}/hls/{key}/99999999999.m4s",
            "/media/{id}/hls/{key}/%D9%A3.m4s",
        ),
        *("/media/{id}/hls/x/index.m3u8", "/media/{id}/hls/subtitles/x.m3u8", "/media/{id}/subtitles/x.vtt"),
        *("/media/{id}/poster-x.jpg", "/media/{id}/poster-.jpg", "/media/%ff/source", "/media/" + "a" * 5000),
    ],
)
async def test_an_address_that_is_not_exactly_one_of_ours_is_404(house: House, target: str) -> None:
    """No other spelling leads anywhere: no dots, no other case, no leading zero, nothing before or behind."""
    media = await complete_media(house)
    key = media.video["renditions"][0]["key"]
    filled = target.format(id=media.video["id"], key=key)
    answer = await exchange(house.port, request_bytes(filled))
    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")


@pytest.mark.parametrize(
    "target",
    [
        *("/media/{id}/source?", "/media/{id}/source?x=1", "/media/{id}/%73ource", "/%6Dedia/{id}/source"),
        *("http://localhost/media/{id}/source", "HTTP://else.where:99/media/{id}/source?x"),
    ],
)
async def test_the_same_address_in_other_words_is_the_same(house: House, target: str) -> None:
    """A query, needless escapes (RFC 3986 §6.2.2.2) and the absolute form (RFC 9112 §3.2.2) change nothing."""
    media = await complete_media(house)
    content = await (await house.client.get(media.addresses[Kind.SOURCE])).read()
    answer = await exchange(house.port, request_bytes(target.format(id=media.video["id"])))
    assert (answer.status, answer.body) == (200, content)


async def test_media_and_pages_share_a_connection(house: House) -> None:
    """Answers of both, errors too, leave the connection ready for the next request."""
    media = await complete_media(house)
    asked: list[tuple[str, str, int]] = []
    for address in media.addresses.values():
        asked += [("GET", address, 200), ("GET", "/healthz", 200), ("HEAD", address, 200)]
        asked += [("GET", "/media/nothing", 404), ("GET", "/nothing", 404), ("DELETE", address, 405)]
    async with connection(house.port) as (reader, writer):
        for method, address, status in asked:
            writer.write(request_bytes(address, method=method))
            answer = await hear(reader, has_body=method != "HEAD")
            assert (method, address, answer.status) == (method, address, status)
