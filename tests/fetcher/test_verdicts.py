"""Every way in which a site can fail to give a video ends in a sentence, over real connections."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streamserver.domain.downloads import AnswerHead, Bounds, Held
from streamserver.domain.links import Reach, Trusted, read_link
from streamserver.domain.uploads import Quota, Upload, UploadKind
from streamserver.domain.users import ANYONE
from streamserver.errors import LinkAway, LinkCut, LinkFault, StreamserverError
from streamserver.fetcher.http import HttpFetcher, Lookup
from streamserver.flows.download import Download
from tests.flows.works import Works, open_works
from tests.services.site import Page, Request, Say, answer, part, running_site, saying

CONTENT = b"\0\0\0\x18ftypisom" + bytes(range(256)) * 400
MAX_BYTES = 200_000
HOST = "media.example"


async def find(_name: str) -> Sequence[str]:
    return ["127.0.0.1"]


class Import:
    """One import, and what was told of it."""

    def __init__(self, works: Works) -> None:
        self.works = works
        self.known = Held()
        self.waits: list[str] = []
        self._upload: Upload | None = None

    async def run(self, url: str, *, lookup: Lookup = find, **bounds: Any) -> bytes:  # noqa: ANN401 - any bound
        """Import from a link, or go on with that, and return the bytes that are there then."""
        link = read_link(url)
        trusted = tuple(Trusted(host=host, port=link.port) for host in (HOST, "127.0.0.1"))
        if self._upload is None:
            self._upload = await self.works.receive.create(
                UploadKind.LINK, user=ANYONE, file_name="film.mp4", url=url
            )
        limits = {"max_bytes": MAX_BYTES, "stall_seconds": 0.3, "tries": 2, "first_wait_seconds": 0.001, **bounds}
        async with self.works.receive.resume(self._upload.id, user=ANYONE) as receiving:
            download = Download(
                link,
                receiving,
                self.known,
                fetcher=HttpFetcher(Reach(trusted=trusted), lookup=lookup, answer_seconds=0.5),
                bounds=Bounds(**limits),
                note=self.note,
                tell_wait=self.tell_wait,
            )
            await download.complete()
            await receiving.check()
            return await receiving.incoming.read(0, 10_000_000)

    async def note(self, held: Held, _head: AnswerHead) -> None:
        self.known = held

    async def tell_wait(self, failure: StreamserverError, _seconds: float) -> None:
        self.waits.append(failure.message)

    async def stored_bytes(self) -> int:
        """Return how much is there."""
        return sum((await self.works.blobs.incoming_sizes()).values())


@pytest.fixture
async def importing() -> AsyncIterator[Import]:
    async with open_works(quota=Quota(max_bytes=10 * MAX_BYTES)) as works:
        yield Import(works)


@asynccontextmanager
async def failing(kind: type[StreamserverError], sentence: str) -> AsyncIterator[None]:
    """Expect a failure of a kind that says a sentence, which begins and ends as one."""
    with pytest.raises(kind) as raised:
        yield
    message = raised.value.message
    assert sentence in message
    assert message.endswith(".")
    assert message[0].isupper() or message.startswith((HOST, "127."))


def chunked(*chunks: bytes) -> bytes:
    """Return a body in chunks, without its end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


CHUNKED = {"Transfer-Encoding": "chunked", "Content-Length": ""}
PAGE = b"<!doctype html><title>A film</title><p>Watch it here!"
BOMB = gzip.compress(bytes(100_000_000), 9)

