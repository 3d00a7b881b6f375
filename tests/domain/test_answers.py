"""Requests for a representation are answered as RFC 9110, Go and nginx have it."""

from datetime import UTC, datetime

import pytest

from streamserver.domain.answers import Answer, Delivery, Representation, answer
from streamserver.domain.conditions import EntityTag, RequestHeaders, parse_entity_tags, parse_http_date
from streamserver.domain.placement import place
from streamserver.domain.ranges import ResourceRegion
from tests.facts import go_ranges, nginx
from tests.facts.parts import Part, read_partial

AT = datetime(2014, 6, 25, 17, 12, 18, tzinfo=UTC)
VIDEO = Representation(
    length=5000,
    content_type="video/mp4",
    etag=EntityTag(opaque="a"),
    last_modified=AT,
    cache_control="public, max-age=60",
    disposition='attachment; filename="a.mp4"',
)
DATE = "Wed, 25 Jun 2014 17:12:18 GMT"


def ask(
    fields: dict[str, str] | None = None,
    *,
    method: str = "GET",
    of: Representation = VIDEO,
    delivery: Delivery = Delivery.RANGE,
) -> Answer:
    return answer(
        method,
        RequestHeaders.of((fields or {}).items()),
        of,
        boundary="boundary",
        delivery=delivery,
        region_bytes=1000,
    )


def parts_of(found: Answer, content: bytes) -> tuple[Part, ...]:
    headers = dict(found.headers)
    body = b"".join(piece for piece in place(found.body, (content,)) if isinstance(piece, bytes))
    assert len(body) == found.body_length == int(headers["Content-Length"])
    return read_partial(headers["Content-Type"], headers.get("Content-Range"), body)


def test_without_conditions_the_whole_is_sent() -> None:
    """A plain GET is a 200 with all that is known of the representation."""
    assert ask() == Answer(
        status=200,
        headers=(
            ("Content-Type", "video/mp4"),
            ("Content-Length", "5000"),
            ("Accept-Ranges", "bytes"),
            ("ETag", '"a"'),
            ("Cache-Control", "public, max-age=60"),
            ("Last-Modified", DATE),
            ("Content-Disposition", 'attachment; filename="a.mp4"'),
        ),
        body=(ResourceRegion(position=0, count=5000),),
    )


@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=0-9"}, {"Range": "bytes=9000-"}])
def test_head_tells_what_get_without_range_would(fields: dict[str, str]) -> None:
    """HEAD has the headers of the whole and no body; Range means nothing to it (RFC 9110 §14.2)."""
    found = ask(fields, method="HEAD")
    assert (found.status, found.headers, found.body) == (200, ask().headers, ())


def test_one_range_is_one_part() -> None:
    """A 206 has the fields of the 200 and says what it holds (RFC 9110 §15.3.7)."""
    found = ask({"Range": "bytes=100-299"})
    assert found.status == 206
    assert found.headers == (
        ("Content-Type", "video/mp4"),
        ("Content-Length", "200"),
        ("Content-Range", "bytes 100-299/5000"),
        *ask().headers[2:],
    )
    assert found.body == (ResourceRegion(position=100, count=200),)


def test_several_ranges_are_parts_of_one_body() -> None:
    """Content-Range moves into the parts, the other fields stay (RFC 9110 §15.3.7.2)."""
    found = ask({"Range": "bytes=4000-,0-9"})
    headers = dict(found.headers)
    assert found.status == 206
    assert headers.pop("Content-Type") == "multipart/byteranges; boundary=boundary"
    assert headers.pop("Content-Length") == str(found.body_length)
    assert tuple(headers.items()) == ask().headers[2:]
    content = bytes(5000)
    assert [(part.start, part.end) for part in parts_of(found, content)] == [(4000, 5000), (0, 10)]


def test_several_ranges_that_leave_one_are_no_multipart() -> None:
    """One part is sent as itself, though several ranges were asked for."""
    found = ask({"Range": "bytes=0-9,5-19,7000-"})
    assert (found.status, dict(found.headers)["Content-Range"]) == (206, "bytes 0-19/5000")


