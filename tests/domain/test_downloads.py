"""Downloads: what is asked for, and what an answer means."""

from collections.abc import Mapping

import pytest

from streamserver.domain.downloads import (
    LONGEST_WAIT_SECONDS,
    MAX_REDIRECTS,
    AnswerHead,
    Bounds,
    Coming,
    Held,
    amount,
    file_name_of,
    judge,
    redirected,
    request_headers,
)
from streamserver.domain.links import Reach, read_link
from streamserver.errors import LinkAway, LinkFault, LinkForbidden

LINK = read_link("https://a.example/dir/film.mp4?token=secret")
MAX_BYTES = 10_000
TAG = '"one"'
DATE, LATER = "Sun, 22 Nov 2026 06:00:00 GMT", "Sun, 22 Nov 2026 06:00:01 GMT"
PART = Held(size_bytes=400, total_bytes=1000, validator=TAG)


def head(status: int, headers: Mapping[str, str] | None = None, *, hops: int = 0) -> AnswerHead:
    return AnswerHead(link=LINK, status=status, headers=headers or {}, hops=hops)


def judged(status: int, headers: Mapping[str, str] | None = None, held: Held = Held()) -> Coming | None:  # noqa: B008 - a frozen value
    return judge(head(status, headers), held, max_bytes=MAX_BYTES)


def test_nothing_is_asked_for_in_part_at_first() -> None:
    """The first request is for the whole file, uncompressed."""
    assert request_headers(Held()) == {"Accept": "*/*", "Accept-Encoding": "identity"}


def test_the_rest_is_asked_for_if_nothing_changed() -> None:
    """A later request is for the rest, on condition that the file is the same."""
    asked = request_headers(PART)
    assert (asked["Range"], asked["If-Range"]) == ("bytes=400-", TAG)


def test_without_a_validator_all_is_asked_for() -> None:
    """Where nobody could tell whether the file has changed, no part of it is asked for."""
    assert "Range" not in request_headers(Held(size_bytes=400, total_bytes=1000))


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": TAG}, TAG),
        ({"etag": f"W/{TAG}"}, None),
        ({"etag": f"W/{TAG}", "last-modified": DATE, "date": LATER}, None),
        ({"etag": "one"}, None),
        ({"etag": '"a", "b"'}, None),
        ({"etag": '"ä"'}, None),
        ({"last-modified": DATE, "date": LATER}, DATE),
        ({"last-modified": DATE, "date": DATE}, None),
        ({"last-modified": DATE}, None),
        ({"last-modified": "yesterday", "date": LATER}, None),
        ({}, None),
    ],
)
def test_validators_that_count(headers: Mapping[str, str], validator: str | None) -> None:
    """A strong entity tag does, or a date that is older than the answer; nothing else may stand in If-Range."""
    coming = judged(200, {**headers, "content-length": "1000"})
    assert coming == Coming(position=0, end=1000, total_bytes=1000, validator=validator)


@pytest.mark.parametrize(
    ("headers", "total"),
    [
        ({"content-length": "1000"}, 1000),
        ({"transfer-encoding": "chunked"}, None),
        ({"transfer-encoding": "chunked", "content-length": "1000"}, None),
        ({"content-length": "10000"}, 10000),
        ({}, None),
        ({"content-encoding": "identity", "content-length": "7"}, 7),
        ({"content-type": "video/mp4", "content-length": "7"}, 7),
        ({"content-type": "text/plain", "content-length": "7"}, 7),
    ],
)
def test_a_whole_file_comes(headers: Mapping[str, str], total: int | None) -> None:
    """An answer of 200 is the file from its beginning, as long as it says."""
    assert judged(200, headers) == Coming(position=0, end=total, total_bytes=total, validator=None)


def test_a_whole_file_comes_instead_of_the_rest() -> None:
    """Where the file has changed, or parts are not given, it comes from its beginning."""
    coming = judged(200, {"etag": '"two"', "content-length": "500"}, PART)
    assert coming == Coming(position=0, end=500, total_bytes=500, validator='"two"')


