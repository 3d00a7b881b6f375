"""Links: one meaning for each, however it is spelled, and none leads inside."""

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.inside import Address, inside, read_address
from streamserver.domain.links import Link, Reach, Trusted, read_link, read_trusted
from streamserver.errors import BadInput, Forbidden, LinkForbidden
from tests.facts.inside_links import INSIDE_IPV4, INSIDE_IPV6, LINKS, NAMES

OUTSIDE = (
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.1", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"),
    *("192.0.1.0", "192.0.3.0", "192.88.98.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"),
    *(
        "198.51.101.0",
        "203.0.112.255",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
    ),
    *("2003::1", "2a00:1450:4001::1", "3ffd::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2620:fe::fe"),
)


def refused(text: str) -> bool:
    """Tell whether a link is refused, before a resolver was asked or because of its answer."""
    try:
        link = read_link(text)
        Reach().check(link)
        names = {read_link(f"http://{name}/").host: address for name, address in NAMES.items() if "@" not in name}
        addresses = [link.address or read_address(names[link.host].partition("%")[0])]
        Reach().check_addresses(link, [address for address in addresses if address])
    except (BadInput, LinkForbidden):
        return True
    return False


def test_there_are_enough_spellings() -> None:
    """Several hundred different links lead inside."""
    assert len(set(LINKS)) > 500


@pytest.mark.parametrize("text", dict.fromkeys(LINKS))
def test_no_spelling_leads_inside(text: str) -> None:
    """Whatever the spelling, a link to an inside address is refused."""
    assert refused(text)


@pytest.mark.parametrize("text", [*INSIDE_IPV4, *INSIDE_IPV6])
def test_inside_addresses_are_named(text: str) -> None:
    """An inside address is told in words."""
    address = read_address(text)
    assert address is not None
    what = inside(address)
    assert what
    assert what.startswith(("a ", "an ", "no ", "the "))


@pytest.mark.parametrize("text", OUTSIDE)
def test_the_world_is_outside(text: str) -> None:
    """The neighbours of inside networks, and well-known servers, may be asked."""
    address = read_address(text)
    assert address is not None
    assert inside(address) is None
    host = f"[{text}]" if ":" in text else text
    Reach().check(read_link(f"https://{host}/film.mp4"))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Example.COM/Film.mp4", "https://example.com/Film.mp4"),
        (" https://example.com \n", "https://example.com/"),
        ("https://example.com./a", "https://example.com/a"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        (
            "https://example.com/a b/ä.mp4?x=ü&sig=a%2Fb%2b#t=1",
            "https://example.com/a%20b/%C3%A4.mp4?x=%C3%BC&sig=a%2Fb%2b",
        ),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("http://0x08.8.0x808/a", "http://8.8.8.8/a"),
        ("http://134744072/a", "http://8.8.8.8/a"),
        ("http://[2606:4700:0::1111]/a", "http://[2606:4700::1111]/a"),
        ("http://[2606:4700::1111]:8080/a", "http://[2606:4700::1111]:8080/a"),
        ("http://a_b.example/../x/./y", "http://a_b.example/x/y"),
        ("http://example.com?q", "http://example.com/?q"),
    ],
)
def test_one_meaning(text: str, url: str) -> None:
    """All spellings of a link come to the same one, which means itself."""
    assert read_link(text).url == url
    assert read_link(url) == read_link(text)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b.mp4", "https://a.example:8443/b.mp4"),
        ("b.mp4?x", "https://a.example:8443/dir/b.mp4?x"),
        ("//b.example/c", "https://b.example/c"),
        ("http://b.example/c", "http://b.example/c"),
        ("?again", "https://a.example:8443/dir/film.mp4?again"),
        ("", "https://a.example:8443/dir/film.mp4"),
        ("\udcff", f"https://a.example:8443/dir/{'%EF%BF%BD' * 3}"),
    ],
)
def test_redirections_are_read_from_where_they_stand(location: str, url: str) -> None:
    """A relative address counts from the link that led there."""
    assert read_link(location, base=read_link("https://a.example:8443/dir/film.mp4")).url == url


@pytest.mark.parametrize(
    "location", ["//127.0.0.1/", "http://[::1]/", "//2130706433", "http://a.example:22/", "\\\\0/"]
)
def test_redirections_do_not_lead_inside(location: str) -> None:
    """A redirection is judged like a link that was pasted."""
    link = read_link(location, base=read_link("https://a.example/film.mp4"))
    with pytest.raises(Forbidden):
        Reach().check(link)


@given(
    st.one_of(st.text(max_size=40), st.from_regex(r"https?:[/\\]{0,3}[0-9a-fx.:\[\]@%]{1,20}/?", fullmatch=True))
)
def test_whatever_is_understood_is_plain(text: str) -> None:
    """A link that is read is ASCII, has no credentials, and reads as itself."""
    try:
        link = read_link(text)
    except BadInput:
        return
    assert link.url.isascii()
    assert link.url.isprintable()
    assert "@" not in link.authority
    assert link.host == link.host.lower()
    assert read_link(link.url) == link