FINAL = {
    "a web page": (answer(200, {"Content-Type": "text/html; charset=utf-8"}, PAGE), "web page, not to a video"),
    "a web page in disguise": (answer(200, {"Content-Type": "video/mp4"}, PAGE), "a web page, not a video"),
    "a web page in chunks": (answer(200, CHUNKED) + chunked(PAGE) + b"0\r\n\r\n", "a web page, not a video"),
    "text": (answer(200, {}, b"hello, world\n" * 1000), "a text file, not a video"),
    "not there": (answer(404, {"Content-Type": "text/html"}, PAGE), "no file behind the link (404)"),
    "gone": (answer(410), "no file behind the link (410)"),
    "a login": (answer(401, {"WWW-Authenticate": "Basic"}, PAGE), "only after a login (401)"),
    "forbidden": (answer(403, {}, PAGE), "only after a login (403)"),
    "a bomb": (answer(200, {"Content-Encoding": "gzip"}, BOMB), "compressed"),
    "a bomb on its way": (answer(200, {"Transfer-Encoding": "gzip, chunked", "Content-Length": ""}), "compressed"),
    "a packed file": (answer(200, {"Content-Type": "video/mp4"}, BOMB), "a compressed file, not a video"),
    "nothing": (answer(200), "empty"),
    "nothing in chunks": (answer(200, CHUNKED) + b"0\r\n\r\n", "empty"),
    "no content": (answer(204), "its answer was 204"),
    "a part": (answer(206, {"Content-Range": "bytes 5-9/10"}, b"12345"), "another part"),
    "too much, announced": (answer(200, {"Content-Length": str(MAX_BYTES + 1)}), "more than the 200 kB"),
    "more than announced": (answer(200, {"Content-Length": "2000"}, CONTENT), "more bytes than it announced"),
    "elsewhere, but not where": (answer(302), "does not say where"),
    "a program": (answer(302, {"Location": "ftp://media.example/film.mp4"}), "no address of a file"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
    "an endless header": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "does not speak HTTP"),
}


@pytest.mark.parametrize("name", FINAL)
async def test_what_is_no_video(importing: Import, name: str) -> None:
    """It is named after one request, and nothing is asked again."""
    said, sentence = FINAL[name]
    async with running_site(saying(said)) as site:
        async with failing(StreamserverError, sentence):
            await importing.run(site.url())
        assert len(site.requests) == 1
    assert not importing.waits


AWAY = {
    "in trouble": (answer(503), "cannot answer now (503)"),
    "too many requests": (answer(429, {"Retry-After": "0"}), "cannot answer now (429)"),
    "hung up": (b"", "hung up"),
    "hung up in its head": (b"HTTP/1.1 200 OK\r\nContent-Le", "hung up"),
}


@pytest.mark.parametrize("name", AWAY)
async def test_what_may_be_better_next_time(importing: Import, name: str) -> None:
    """A site in trouble is asked again, as often as is set, and then its trouble is told."""
    said, sentence = AWAY[name]
    async with running_site(saying(said)) as site:
        async with failing(LinkAway, sentence):
            await importing.run(site.url())
        assert len(site.requests) >= 3  # aiohttp itself asks twice where nothing at all is answered
    assert len(importing.waits) == 2


async def test_a_length_that_is_never_reached(importing: Import) -> None:
    """A site that announces more than it has, and begins anew each time, is found out by that."""
    said = answer(200, {"Content-Length": str(len(CONTENT) + 1)}, CONTENT)
    async with running_site(saying(said)) as site:
        async with failing(LinkCut, f"announced {len(CONTENT) + 1} bytes and stopped after {len(CONTENT)}"):
            await importing.run(site.url())
        assert len(site.requests) == 3


async def test_a_length_that_turns_out_to_be_a_lie(importing: Import) -> None:
    """A site that is asked for the rest and admits that there is none has lied."""

    async def page(request: Request, say: Say) -> None:
        lie = {"ETag": '"one"', "Content-Length": str(len(CONTENT) + 9)}
        await say(answer(200, lie, CONTENT) if not request.position else part(request, CONTENT))

    sentence = f"announced {len(CONTENT) + 9} bytes, and has no more than {len(CONTENT)}"
    async with running_site(page) as site, failing(LinkFault, sentence):
        await importing.run(site.url())


@pytest.mark.parametrize(
    "head", [answer(200, CHUNKED), answer(200, {"Content-Length": ""})], ids=["chunks", "plain"]
)
async def test_a_body_without_end(importing: Import, head: bytes) -> None:
    """It is cut off where a file has to end, and none of it stays in memory."""

    async def page(_request: Request, say: Say) -> None:
        await say(head)
        while True:
            await say(chunked(CONTENT) if b"chunked" in head else CONTENT)

    async with running_site(page) as site:
        async with failing(LinkFault, "does not end within the 200 kB"):
            await importing.run(site.url())
        assert len(site.requests) == 1
    assert await importing.stored_bytes() <= MAX_BYTES