@pytest.mark.parametrize(
    ("content_range", "end", "total"),
    [
        ("bytes 400-999/1000", 1000, 1000),
        ("bytes 400-499/1000", 500, 1000),
        ("bytes 400-499/*", 500, 1000),
        ("Bytes 400-999/1000", 1000, 1000),
    ],
)
def test_the_rest_comes(content_range: str, end: int, total: int) -> None:
    """An answer of 206 is the next part, which may be less than all that was asked for."""
    coming = judged(206, {"content-range": content_range, "etag": TAG}, PART)
    assert coming == Coming(position=400, end=end, total_bytes=total, validator=TAG)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-range": "bytes 0-999/1000"},
        {"content-range": "bytes 401-999/1000"},
        {"content-range": "bytes 400-399/1000"},
        {"content-range": "bytes */1000"},
        {"content-range": "bytes 400-1000/1000"},
        {"content-range": "bytes 400-999/1001"},
        {"content-range": "bytes 400-999/1000", "content-length": "599"},
        {"content-range": "lines 400-999/1000"},
        {"content-type": "multipart/byteranges; boundary=x", "content-range": "bytes 400-999/1000"},
    ],
)
def test_another_part_is_refused(headers: Mapping[str, str]) -> None:
    """A part that was not asked for, or that contradicts what is known, is not taken."""
    with pytest.raises(LinkFault):
        judged(206, headers, PART)


def test_a_part_of_another_file_is_not_taken() -> None:
    """A server that gives a part though the file has changed is asked for all of it."""
    assert judged(206, {"content-range": "bytes 400-999/1000", "etag": '"two"'}, PART) is None
    dated = Held(size_bytes=400, total_bytes=1000, validator=DATE)
    changed = {
        "content-range": "bytes 400-999/1000",
        "last-modified": LATER,
        "date": "Sun, 22 Nov 2026 07:00:00 GMT",
    }
    assert judged(206, changed, dated) is None


def test_nothing_is_left() -> None:
    """An answer of 416 that names the length that is there means that this is all."""
    held = Held(size_bytes=1000, validator=TAG)
    coming = judged(416, {"content-range": "bytes */1000"}, held)
    assert coming == Coming(position=1000, end=1000, total_bytes=1000, validator=TAG)


def test_a_length_that_was_a_lie() -> None:
    """A server that announced more than it has is told from one whose file has changed."""
    held = Held(size_bytes=400, total_bytes=1000, validator=TAG)
    with pytest.raises(LinkFault, match="announced 1000 bytes, and has no more than 400"):
        judged(416, {"content-range": "bytes */400"}, held)
    assert judged(416, {"content-range": "bytes */300"}, held) is None
    assert judged(416, {}, held) is None


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "login"),
        (403, "login"),
        (407, "login"),
        (404, "no file behind the link"),
        (410, "no file behind the link"),
        (400, "its answer was 400"),
        (451, "its answer was 451"),
        (204, "its answer was 204"),
        (304, "its answer was 304"),
        (302, "does not say where"),
        (501, "its answer was 501"),
    ],
)
def test_answers_that_are_final(status: int, sentence: str) -> None:
    """An answer that will be the same next time ends the import, and says why."""
    with pytest.raises(LinkFault, match=sentence):
        judged(status)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_answers_that_may_change(status: int) -> None:
    """A server in trouble is asked again, and when it wants that, within bounds."""
    with pytest.raises(LinkAway) as raised:
        judged(status, {"retry-after": "7"})
    assert raised.value.retry_after_seconds == 7
    with pytest.raises(LinkAway) as raised:
        judged(status, {"retry-after": "99999999"})
    assert raised.value.retry_after_seconds == LONGEST_WAIT_SECONDS
    for nonsense in ("", "soon", "-1", "9" * 400, DATE):
        with pytest.raises(LinkAway) as raised:
            judged(status, {"retry-after": nonsense})
        assert raised.value.retry_after_seconds is None


@pytest.mark.parametrize(
    "headers",
    [
        {"content-encoding": "gzip"},
        {"content-encoding": "BR"},
        {"content-encoding": "identity, gzip"},
        {"transfer-encoding": "gzip, chunked"},
    ],
)
def test_nothing_compressed_is_taken(headers: Mapping[str, str]) -> None:
    """What is compressed is refused before a byte of it is read."""
    with pytest.raises(LinkFault, match="compressed"):
        judged(200, headers)