def test_what_is_told_of_a_link_keeps_its_secret() -> None:
    """A link's name leaves its query out; its file is called by the last part of its path."""
    link = read_link("https://a.example/x/My%20film%20%C3%A4.mp4?token=secret")
    assert link.name == "https://a.example/x/My%20film%20%C3%A4.mp4"
    assert link.file_name == "My film ä.mp4"
    assert read_link("https://a.example/").file_name == "video"


def follow(reach: Reach, link: Link, where: Address) -> None:
    """Do what is done before a connection is made."""
    reach.check(link)
    reach.check_addresses(link, [where])


@pytest.mark.parametrize(
    ("trusted", "url", "address"),
    [
        ("nas.example", "http://nas.example/a", "10.0.0.5"),
        ("NAS.example.", "http://nas.EXAMPLE/a", "10.0.0.5"),
        ("nas.example:8080", "http://nas.example:8080/a", "10.0.0.5"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/a", "127.0.0.1"),
        ("127.0.0.1", "http://2130706433/a", "127.0.0.1"),
        ("[::1]:8080", "http://[::1]:8080/a", "::1"),
        ("::1", "http://[::1]/a", "::1"),
        ("10.1.0.0/16", "http://any.example/a", "10.1.2.3"),
        ("10.1.0.0/16", "http://10.1.2.3/a", "10.1.2.3"),
        ("10.1.0.0/16", "http://any.example/a", "::ffff:10.1.2.3"),
        ("fd00::/8", "https://[fd00::7]/a", "fd00::7"),
    ],
)
def test_trusted_hosts_may_be_inside(trusted: str, url: str, address: str) -> None:
    """A name, an address, a host with its port, and a network: each lets links in."""
    reach, link, where = Reach(trusted=(read_trusted(trusted),)), read_link(url), read_address(address)
    assert where is not None
    follow(reach, link, where)
    with pytest.raises(LinkForbidden):
        Reach().check_addresses(link, [where])


@pytest.mark.parametrize(
    ("trusted", "url", "address"),
    [
        ("nas.example", "http://nas.example:8080/a", "10.0.0.5"),
        ("nas.example", "http://other.example/a", "10.0.0.5"),
        ("nas.example", "http://x.nas.example/a", "10.0.0.5"),
        ("nas.example", "http://nas.example.other/a", "10.0.0.5"),
        ("nas.example:8080", "http://nas.example/a", "10.0.0.5"),
        ("nas.example:8080", "http://nas.example:8081/a", "10.0.0.5"),
        ("127.0.0.1:8080", "http://localhost:8080/a", "127.0.0.1"),
        ("10.1.0.0/16", "http://any.example/a", "10.2.0.1"),
        ("10.1.0.0/16", "http://any.example:8080/a", "10.1.0.1"),
        ("10.1.0.0/16", "http://any.example/a", "::10.1.0.1"),
    ],
)
def test_trust_goes_no_further(trusted: str, url: str, address: str) -> None:
    """Another host, another port or another network is as closed as before."""
    reach, link, where = Reach(trusted=(read_trusted(trusted),)), read_link(url), read_address(address)
    assert where is not None
    with pytest.raises(LinkForbidden):
        follow(reach, link, where)


def test_one_inside_address_among_many_is_enough() -> None:
    """A name that leads to a public and to an inside address is refused as a whole."""
    addresses = [address for text in ("8.8.8.8", "10.0.0.1") if (address := read_address(text))]
    with pytest.raises(LinkForbidden):
        Reach().check_addresses(read_link("http://both.example/"), addresses)


def test_ports() -> None:
    """Ports are those of the setting, and a refusal names them."""
    reach = Reach(ports=frozenset({80, 443, 8443}))
    reach.check(read_link("https://a.example:8443/"))
    with pytest.raises(LinkForbidden, match="port 22; only 80, 443 and 8443 may"):
        reach.check(read_link("https://a.example:22/"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "a@b",
        "a/b",
        "http://a",
        "a:",
        ":80",
        "a:0",
        "a:65536",
        "a:x",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "[::1",
        "a?",
    ],
)
def test_what_cannot_be_trusted(text: str) -> None:
    """What is no host and no network is not understood, rather than half."""
    try:
        trusted = read_trusted(text)
    except ValueError:
        return
    pytest.fail(f"{text!r} was taken for {trusted}")


def test_trusted_values() -> None:
    """What is written is what is trusted."""
    assert read_trusted("[::1]") == Trusted(host="::1")
    assert read_trusted("a.example:80") == Trusted(host="a.example", port=80)
