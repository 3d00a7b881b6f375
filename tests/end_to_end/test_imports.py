"""Imports from links by a server as people run it, from web servers on this machine that it is told to trust."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from tests.clips.programs import ffmpeg
from tests.end_to_end.client import Client, Document, Reply
from tests.services.server import ServerProcess, running_server
from tests.services.site import Request, Say, answer, part, running_site, saying
from tests.waiting import until

PAGE = b"<!doctype html><title>A film</title>" + b" " * 9000


PADDING_BYTES = 6_000_000
"""Several times what a server gathers before it writes."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Make a short video in a long file, by a box that no player reads (`free`, ISO/IEC 14496-12 §8.1.2)."""
    target = tmp_path_factory.mktemp("clips") / "clip.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3", "-c:v", "libx264", str(target))
    padding = bytes(range(256)) * (PADDING_BYTES // 256)
    return target.read_bytes() + (8 + len(padding)).to_bytes(4) + b"free" + padding


def ask(server: ServerProcess, url: str) -> Reply:
    """Ask for an import."""
    body = b'{"url": "%s", "title": "From afar"}' % url.encode()
    headers = {"Content-Type": "application/json"}
    return Client(server).ask("/api/videos/import", method="POST", headers=headers, body=body)


async def end_of(server: ServerProcess, job_id: str) -> list[Document]:
    """Return all reports of a job until its end, as the server's events tell them."""
    return await asyncio.to_thread(lambda: list(Client(server).follow(job_id)))


def trusting(*hosts: str, **settings: object) -> dict[str, str]:
    more = {f"STREAMSERVER_{name.upper()}": str(value) for name, value in settings.items()}
    return {"STREAMSERVER_IMPORT_TRUSTED": " ".join(hosts), **more}


async def test_from_a_link_to_a_video(tmp_path: Path, clip: bytes) -> None:
    """A link, with a redirection on the way, becomes a video that plays; one stream of events tells it all."""

    async def page(request: Request, say: Say) -> None:
        if request.target == "/get?id=5":
            await say(answer(302, {"Location": "/film.mp4"}))
        else:
            await say(part(request, clip))

    async with running_site(page) as site:
        with running_server(tmp_path / "data", environment=trusting(f"localhost:{site.port}")) as server:
            reply = await asyncio.to_thread(ask, server, site.url("/get?id=5", host="localhost"))
            assert reply.status == 202, reply.body
            video, job = reply.json["video"], reply.json["job"]
            reports = await end_of(server, job["id"])
            assert reports[-1]["status"] == "COMPLETE", reports[-1]
            assert reports[0]["stage"] == "upload"
            client = Client(server)
            found = await asyncio.to_thread(client.video, video["id"])
            assert (found["title"], found["status"]) == ("From afar", "complete")
            source = await asyncio.to_thread(client.get, found["source_url"])
            assert source.body == clip
    assert [request.target for request in site.requests] == ["/get?id=5", "/film.mp4"]


async def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path, clip: bytes) -> None:
    """After kill -9 the next server asks for the rest alone, and the file is the same to the last byte."""
    arrived, over = asyncio.Event(), asyncio.Event()

    async def page(request: Request, say: Say) -> None:
        said = part(request, clip)
        if len(site.requests) > 1:
            await say(said)
        else:
            await say(said[:-100_000])
            arrived.set()
            await over.wait()

    data = tmp_path / "data"
    async with running_site(page) as site:
        environment = trusting("127.0.0.0/8", import_ports=site.port)
        with running_server(data, environment=environment) as server:
            reply = await asyncio.to_thread(ask, server, site.url())
            await arrived.wait()
            job_id = reply.json["job"]["id"]
            stored = data / "uploads" / job_id
            await until(lambda: stored.stat().st_size > 0)
            server.kill()
        over.set()
        with running_server(data, environment=environment) as server:
            assert (await end_of(server, job_id))[-1]["status"] == "COMPLETE"
            found = await asyncio.to_thread(Client(server).get, f"/media/{reply.json['video']['id']}/source")
    assert sha256(found.body).digest() == sha256(clip).digest()
    assert [request.position > 0 for request in site.requests] == [False, True]


VERDICTS = {
    "a web page": (answer(200, {"Content-Type": "text/html"}, PAGE), "link_unusable", "web page"),
    "not there": (answer(404), "link_unusable", "no file behind the link"),
    "a login": (answer(401), "link_unusable", "login"),
    "too large": (answer(200, {"Content-Length": "9000001"}), "link_unusable", "more than the 9 MB"),
    "compressed": (answer(200, {"Content-Encoding": "gzip"}, b"x"), "link_unusable", "compressed"),
    "lying": (answer(200, {"Content-Length": "8000000"}, bytes(100)), "link_cut", "announced 8000000 bytes"),
    "without end": (answer(200, {"Content-Length": ""}), "link_unusable", "does not end within the 9 MB"),
    "slow": (answer(200, {"Content-Length": "8000000"}), "link_unusable", "a second; it has to be"),
    "in trouble": (answer(503), "link_unreachable", "cannot answer now"),
}


async def test_verdicts_are_sentences(tmp_path: Path) -> None:
    """What goes wrong ends the job with a code and a sentence."""

    async def page(request: Request, say: Say) -> None:
        name = request.target.strip("/").replace("-", " ")
        await say(VERDICTS[name][0])
        while name == "without end":
            await say(bytes(100_000))
        while name == "slow":
            await say(bytes(1))
            await asyncio.sleep(0.2)

    async with running_site(page) as site:
        environment = trusting(
            f"127.0.0.1:{site.port}", max_upload_bytes="9MB", import_tries=0, import_stall_seconds=2
        )
        with running_server(tmp_path / "data", environment=environment) as server:
            for name, (_, code, sentence) in VERDICTS.items():
                reply = await asyncio.to_thread(ask, server, site.url(f"/{name.replace(' ', '-')}"))
                job = (await end_of(server, reply.json["job"]["id"]))[-1]
                assert (job["status"], job["error"]["code"]) == ("ERROR", code), name
                assert sentence in job["error"]["message"]


async def test_nothing_inside_is_reached(tmp_path: Path) -> None:
    """Neither a link nor a redirection leads to a server on this machine that nobody named as trusted."""
    async with running_site(saying(answer(200))) as inside:

        async def lead_on(request: Request, say: Say) -> None:
            await say(answer(302, {"Location": f"http://{request.target.strip('/')}:{inside.port}/"}))

        hosts = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]", "0", "127.0.0.2"]
        async with running_site(lead_on) as site:
            environment = trusting(f"localhost:{site.port}", import_ports=f"80 443 {inside.port}", import_tries=0)
            with running_server(tmp_path / "data", environment=environment) as server:
                for host in hosts:
                    reply = await asyncio.to_thread(ask, server, f"http://{host}:{inside.port}/")
                    if host != "localhost":  # of names nothing is known before they are looked up
                        assert (reply.status, reply.json["code"]) == (403, "link_forbidden"), host
                    reply = await asyncio.to_thread(ask, server, site.url(f"/{host}", host="localhost"))
                    job = (await end_of(server, reply.json["job"]["id"]))[-1]
                    assert job["error"]["code"] == "link_forbidden", host
        assert inside.connections == 0
        assert len(site.requests) == len(hosts)
