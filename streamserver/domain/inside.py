"""Which network addresses are inside: not those of a server that anybody may ask for a file.

The tables follow IANA's registries of special-purpose addresses (RFC 6890, as of 2026) and those of the address
space itself: of IPv6 only `2000::/3` was ever given out. Forms of an IPv6 address that lead on to an IPv4 address
count as what they lead to, or as inside where they are out of use.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

LOOPBACK, PRIVATE, LINK_LOCAL, METADATA, MULTICAST, UNSPECIFIED, SHARED, BENCHMARKING, RESERVED, TRANSITION = (
    "a loopback address",
    "a private address",
    "a link-local address",
    "the address of a cloud's metadata",
    "a multicast address",
    "no address of a host",
    "an address inside of a provider's network",
    "an address for benchmarks",
    "a reserved address",
    "a way to IPv4 that is out of use",
)

IPV4: Final = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("169.254.169.254/32", METADATA),
        ("169.254.170.0/24", METADATA),  # of containers, at Amazon
        ("100.100.100.200/32", METADATA),  # at Alibaba
        ("168.63.129.16/32", METADATA),  # at Microsoft, which took a public address for it
        ("192.0.0.192/32", METADATA),  # at Oracle
        ("0.0.0.0/8", UNSPECIFIED),  # RFC 791 §3.2; Linux connects to itself
        ("10.0.0.0/8", PRIVATE),  # RFC 1918
        ("100.64.0.0/10", SHARED),  # RFC 6598, carrier-grade NAT
        ("127.0.0.0/8", LOOPBACK),  # RFC 1122 §3.2.1.3
        ("169.254.0.0/16", LINK_LOCAL),  # RFC 3927
        ("172.16.0.0/12", PRIVATE),  # RFC 1918
        ("192.0.0.0/24", RESERVED),  # RFC 6890 §2.1
        ("192.0.2.0/24", RESERVED),  # RFC 5737, documentation
        ("192.88.99.0/24", TRANSITION),  # RFC 7526, 6to4 relays
        ("192.168.0.0/16", PRIVATE),  # RFC 1918
        ("198.18.0.0/15", BENCHMARKING),  # RFC 2544
        ("198.51.100.0/24", RESERVED),  # RFC 5737
        ("203.0.113.0/24", RESERVED),  # RFC 5737
        ("224.0.0.0/4", MULTICAST),  # RFC 5771
        ("240.0.0.0/4", RESERVED),  # RFC 1112 §4, with the broadcast address
    )
)
IPV6: Final = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/128", UNSPECIFIED),  # RFC 4291 §2.5.2
        ("::1/128", LOOPBACK),  # RFC 4291 §2.5.3
        ("::/96", TRANSITION),  # RFC 4291 §2.5.5.1, IPv4-compatible
        ("64:ff9b:1::/48", PRIVATE),  # RFC 8215, translation of a network's own
        ("100::/64", RESERVED),  # RFC 6666, discard
        ("2001::/32", TRANSITION),  # RFC 4380, Teredo
        ("2001:2::/48", BENCHMARKING),  # RFC 5180
        ("2001::/23", RESERVED),  # RFC 2928, protocols
        ("2001:db8::/32", RESERVED),  # RFC 3849, documentation
        ("2002::/16", TRANSITION),  # RFC 3056, 6to4
        ("3ffe::/16", RESERVED),  # RFC 3701, given back
        ("3fff::/20", RESERVED),  # RFC 9637, documentation
        ("fd00:ec2::/32", METADATA),  # at Amazon
        ("fd20:ce::/32", METADATA),  # at Google
        ("fc00::/7", PRIVATE),  # RFC 4193
        ("fe80::/10", LINK_LOCAL),  # RFC 4291 §2.5.6
        ("fec0::/10", PRIVATE),  # RFC 3879, site-local
        ("ff00::/8", MULTICAST),  # RFC 4291 §2.7
    )
)
GIVEN_OUT: Final = IPv6Network("2000::/3")
NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052 §2.1: where a network has IPv6 alone, every IPv4 server is found here."""
ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""RFC 5214 §6.1: what stands before the IPv4 address in the lower half."""


def read_address(text: str) -> Address | None:
    """Read an address as its standard form writes it; None for a name, and for an address of one link alone."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address if isinstance(address, IPv4Address) or address.scope_id is None else None


def plain(address: Address) -> Address:
    """Return the address of the host: IPv4 also where it is written as IPv6 (RFC 4291 §2.5.5.2)."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def inside(address: Address) -> str | None:
    """Say what an inside address is, as a noun; None for one out in the world."""
    address = plain(address)
    if isinstance(address, IPv4Address):
        return next((what for network, what in IPV4 if address in network), None)
    if address in NAT64:
        return inside(IPv4Address(int(address) & 0xFFFF_FFFF))
    if known := next((what for network, what in IPV6 if address in network), None):
        return known
    if address not in GIVEN_OUT:
        return RESERVED
    return TRANSITION if int(address) >> 32 & 0xFFFF_FFFF in ISATAP else None