@pytest.mark.parametrize("media_type", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_is_no_video(media_type: str) -> None:
    """A web page is told from a file, and a login page from a web page."""
    page = {"content-type": media_type}
    with pytest.raises(LinkFault, match="web page, not to a video"):
        judged(200, page)
    login = AnswerHead(
        link=read_link("https://sso.a.example/Login?next=/film.mp4"), status=200, headers=page, hops=1
    )
    with pytest.raises(LinkFault, match="login page"):
        judge(login, Held(), max_bytes=MAX_BYTES)


def test_no_more_than_may_be() -> None:
    """A file that is longer than may be, or has no bytes at all, is refused by its announcement."""
    with pytest.raises(LinkFault, match=r"10 kB long, more than the 10 kB"):
        judged(200, {"content-length": "10001"})
    with pytest.raises(LinkFault, match="empty"):
        judged(200, {"content-length": "0"})


@pytest.mark.parametrize(
    ("disposition", "asked", "found", "name"),
    [
        ("", "/film.mp4", "/x/1234", "film.mp4"),
        ("", "/get?id=5", "/x/film.mp4", "film.mp4"),
        ("", "/get", "/fetch", "get"),
        ("", "/", "/", "video"),
        ("attachment; filename=other.mkv", "/film.mp4", "/film.mp4", "other.mkv"),
        ('attachment; filename="../../etc/other.mkv"', "/film.mp4", "/film.mp4", "other.mkv"),
        ("attachment; filename*=UTF-8''%c3%a4.mp4", "/film.mp4", "/film.mp4", "ä.mp4"),
        ("attachment; filename*=nonsense''%c3%a4.mp4", "/film.mp4", "/film.mp4", "Ã¤.mp4"),
        ("attachment; filename=", "/film.mp4", "/film.mp4", "film.mp4"),
        ("\udcff; filename=\udcff", "/film.mp4", "/film.mp4", "film.mp4"),
    ],
)
def test_what_a_file_is_called(disposition: str, asked: str, found: str, name: str) -> None:
    """Its server knows best, then the link, then where that led; folders are nobody's to choose."""
    end = read_link(f"https://b.example{found}")
    answer = AnswerHead(link=end, status=200, headers={"content-disposition": disposition})
    assert file_name_of(answer, read_link(f"https://a.example{asked}")) == name


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirections_lead_on(status: int) -> None:
    """An answer that leads elsewhere is followed, up to a limit and never inside."""
    there = redirected(head(status, {"location": "../b.mp4"}), Reach())
    assert there == read_link("https://a.example/b.mp4")
    with pytest.raises(LinkFault, match=f"more than {MAX_REDIRECTS} times"):
        redirected(head(status, {"location": "/b.mp4"}, hops=MAX_REDIRECTS), Reach())
    for forbidden in ("http://2130706433/", "https://a.example:22/", "//b.example:8080/film.mp4"):
        with pytest.raises(LinkForbidden):
            redirected(head(status, {"location": forbidden}), Reach())
    for nowhere in ("ftp://a.example/", "http://", "file:///etc/passwd"):
        with pytest.raises(LinkFault):
            redirected(head(status, {"location": nowhere}), Reach())
    assert redirected(head(status), Reach()) is None


@pytest.mark.parametrize("status", [200, 201, 206, 300, 304, 404])
def test_other_answers_lead_nowhere(status: int) -> None:
    """A Location in any other answer is not followed."""
    assert redirected(head(status, {"location": "/b.mp4"}), Reach()) is None


def test_waits_grow() -> None:
    """Each wait is twice as long as the one before, as long as a server asks for, and never too long."""
    bounds = Bounds(max_bytes=MAX_BYTES)
    assert [bounds.wait_seconds(failures) for failures in (1, 2, 3, 100)] == [1, 2, 4, LONGEST_WAIT_SECONDS]
    assert bounds.wait_seconds(1, 7) == 7
    assert bounds.wait_seconds(4, 7) == 8


def test_pace() -> None:
    """Nothing at all may be a fault of the network; too little is one of the server."""
    bounds = Bounds(max_bytes=MAX_BYTES, least_bytes_per_second=1000, stall_seconds=20)
    bounds.check_pace(LINK, 20_000, 20.0)
    with pytest.raises(LinkAway, match="nothing for 20 seconds"):
        bounds.check_pace(LINK, 0, 20.0)
    with pytest.raises(LinkFault, match=r"1 byte a second; it has to be 1 kB at least"):
        bounds.check_pace(LINK, 20, 20.0)


def test_most() -> None:
    """Whoever has taken too much waits for as long as that should have lasted."""
    assert Bounds(max_bytes=MAX_BYTES).pause_seconds(10**9, 0.0) == 0
    bounds = Bounds(max_bytes=MAX_BYTES, most_bytes_per_second=1000)
    assert bounds.pause_seconds(3000, 1.0) == 2
    assert bounds.pause_seconds(3000, 4.0) == 0


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (1_234_567, "1.23 MB")),
        *((120_000_000, "120 MB"), (20e9, "20 GB"), (5e12, "5 TB")),
        *((999_499, "999 kB"), (999_500, "1 MB"), (999_700_000, "1 GB"), (1e15, "1 PB"), (1e18, "1 EB")),
    ],
)
def test_amounts(count: float, text: str) -> None:
    """Numbers of bytes are short."""
    assert amount(count) == text
