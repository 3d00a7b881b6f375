"""No request reaches an inside address: hundreds of spellings, names that change their minds, redirections."""

import socket
import ssl
import subprocess
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from aiohttp import AddrInfoType

from streamserver.domain.links import Reach, Trusted, read_link, read_trusted
from streamserver.errors import LinkAway, LinkFault, LinkForbidden, StreamserverError
from streamserver.fetcher.http import CheckedAddresses, HttpFetcher
from tests.facts.inside_links import LINKS, NAMES
from tests.services.site import Request, Say, Site, answer, running_site, saying

CONTENT = b"\0\0\0\x18ftypisom" + bytes(100)


class Sockets:
    """Makes sockets for this machine, none for others, and remembers what they were to be for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, info: AddrInfoType) -> socket.socket:
        host = str(info[4][0])
        self.asked.append(host)
        address = ip_address(host)
        if not (address.is_loopback or address.is_unspecified):
            raise OSError("A test makes no connection to another machine.")
        return socket.socket(*info[:3])


class Resolver:
    """Knows some names, and says what it is told to, one thing after the other."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def __call__(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


async def known_names(name: str) -> Sequence[str]:
    """Look a name up in the table of those that lead inside."""
    table = {read_link(f"http://{known}/").host: address for known, address in NAMES.items() if "@" not in known}
    try:
        return [table[name]]
    except KeyError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None


async def outcome(fetcher: HttpFetcher, text: str) -> type[Exception] | None:
    """Follow a link; return how that failed, if it did."""
    try:
        async with fetcher.ask(read_link(text), {}) as found:
            await found.read()
    except StreamserverError as error:
        return type(error)
    return None


def links_to(site: Site) -> list[str]:
    """Return all links with the port of a site, where they have room for it."""
    return [text.replace("/film.mp4", f":{site.port}/film.mp4") for text in LINKS]


async def test_no_spelling_makes_a_connection() -> None:
    """Of hundreds of links to the inside none has a socket made for it; a server that listens hears nothing."""
    sockets = Sockets()
    async with running_site(saying(answer(200, body=CONTENT))) as site:
        reach = Reach(ports=frozenset({80, 443, site.port}))
        fetcher = HttpFetcher(reach, lookup=known_names, make_socket=sockets)
        outcomes = [await outcome(fetcher, text) for text in links_to(site)]
        assert site.connections == 0
    assert sockets.asked == []
    assert None not in outcomes
    assert len(outcomes) > 500


async def test_the_server_would_hear() -> None:
    """Where all the world is trusted the same links do reach the server that listens, so it is not deaf."""
    sockets = Sockets()
    everything = tuple(Trusted(network=ip_network(network)) for network in ("0.0.0.0/0", "::/0"))
    async with running_site(saying(answer(200, body=CONTENT))) as site:
        reach = Reach(ports=frozenset({80, 443, site.port}), trusted=everything)
        fetcher = HttpFetcher(reach, lookup=known_names, make_socket=sockets)
        outcomes = [await outcome(fetcher, text) for text in links_to(site)]
        assert site.connections == outcomes.count(None) > 20
    assert len(sockets.asked) > 400


async def test_what_is_checked_is_what_is_asked() -> None:
    """A name is looked up once: the connection goes where it led then, though it leads inside a moment later."""
    resolver, sockets = Resolver(["1.1.1.1"], ["127.0.0.1"]), Sockets()
    async with running_site(saying(answer(200, body=CONTENT))) as site:
        fetcher = HttpFetcher(Reach(ports=frozenset({site.port})), lookup=resolver, make_socket=sockets)
        link = f"http://rebinding.example:{site.port}/film.mp4"
        assert await outcome(fetcher, link) is LinkAway
        assert (sockets.asked, resolver.asked) == (["1.1.1.1"], ["rebinding.example"])
        assert await outcome(fetcher, link) is LinkForbidden
        assert site.connections == 0
    assert sockets.asked == ["1.1.1.1"]


async def test_no_socket_is_made_for_what_was_not_checked() -> None:
    """Whatever a library of others wants to connect to, it gets a socket for a checked address alone."""
    sockets = Sockets()
    checked = CheckedAddresses([ip_address("127.0.0.1"), ip_address("::1")], sockets)
    for family, host in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET, "localhost"), (socket.AF_INET6, "::")):
        with pytest.raises(OSError, match="not checked"):
            checked.new_socket((family, socket.SOCK_STREAM, 0, "", (host, 80)))
    assert sockets.asked == []
    checked.new_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))).close()
    assert {found["host"] for found in await checked.resolve("any.example", 80)} == {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "addresses",
    [
        ["1.1.1.1", "127.0.0.1"],
        ["127.0.0.1", "1.1.1.1"],
        ["2606:4700::1111", "::1"],
        ["1.1.1.1", "fe80::1%lo"],
        ["64:ff9b::7f00:1"],
        ["::ffff:127.0.0.1"],
        ["0.0.0.0"],
    ],
)
async def test_every_address_counts(addresses: Sequence[str]) -> None:
    """A name that leads inside with one of its addresses is not asked at any."""
    sockets = Sockets()
    async with running_site(saying(answer(200, body=CONTENT))) as site:
        reach = Reach(ports=frozenset({site.port}))
        fetcher = HttpFetcher(reach, lookup=Resolver(addresses), make_socket=sockets)
        assert await outcome(fetcher, f"http://both.example:{site.port}/film.mp4") is LinkForbidden
        assert site.connections == 0
    assert sockets.asked == []


