"""Links that people paste, and where they may lead.

A link is read as browsers read it (WHATWG URL Standard), so that all spellings of a host have one meaning:
decimal, octal and hexadecimal numbers, short forms, other scripts' digits and dots, percent-encoding. Whoever
follows a link goes by the `Link` alone, never by the text that it was.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from ada_url import URL

from streamserver.domain.inside import Address, inside, plain, read_address
from streamserver.domain.titles import clean_file_name
from streamserver.errors import BadInput, LinkForbidden

MAX_LINK = 4096
"""Characters."""
PORTS = {"http:": 80, "https:": 443}
HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
"""RFC 1123 §2.1, and the underscore, which some real names hold."""
TRUSTED_HOST = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^][:/?#@\\\s]+)(?::(?P<port>\d{1,5}))?")

Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a file is, with one spelling for each place."""

    scheme: str
    """`http` or `https`."""
    host: str
    """A name in lower-case ASCII without a final dot, or an address in its standard form, without brackets."""
    port: int
    """1 to 65535."""
    target: str
    """Path and query in ASCII, as they are sent."""

    @property
    def address(self) -> Address | None:
        """The host's address, where the link itself names it."""
        return read_address(self.host)

    @property
    def authority(self) -> str:
        """Host and port as a URL has them."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == PORTS[f"{self.scheme}:"] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole link."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def name(self) -> str:
        """The link without its query, which may hold a secret."""
        return self.url.partition("?")[0]

    @property
    def file_name(self) -> str:
        """What the file would be called if it were saved."""
        last = self.target.partition("?")[0].rpartition("/")[2]
        return clean_file_name(unquote_to_bytes(last).decode(errors="replace"))


def read_link(text: str, base: Link | None = None) -> Link:
    """Read a link, or where a redirection from `base` leads; `BadInput` with a sentence where it is none."""
    if len(text) > MAX_LINK:
        raise BadInput(f"The link is longer than {MAX_LINK} characters.")
    try:
        url = URL(text.encode(errors="surrogatepass").decode(errors="replace"), base=base.url if base else None)
    except ValueError:
        raise BadInput("This is not the address of a file, such as https://example.com/film.mp4.") from None
    if url.protocol not in PORTS:
        raise BadInput("The link begins with neither http:// nor https://; only these can be followed.")
    if url.username or url.password:
        raise BadInput("The link holds a user name or a password; these cannot be sent along.")
    host = url.hostname.removeprefix("[").removesuffix("]")
    address = read_address(host)
    host = str(address) if address else host.removesuffix(".")
    port = int(url.port or PORTS[url.protocol])
    if not (address or HOST_NAME.fullmatch(host)) or not port:
        raise BadInput("The link names a host that there cannot be.")
    return Link(scheme=url.protocol.removesuffix(":"), host=host, port=port, target=url.pathname + url.search)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Hosts inside that links may lead to all the same."""

    host: str = ""
    """A name or an address; empty where a network is meant."""
    port: int | None = None
    """The one port; None for those that links may lead to anyway."""
    network: Network | None = None
    """All addresses in it, by whatever names."""


def read_trusted(text: str) -> Trusted:
    """Read `host`, `host:port` or a network such as `10.1.0.0/16`; `ValueError` for anything else."""
    if "/" in text:
        return Trusted(network=ip_network(text))
    if address := read_address(text):
        return Trusted(host=str(address))
    found = TRUSTED_HOST.fullmatch(text)
    if not found:
        raise ValueError(text)
    try:
        link = read_link(f"http://{text}/")
    except BadInput as error:
        raise ValueError(text) from error
    return Trusted(host=link.host, port=link.port if found["port"] else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where links may lead."""

    ports: frozenset[int] = frozenset(PORTS.values())
    """At all hosts."""
    trusted: tuple[Trusted, ...] = ()
    """Where inside, too."""

    def check(self, link: Link) -> None:
        """Raise `LinkForbidden` where a link can be seen to lead where it may not."""
        if link.port not in self.ports and all(it.port != link.port or not _is(it, link) for it in self.trusted):
            raise LinkForbidden(f"The link leads to port {link.port}; only {_listed(self.ports)} may be asked.")
        if link.address:
            self.check_addresses(link, [link.address])

    def check_addresses(self, link: Link, addresses: Iterable[Address]) -> None:
        """Raise `LinkForbidden` unless a link's host may be at each of these addresses."""
        if any(_is(it, link) for it in self.trusted if it.port in {None, link.port}):
            return
        for address in addresses:
            what = inside(address)
            if what and not any(it.network and plain(address) in it.network for it in self.trusted):
                raise LinkForbidden(f"{link.host} is, or leads to, {what}; only public addresses may be asked.")


def _is(trusted: Trusted, link: Link) -> bool:
    """Tell whether a host is the one that is trusted."""
    return trusted.host == link.host


def _listed(ports: Iterable[int]) -> str:
    *most, last = (str(port) for port in sorted(ports))
    return f"{', '.join(most)} and {last}" if most else last