async def test_a_byte_a_second(importing: Import) -> None:
    """A site that is too slow to come to an end is left, with what it sends in a second."""
    over = asyncio.Event()

    async def page(_request: Request, say: Say) -> None:
        await say(answer(200, {"Content-Length": "1000000"}))
        for byte in CONTENT:
            await say(bytes([byte]))
            await asyncio.wait([asyncio.create_task(over.wait())], timeout=0.1)

    async with running_site(page) as site:
        async with failing(LinkFault, "a second; it has to be 1 kB at least"):
            await importing.run(site.url(), max_bytes=2_000_000)
        over.set()


async def test_a_site_that_falls_silent(importing: Import) -> None:
    """One that sends nothing more is asked again, and left when it does the same each time."""
    over = asyncio.Event()

    async def page(_request: Request, say: Say) -> None:
        await say(answer(200, {"Content-Length": "100000"}, CONTENT[:5000]))
        await over.wait()

    async with running_site(page) as site:
        async with failing(LinkAway, "has sent nothing for"):
            await importing.run(site.url(), least_bytes_per_second=1)
        over.set()


async def test_a_site_that_never_answers(importing: Import) -> None:
    """One that takes the request and says nothing is asked again, and then left."""
    over = asyncio.Event()

    async def page(_request: Request, _say: Say) -> None:
        await over.wait()

    async with running_site(page) as site:
        async with failing(LinkAway, "did not answer in time"):
            await importing.run(site.url(), tries=1)
        assert len(site.requests) == 2
        over.set()


async def test_an_import_that_takes_too_long(importing: Import) -> None:
    """The time that all of it may take is bounded, waits included."""
    async with running_site(saying(answer(503))) as site, failing(LinkFault, "has not come within"):
        await importing.run(site.url(), seconds=0.2, first_wait_seconds=30)


async def test_redirections_without_end(importing: Import) -> None:
    """A site that leads on and on is left."""
    async with running_site(saying(answer(302, {"Location": "?again"}))) as site:
        async with failing(LinkFault, "more than 10 times"):
            await importing.run(site.url())
        assert len(site.requests) == 11


async def test_a_redirection_to_a_login_page(importing: Import) -> None:
    """A site that wants to know who asks is understood."""

    async def page(request: Request, say: Say) -> None:
        if request.target == "/film.mp4":
            await say(answer(303, {"Location": "/accounts/login?next=/film.mp4"}))
        else:
            await say(answer(200, {"Content-Type": "text/html"}, PAGE))

    async with running_site(page) as site, failing(LinkFault, "login page"):
        await importing.run(site.url())


async def test_no_such_name(importing: Import) -> None:
    """A name that nobody has is told at once; a resolver in trouble is asked again."""
    faults = {
        socket.EAI_NONAME: (LinkFault, f"no server called {HOST}", 0),
        socket.EAI_AGAIN: (LinkAway, f"{HOST} cannot be found at present", 2),
    }
    for number, (kind, sentence, waits) in faults.items():
        fault = socket.gaierror(number, "as the resolver says it")
        importing.waits.clear()

        async def nobody(_name: str, fault: OSError = fault) -> Sequence[str]:
            raise fault

        async with failing(kind, sentence):
            await importing.run(f"http://{HOST}/film.mp4", lookup=nobody)
        assert len(importing.waits) == waits


async def test_nobody_listens(importing: Import) -> None:
    """A refused connection is told."""
    async with running_site(saying(b"")) as site:
        url = site.url()
    async with failing(LinkAway, "cannot be reached: Connection refused"):
        await importing.run(url)


async def test_no_certificate(importing: Import) -> None:
    """A site without TLS where it should be is told."""
    async with running_site(saying(answer(200, {}, CONTENT))) as site, failing(LinkFault, "does not speak TLS"):
        await importing.run(site.url(scheme="https"))


def growing(steps: Sequence[int], versions: Sequence[bytes] = (CONTENT,)) -> Page:
    """Return a page that breaks off after so many bytes each time, of one version of the file after the other."""
    left = list(steps)

    async def page(request: Request, say: Say) -> None:
        version = min(len(steps) - len(left), len(versions) - 1)
        said = part(request, versions[version], f'"{version}"')
        head, _, body = said.partition(b"\r\n\r\n")
        await say(head + b"\r\n\r\n" + (body[: left.pop(0)] if left else body))

    return page


