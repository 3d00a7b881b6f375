"""Links into the inside of a network, in all the spellings that have ever opened one."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

INSIDE_IPV4 = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.254", "100.64.0.1", "100.127.255.254", "100.100.100.200"),
    *("127.0.0.1", "127.1.2.3", "127.255.255.254", "168.63.129.16", "169.254.1.1", "169.254.169.254"),
    *("169.254.170.2", "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.0.1", "192.168.255.254", "198.18.0.1", "198.19.255.254", "198.51.100.7", "203.0.113.9"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
)
INSIDE_IPV6 = (
    *("::", "::1", "::2", "::8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1", "100::1", "100:0:0:1::1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2002:808:808::1", "3ffe::1"),
    *("3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "8000::1", "fc00::1", "fd00:ec2::254", "fd00:1::1"),
    *("fd20:ce::254", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff05::2", "ffff::1"),
    *("2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1", "2606:4700::5efe:8.8.8.8"),
)
NAMES = {
    "localhost": "127.0.0.1",
    "LOCALHOST": "127.0.0.1",
    "LocalHost.": "127.0.0.1",
    "ｌｏｃａｌｈｏｓｔ": "127.0.0.1",
    "%6c%6f%63%61%6c%68%6f%73%74": "127.0.0.1",
    "local\u00adhost": "127.0.0.1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ": "127.0.0.1",
    "localhost.localdomain": "127.0.0.1",
    "ip6-localhost": "::1",
    "ip6-loopback": "::1",
    "a.localhost": "127.0.0.1",
    "127.0.0.1.nip.example": "127.0.0.1",
    "7f000001.nip.example": "127.0.0.1",
    "10-0-0-1.sslip.example": "10.0.0.1",
    "metadata.google.internal": "169.254.169.254",
    "metadata": "fd20:ce::254",
    "instance-data": "169.254.169.254",
    "kubernetes.default.svc": "10.96.0.1",
    "router.home.arpa": "192.168.1.1",
    "nas.local": "169.254.7.7",
    "intranet": "172.20.0.5",
    "v4mapped.example": "::ffff:192.168.0.10",
    "nat64.example": "64:ff9b::c0a8:a",
    "6to4.example": "2002:c0a8:a::1",
    "zone.example": "fe80::1%eth0",
    "xn--lclhst-9ta.example": "127.0.0.1",
    "_gateway": "192.168.0.1",
    "public.example@localhost": "127.0.0.1",
}
"""Names, and where a resolver says that they lead."""
WRITTEN_OUT = (
    *(
        "http://localhost\\@public.example/",
        "http://public.example@127.0.0.1/",
        "http://127.0.0.1\\.public.example/",
    ),
    *("http://public.example:80@127.0.0.1/", "http://public.example%40127.0.0.1/", "http:127.0.0.1/"),
    *(
        "http:/127.0.0.1/",
        "http:///127.0.0.1/",
        "http:////127.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "http:\\/127.0.0.1/",
    ),
    *("\thttp://127.0.0.1/", " http://127.0.0.1/ ", "ht\ntp://127.0.0.1/", "http://127.0.\t0.1/"),
    *("http://127.0.0.1\r\n/", "\x00http://127.0.0.1/", "HTTP://127.0.0.1/", "hTTp://127.0.0.1/"),
    *(
        "http://127.0.0.1#@public.example/",
        "http://127.0.0.1?@public.example/",
        "http://127.0.0.1;public.example/",
    ),
    *("http://127.0.0.1:80/", "http://127.0.0.1:/", "http://127.0.0.1:0080/", "http://127.0.0.1:443/"),
    *("http://user:secret@127.0.0.1/", "http://@127.0.0.1/", "http://:@127.0.0.1/", "https://127.0.0.1/"),
    *(
        "http://[::1]:80/",
        "http://[::1%25lo]/",
        "http://[::1%lo]/",
        "http://[fe80::1%25eth0]/",
        "http://[::ffff:7f00:1]/",
    ),
    *("http://[0:0:0:0:0:0:0:1]/", "http://[0000::0001]/", "http://[::0.0.0.1]/", "http://[::FFFF:127.0.0.1]/"),
    *("http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a00:1]/"),
    *("http://[::ffff:0x7f.1]/", "http://[v1.127]/", "http://::1/", "http://[::1/", "http://::ffff:127.0.0.1/"),
    *(
        "http://127。0。0。1/",
        "http://127．0．0．1/",
        "http://127｡0｡0｡1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏/",
    ),
    *(
        "http://１２７.１/",
        "http://０x7f.1/",
        "http://2130706433。/",
        "http://127.0.0.%31/",
        "http://%31%32%37.1/",
    ),
    *("http://%6cocalhost:22/", "http://127%2e0%2e0%2e1/", "http://127%E3%80%820.0.1/", "http://%3127.0.0.1/"),
    *(
        "http://127.0.0\u00ad.1/",
        "http://127.0.0\u200b.1/",
        "http://127.0.0.1../",
        "http://127..1/",
        "http://127.0.0.1.\u3002/",
    ),
    *("http://127.1/", "http://127.0.1/", "http://127.65535/", "http://127.0x1/", "http://127.0.0x0.01/"),
    *(
        "http://0/",
        "http://00/",
        "http://0x/",
        "http://0x0/",
        "http://0.0/",
        "http://0x.0x.0/",
        "http://0.0.0.0:80/",
    ),
    *(
        "http://4294967296/",
        "http://127.0.0.256/",
        "http://0x17f000001/",
        "http://127.0.0.0x1ff/",
        "http://1.1.1.1.1/",
    ),
    *(
        "http://public.example:22/",
        "http://public.example:0/",
        "http://public.example:65536/",
        "http://public.example:6379/",
    ),
    *("http://public.example:8080/", "http://public.example:-80/", "http://public.example:８０８０/"),
    *("ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/stats"),
    *(
        "ws://127.0.0.1/",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "//127.0.0.1/",
        "127.0.0.1/",
        "localhost",
    ),
    *(
        "concat:http://127.0.0.1/",
        "unix:///run/docker.sock",
        "ldap://127.0.0.1/",
        "jar:http://127.0.0.1/!/",
        "http://",
    ),
    *(
        "",
        " ",
        "http",
        "http:",
        "http://?",
        "http://#",
        "http://:80/",
        "https:///",
        "http://%00/",
        "http://a b/",
        "http://%/",
    ),
)


def spellings_of(address: IPv4Address) -> Iterator[str]:
    """Yield the ways in which a host may be written that is at an address."""
    number, octets = int(address), list(address.packed)
    last_two, last_three = number & 0xFFFF, number & 0xFF_FFFF
    yield str(address)
    yield f"{address}."
    yield str(number)
    yield hex(number)
    yield oct(number).replace("0o", "0")
    yield ".".join(hex(octet) for octet in octets)
    yield ".".join(f"0{octet:o}" for octet in octets)
    yield ".".join(f"{octet:#010x}" for octet in octets)
    yield f"{octets[0]}.{last_three}"
    yield f"{octets[0]:#x}.{octets[1]}.{last_two}"
    yield str(address).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    yield "".join(f"%{ord(sign):02x}" for sign in str(address))
    yield f"[::ffff:{address}]"
    yield f"[::{address}]"
    yield f"[64:ff9b::{address}]"
    yield f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]"
    yield f"[{IPv6Address(0xFFFF << 32 | number).exploded}]"


LINKS = (
    *WRITTEN_OUT,
    *(f"http://{name}/film.mp4" for name in NAMES),
    *(f"http://[{address}]/film.mp4" for address in INSIDE_IPV6),
    *(f"http://{host}/film.mp4" for address in INSIDE_IPV4 for host in spellings_of(IPv4Address(address))),
)