def test_several_ranges_that_come_to_the_whole_are_ignored() -> None:
    """Who asks for everything in pieces gets a plain 200; a single range over everything stays a 206."""
    assert ask({"Range": "bytes=0-2499,2500-"}) == ask()
    assert ask({"Range": "bytes=" + ",".join(f"{start}-" for start in range(100))}) == ask()
    assert ask({"Range": "bytes=0-"}).status == 206


@pytest.mark.parametrize("header", ["bytes=5000-", "bytes=-0", "bytes=9000-,-0"])
@pytest.mark.parametrize("delivery", Delivery)
def test_what_is_not_there_is_a_416_that_tells_the_length(header: str, delivery: Delivery) -> None:
    """The 416 says how long the representation is and is not kept by caches as long as the video."""
    assert ask({"Range": header}, delivery=delivery) == Answer(
        status=416,
        headers=(("Content-Length", "0"), ("Content-Range", "bytes */5000"), ("Accept-Ranges", "bytes")),
    )


@pytest.mark.parametrize("header", ["bytes=9-0", "bytes=a-", "seconds=0-9", "bytes=0-9, bytes=20-29"])
@pytest.mark.parametrize("delivery", Delivery)
def test_what_is_not_understood_is_ignored(header: str, delivery: Delivery) -> None:
    """Malformed headers and unknown units get the whole, as if there were no Range."""
    assert ask({"Range": header}, delivery=delivery) == ask()


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=7-9"])
@pytest.mark.parametrize("delivery", Delivery)
def test_nothing_is_sent_whole(header: str, delivery: Delivery) -> None:
    """An empty representation has no ranges: 200 and no bytes (RFC 9110 §14.2)."""
    empty = Representation(length=0, content_type="video/mp4")
    found = ask({"Range": header}, of=empty, delivery=delivery)
    assert (found.status, dict(found.headers)["Content-Length"], found.body) == (200, "0", ())


def test_not_modified_repeats_what_caches_need_and_no_more() -> None:
    """A 304 has the tag and Cache-Control; the date stands in where there is no tag (RFC 9110 §15.4.5)."""
    assert ask({"If-None-Match": '"a"'}) == Answer(
        status=304, headers=(("ETag", '"a"'), ("Cache-Control", "public, max-age=60"))
    )
    dated = Representation(length=5000, content_type="video/mp4", last_modified=AT)
    assert ask({"If-Modified-Since": DATE}, of=dated) == Answer(status=304, headers=(("Last-Modified", DATE),))


def test_a_failed_precondition_sends_nothing() -> None:
    """A 412 is empty, for GET and HEAD."""
    for method in ("GET", "HEAD"):
        found = ask({"If-Match": '"b"', "Range": "bytes=0-9"}, method=method)
        assert found == Answer(status=412, headers=(("Content-Length", "0"),))


@pytest.mark.parametrize(
    ("if_range", "status"), [('"a"', 206), ('"b"', 200), ('W/"a"', 200), (DATE, 206), ("yesterday", 200)]
)
def test_a_part_is_sent_only_of_the_same_bytes(if_range: str, status: int) -> None:
    """If-Range with a strong tag or the exact date keeps the range; anything else gets the whole."""
    found = ask({"Range": "bytes=0-9", "If-Range": if_range})
    assert found.status == status
    assert found.headers[-5:] == ask().headers[-5:]


@pytest.mark.parametrize(
    ("header", "content_range"),
    [
        ("bytes=0-", "bytes 0-999/5000"),
        ("bytes=100-4000", "bytes 100-1099/5000"),
        ("bytes=100-199", "bytes 100-199/5000"),
        ("bytes=4500-", "bytes 4500-4999/5000"),
        ("bytes=-3000", "bytes 2000-2999/5000"),
        ("bytes=300-,0-9", "bytes 300-1299/5000"),
    ],
)
def test_a_region_is_the_beginning_of_what_was_asked_for(header: str, content_range: str) -> None:
    """The ResourceRegion delivery answers with one region of bounded length, and says which."""
    found = ask({"Range": header}, delivery=Delivery.REGION)
    assert (found.status, dict(found.headers)["Content-Range"]) == (206, content_range)
    assert found.body_length == int(dict(found.headers)["Content-Length"])