async def test_a_file_comes_in_pieces(importing: Import) -> None:
    """After each loss the rest is asked for, and in the end it is the file to the last byte."""
    page = growing([1, 30_000, 5, 50_000, 1, 1, 1, 1, 1])
    async with running_site(page) as site:
        assert await importing.run(site.url()) == CONTENT
        positions = [request.position for request in site.requests]
        assert positions == [0, 1, 30_001, 30_006, 80_006, 80_007, 80_008, 80_009, 80_010, 80_011]
        assert {request.headers.get("if-range") for request in site.requests[1:]} == {'"0"'}


async def test_a_file_that_changes_meanwhile(importing: Import) -> None:
    """When the rest is no longer of the same file, the new one comes from its beginning."""
    other = CONTENT[:12] + bytes(50_000)
    page = growing([30_000, 40_000], [CONTENT, other])
    async with running_site(page) as site:
        assert await importing.run(site.url()) == other


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"one"'}, {"ETag": '"one"'}], ids=["none", "weak", "strong"])
async def test_a_site_that_gives_no_parts(importing: Import, headers: dict[str, str]) -> None:
    """The file comes from its beginning again, and not a byte twice."""
    lengths = [10_000, 50_000, 20_000, len(CONTENT)]

    async def page(_request: Request, say: Say) -> None:
        await say(answer(200, {**headers, "Content-Length": str(len(CONTENT))}, CONTENT[: lengths.pop(0)]))

    async with running_site(page) as site:
        assert await importing.run(site.url()) == CONTENT
        assert len(site.requests) == 4


async def test_a_site_that_heeds_no_condition(importing: Import) -> None:
    """A part of another file that comes all the same is not put behind the first one."""
    other = CONTENT[:12] + bytes(60_000)

    async def page(request: Request, say: Say) -> None:
        content, etag = (other, '"two"') if len(site.requests) > 1 else (CONTENT, '"one"')
        said = part(request, content, request.headers.get("if-range", etag))
        said = said.replace(b'ETag: "one"', b"ETag: " + etag.encode())
        await say(said[:20_000] if len(site.requests) == 1 else said)

    async with running_site(page) as site:
        assert await importing.run(site.url()) == other


async def test_a_site_that_gives_a_little_at_a_time(importing: Import) -> None:
    """Parts that end where they say, but not at the end of the file, are asked for one after the other."""

    async def page(request: Request, say: Say) -> None:
        position = request.position
        end = min(position + 9_000, len(CONTENT))
        headers = {"Content-Range": f"bytes {position}-{end - 1}/{len(CONTENT)}", "ETag": '"one"'}
        await say(answer(206, headers, CONTENT[position:end]))

    async with running_site(page) as site:
        assert await importing.run(site.url(), tries=0) == CONTENT
        assert len(site.requests) == -(-len(CONTENT) // 9_000)
    assert not importing.waits


async def test_a_file_whose_length_nobody_tells(importing: Import) -> None:
    """Its end is where its chunks end; a loss before that is noticed."""
    whole = answer(200, {**CHUNKED, "ETag": '"one"'}) + chunked(CONTENT[:50_000], CONTENT[50_000:]) + b"0\r\n\r\n"
    said = [whole[:20_000], whole[:-5], whole]

    async def page(_request: Request, say: Say) -> None:
        await say(said.pop(0))

    async with running_site(page) as site:
        assert await importing.run(site.url()) == CONTENT
    assert len(importing.waits) == 2


async def test_another_process_goes_on(importing: Import) -> None:
    """What was noted and what is stored is enough to go on where somebody else was stopped."""
    arrived, over = asyncio.Event(), asyncio.Event()

    async def page(request: Request, say: Say) -> None:
        said = part(request, CONTENT)
        if len(site.requests) > 1:
            await say(said)
            return
        await say(said[:40_000])
        arrived.set()
        await over.wait()

    async with running_site(page) as site:
        first = asyncio.create_task(importing.run(site.url(), stall_seconds=60))
        await arrived.wait()
        while not await importing.stored_bytes():  # noqa: ASYNC110 - they are announced to nobody
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        stored = await importing.stored_bytes()
        assert await importing.run(site.url()) == CONTENT
        assert [request.position for request in site.requests] == [0, stored]
        assert stored > 0
        over.set()


async def test_what_is_whole_is_not_asked_for(importing: Import) -> None:
    """A process that was stopped after the last byte leaves nothing to be asked."""
    async with running_site(saying(answer(200, {"ETag": '"one"'}, CONTENT))) as site:
        assert await importing.run(site.url()) == CONTENT
        assert await importing.run(site.url()) == CONTENT
        assert len(site.requests) == 1