async def test_a_name_is_checked_again_at_each_hop() -> None:
    """A redirection to the same name is a new question: when its answer is inside, the way ends there."""
    resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
    async with running_site(saying(answer(302, {"Location": "/again"}))) as site:
        reach = Reach(ports=frozenset({site.port}), trusted=(read_trusted("127.0.0.1/32"),))
        fetcher = HttpFetcher(reach, lookup=resolver)
        assert await outcome(fetcher, f"http://rebinding.example:{site.port}/film.mp4") is LinkForbidden
        assert [request.target for request in site.requests] == ["/film.mp4"]
    assert resolver.asked == ["rebinding.example"] * 2


async def test_no_redirection_makes_a_connection() -> None:
    """A trusted site that leads to the inside, in any spelling, leads nowhere."""
    spellings = iter(LINKS)
    following = ""

    async def lead_on(_request: Request, say: Say) -> None:
        await say(answer(302, {"Location": following}))

    sockets = Sockets()
    async with running_site(saying(answer(200, body=CONTENT))) as inside, running_site(lead_on) as site:
        reach = Reach(
            ports=frozenset({80, 443, inside.port}),
            trusted=(Trusted(host="trusted.example", port=site.port),),
        )

        async def look_up(name: str) -> Sequence[str]:
            return ["127.0.0.1"] if name == "trusted.example" else await known_names(name)

        fetcher = HttpFetcher(reach, lookup=look_up, make_socket=sockets)
        for spelling in spellings:
            if not spelling.isprintable() or "://" not in spelling:
                continue  # no such header is possible, or it means another page of the same site
            following = spelling.replace("/film.mp4", f":{inside.port}/film.mp4")
            found = await outcome(fetcher, f"http://trusted.example:{site.port}/film.mp4")
            assert found in {LinkForbidden, LinkFault}, (following, found)
        assert inside.connections == 0
        assert len(sockets.asked) == site.connections > 500


async def test_a_request_tells_no_more_than_it_has_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the host, has no cookies, takes no proxy of the environment, and asks for nothing compressed."""

    async def page(request: Request, say: Say) -> None:
        location = {"Location": "/there"} if request.target == "/film.mp4?x=1" else {}
        await say(answer(302 if location else 200, {**location, "Set-Cookie": "a=b; Path=/"}, CONTENT))

    async with running_site(page) as site, running_site(saying(answer(200))) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url("/"))
        trusted = (Trusted(host="media.example", port=site.port),)
        fetcher = HttpFetcher(Reach(trusted=trusted), lookup=Resolver(["127.0.0.1"]))
        assert await outcome(fetcher, site.url("/film.mp4?x=1", host="media.example")) is None
        assert proxy.connections == 0
        assert [request.target for request in site.requests] == ["/film.mp4?x=1", "/there"]
        for request in site.requests:
            assert request.headers["host"] == f"media.example:{site.port}"
            assert not {"cookie", "referer", "authorization"} & set(request.headers)
            assert request.method == "GET"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a key and a certificate for media.example, in one file."""
    path = tmp_path_factory.mktemp("tls") / "media.pem"
    openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl += ["-subj", "/CN=media.example", "-addext", "subjectAltName=DNS:media.example"]
    made = subprocess.run([*openssl, "-keyout", "-", "-out", "-"], check=True, capture_output=True)
    path.write_bytes(made.stdout)
    return path


async def test_certificates_are_those_of_the_name(certificate: Path) -> None:
    """Over TLS the name is asked for and verified, though the connection goes to an address."""
    names: list[str | None] = []
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    server_side.sni_callback = lambda _socket, name, _context: names.append(name)
    client_side = ssl.create_default_context(cafile=str(certificate))
    async with running_site(saying(answer(200, body=CONTENT)), tls=server_side) as site:
        trusted = tuple(Trusted(host=host, port=site.port) for host in ("media.example", "other.example"))
        resolver = Resolver(["127.0.0.1"])
        fetcher = HttpFetcher(Reach(trusted=trusted), lookup=resolver, tls=client_side)
        assert await outcome(fetcher, site.url(host="media.example", scheme="https")) is None
        assert await outcome(fetcher, site.url(host="media.example.", scheme="https")) is None
        assert await outcome(fetcher, site.url(host="other.example", scheme="https")) is LinkFault
        assert names == ["media.example", "media.example", "other.example"]
        strict = HttpFetcher(Reach(trusted=trusted), lookup=resolver)
        sentence = rf"The certificate of media\.example:{site.port} cannot be trusted: self.signed certificate"
        with pytest.raises(LinkFault, match=sentence):
            async with strict.ask(read_link(site.url(host="media.example", scheme="https")), {}):
                pass
        assert len(site.requests) == 2