def test_a_region_needs_a_range() -> None:
    """Without Range, and with an If-Range that does not hold, the ResourceRegion delivery sends the whole."""
    assert ask(delivery=Delivery.REGION) == ask()
    assert ask({"Range": "bytes=0-", "If-Range": '"b"'}, delivery=Delivery.REGION) == ask()


def test_go_has_as_many_cases_as_we_know_of() -> None:
    """The table was read in full."""
    assert len(go_ranges.table().cases) == go_ranges.COUNT


@pytest.mark.parametrize("number", range(go_ranges.COUNT))
def test_ranges_are_answered_as_by_go(number: int) -> None:
    """Status, Content-Range and every part equal what Go expects of its own file server.

    Go leaves overlapping ranges apart and gives up with a 200 once they add up to more than the file. Here they
    are merged first, and it is a 200 if they merge to the whole file, as in the one such row of the table.
    """
    table = go_ranges.table()
    case = table.cases[number]
    found = ask(
        {"Range": case.header} if case.header else {},
        of=Representation(length=len(table.content), content_type="text/plain"),
    )
    assert found.status == case.status
    if found.status == 206:
        parts = parts_of(found, table.content)
        assert tuple((part.start, part.end) for part in parts) == case.ranges
        assert all(part.content == table.content[part.start : part.end] for part in parts)
        assert dict(found.headers)["Content-Type"].startswith("multipart/") is (len(case.ranges) > 1)
    elif found.status == 200:
        assert place(found.body, (table.content,)) == (table.content,)
    else:
        assert dict(found.headers)["Content-Range"] == f"bytes */{len(table.content)}"


@pytest.mark.parametrize("case", nginx.RANGE_CASES, ids=lambda case: case.header)
def test_ranges_are_answered_as_by_nginx(case: nginx.RangeCase) -> None:
    """The status is nginx's, but for what we ignore and it rejects; every byte it would send is sent, once."""
    found = ask(
        {"Range": case.header},
        of=Representation(length=len(nginx.RANGE_CONTENT), content_type="text/html"),
    )
    assert found.status == (case.ours or case.status)
    if found.status == 206:
        parts = parts_of(found, nginx.RANGE_CONTENT)
        sent = [position for part in parts for position in range(part.start, part.end)]
        assert sorted(sent) == sorted(
            position for first, last in case.spans for position in range(first, last + 1)
        )
        assert all(part.content == nginx.RANGE_CONTENT[part.start : part.end] for part in parts)
        assert parts[0].start == case.spans[0][0]


@pytest.mark.parametrize("case", nginx.CONDITION_CASES, ids=lambda case: f"{case.field}: {case.value}")
def test_preconditions_are_answered_as_by_nginx(case: nginx.ConditionCase) -> None:
    """Status for status, on an empty file with a tag and a date."""
    (etag,) = parse_entity_tags(nginx.ETAG)
    modified_at = parse_http_date(nginx.MODIFIED_AT)
    file = Representation(length=0, content_type="text/plain", etag=etag, last_modified=modified_at)
    assert ask({case.field: case.value}, of=file).status == case.status


@pytest.mark.parametrize("case", nginx.IF_RANGE_CASES, ids=lambda case: case.claim)
def test_if_range_is_answered_as_by_nginx(case: nginx.IfRangeCase) -> None:
    """Status for status, on a file with a date and on one without."""
    modified_at = parse_http_date(nginx.MODIFIED_AT) if case.is_dated else None
    file = Representation(length=1000, content_type="text/html", last_modified=modified_at)
    found = ask({"Range": "bytes=0-9", "If-Range": case.if_range}, of=file)
    assert found.status == case.status
    assert ("Last-Modified" in dict(found.headers)) is case.is_dated
