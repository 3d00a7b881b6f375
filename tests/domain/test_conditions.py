"""Validators, dates and preconditions."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from streamserver.domain.conditions import (
    EntityTag,
    RequestHeaders,
    Verdict,
    format_http_date,
    judge,
    parse_entity_tags,
    parse_http_date,
)

TAG = EntityTag(opaque="a")
WEAK = EntityTag(opaque="a", is_weak=True)
AT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
SAME = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"


def verdict(
    fields: dict[str, str], *, method: str = "GET", etag: EntityTag | None = TAG, at: datetime | None = AT
) -> Verdict:
    return judge(method, RequestHeaders.of(fields.items()), etag=etag, last_modified=at)


@pytest.mark.parametrize("text", [SAME, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_the_three_formats_of_a_date_are_read(text: str) -> None:
    """All three examples of RFC 9110 §5.6.7 name the same moment."""
    assert parse_http_date(text) == AT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Mon, 06 Nov 1994 08:49:37 GMT",  # it was a Sunday
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Tue, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Tuesday, 06-Nov-94 08:49:37 GMT",  # in no century
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        f"{SAME}, {SAME}",
        f" {SAME}",
    ],
)
def test_what_is_no_date_is_not_read(text: str) -> None:
    """Nothing but the three formats is a date, and a date that contradicts itself is none."""
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("Sunday, 06-Nov-94 08:49:37 GMT", 1994),
        ("Thursday, 01-Jan-70 00:00:00 GMT", 1970),
        ("Wednesday, 01-Jan-70 00:00:00 GMT", 2070),
        ("Saturday, 01-Jan-00 00:00:00 GMT", 2000),
        ("Friday, 01-Jan-00 00:00:00 GMT", 2100),
        ("Tuesday, 29-Feb-00 00:00:00 GMT", 2000),  # no other century has this day
    ],
)
def test_the_weekday_tells_the_century(text: str, year: int) -> None:
    """A year of two digits is read by the day of the week, without a clock."""
    moment = parse_http_date(text)
    assert moment is not None
    assert moment.year == year


def test_a_leap_second_is_a_date() -> None:
    """The grammar allows a second numbered 60; it is the next minute's first."""
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2017, 1, 1, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(-23, 23))  # noqa: DTZ001 the zone is added below
def test_a_date_that_is_written_is_read_back(moment: datetime, hours: int) -> None:
    """IMF-fixdate keeps the second, whatever the time zone."""
    local = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert parse_http_date(format_http_date(local)) == local.replace(microsecond=0)


@given(st.text(alphabet="SunMoTeWdhFriatJ, 0123456789:-GMT") | st.text())
def test_no_text_is_an_error(text: str) -> None:
    """Whatever stands in a date or a list of tags is read or ignored."""
    assert parse_http_date(text) is None or len(text) > 20
    assert isinstance(parse_entity_tags(text), tuple)


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ('"a"', (TAG,)),
        ('W/"a"', (WEAK,)),
        ('""', (EntityTag(opaque=""),)),
        ('"a", W/"a","b,c"', (TAG, WEAK, EntityTag(opaque="b,c"))),
        (', "a" ,,\t"b" ,', (TAG, EntityTag(opaque="b"))),
        ('"ä"', (EntityTag(opaque="ä"),)),
        ("", ()),
        (",", ()),
        ("a", ()),
        ('w/"a"', ()),
        ('"a" "b"', ()),
        ('"a", b', ()),
        ('"a', ()),
        ('"a b"', ()),
        ('*, "a"', ()),
    ],
)
def test_lists_of_tags_are_read_whole_or_not_at_all(header: str, tags: tuple[EntityTag, ...]) -> None:
    """A malformed list matches nothing."""
    assert parse_entity_tags(header) == tags


def test_a_tag_is_written_as_it_is_read() -> None:
    """The text of a tag is its field value."""
    assert [str(tag) for tag in parse_entity_tags('"a", W/"a"')] == ['"a"', 'W/"a"']


@pytest.mark.parametrize(
    ("one", "other", "strongly", "weakly"),
    [
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_tags_are_compared_as_in_the_table_of_the_rfc(one: str, other: str, strongly: bool, weakly: bool) -> None:
    """The four rows of RFC 9110 §8.8.3.2."""
    (first,), (second,) = parse_entity_tags(one), parse_entity_tags(other)
    assert first.matches_strongly(second) is strongly
    assert first.matches_weakly(second) is weakly


def test_lines_of_a_header_are_gathered() -> None:
    """A field in several lines is their list, names count in any case, other fields are passed over."""
    headers = RequestHeaders.of([("IF-NONE-MATCH", '"a"'), ("Accept", "*/*"), ("if-none-match", '"b"')])
    assert headers == RequestHeaders(if_none_match='"a", "b"')


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Verdict.WHOLE),
        # §13.1.1
        ({"If-Match": '"a"'}, Verdict.WHOLE),
        ({"If-Match": '"b", "a"'}, Verdict.WHOLE),
        ({"If-Match": "*"}, Verdict.WHOLE),
        ({"If-Match": '"b"'}, Verdict.PRECONDITION_FAILED),
        ({"If-Match": 'W/"a"'}, Verdict.PRECONDITION_FAILED),
        ({"If-Match": "a"}, Verdict.PRECONDITION_FAILED),
        # §13.1.4
        ({"If-Unmodified-Since": SAME}, Verdict.WHOLE),
        ({"If-Unmodified-Since": AFTER}, Verdict.WHOLE),
        ({"If-Unmodified-Since": BEFORE}, Verdict.PRECONDITION_FAILED),
        ({"If-Unmodified-Since": "yesterday"}, Verdict.WHOLE),
        # §13.1.2
        ({"If-None-Match": '"a"'}, Verdict.NOT_MODIFIED),
        ({"If-None-Match": 'W/"a"'}, Verdict.NOT_MODIFIED),
        ({"If-None-Match": "*"}, Verdict.NOT_MODIFIED),
        ({"If-None-Match": '"b"'}, Verdict.WHOLE),
        ({"If-None-Match": "a"}, Verdict.WHOLE),
        # §13.1.3
        ({"If-Modified-Since": SAME}, Verdict.NOT_MODIFIED),
        ({"If-Modified-Since": AFTER}, Verdict.NOT_MODIFIED),
        ({"If-Modified-Since": BEFORE}, Verdict.WHOLE),
        ({"If-Modified-Since": "yesterday"}, Verdict.WHOLE),
        # §13.2.2: each date yields to its tag, and 412 comes before 304
        ({"If-Match": '"a"', "If-Unmodified-Since": BEFORE}, Verdict.WHOLE),
        ({"If-Match": '"b"', "If-None-Match": '"a"'}, Verdict.PRECONDITION_FAILED),
        ({"If-Match": '"a"', "If-None-Match": '"a"'}, Verdict.NOT_MODIFIED),
        ({"If-None-Match": '"b"', "If-Modified-Since": SAME}, Verdict.WHOLE),
        ({"If-Unmodified-Since": BEFORE, "If-Modified-Since": SAME}, Verdict.PRECONDITION_FAILED),
        # §13.1.5 and §14.2
        ({"Range": "bytes=0-"}, Verdict.RANGE),
        ({"Range": "bytes=0-", "If-None-Match": '"a"'}, Verdict.NOT_MODIFIED),
        ({"Range": "bytes=0-", "If-Match": '"b"'}, Verdict.PRECONDITION_FAILED),
        ({"Range": "bytes=0-", "If-Range": '"a"'}, Verdict.RANGE),
        ({"Range": "bytes=0-", "If-Range": '"b"'}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": 'W/"a"'}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": '"a", "b"'}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": "*"}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": SAME}, Verdict.RANGE),
        ({"Range": "bytes=0-", "If-Range": "Sunday, 06-Nov-94 08:49:37 GMT"}, Verdict.RANGE),
        ({"Range": "bytes=0-", "If-Range": BEFORE}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": AFTER}, Verdict.WHOLE),
        ({"If-Range": '"a"'}, Verdict.WHOLE),
    ],
)
def test_preconditions_of_a_get(fields: dict[str, str], expected: Verdict) -> None:
    """The preconditions of RFC 9110 §13.1 come to these verdicts in the order of §13.2.2."""
    assert verdict(fields) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Range": "bytes=0-"}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": '"a"'}, Verdict.WHOLE),
        ({"If-None-Match": '"a"'}, Verdict.NOT_MODIFIED),
        ({"If-Match": '"b"'}, Verdict.PRECONDITION_FAILED),
    ],
)
def test_head_has_preconditions_but_no_ranges(fields: dict[str, str], expected: Verdict) -> None:
    """Range is defined for GET alone (RFC 9110 §14.2), preconditions are for both."""
    assert verdict(fields, method="HEAD") is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"If-Match": '"a"'}, Verdict.PRECONDITION_FAILED),
        ({"If-Match": "*"}, Verdict.WHOLE),
        ({"If-None-Match": '"a"'}, Verdict.WHOLE),
        ({"If-None-Match": "*"}, Verdict.NOT_MODIFIED),
        ({"If-Unmodified-Since": BEFORE}, Verdict.WHOLE),
        ({"If-Modified-Since": AFTER}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": '"a"'}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": SAME}, Verdict.WHOLE),
        ({"Range": "bytes=0-", "If-Range": "yesterday"}, Verdict.WHOLE),
    ],
)
def test_without_validators_nothing_matches(fields: dict[str, str], expected: Verdict) -> None:
    """A representation without tag and date fails what needs one, and is whole for the rest."""
    assert verdict(fields, etag=None, at=None) is expected


def test_a_weak_tag_serves_caches_but_not_ranges() -> None:
    """A weak tag is enough for 304, never for If-Match and If-Range."""
    assert verdict({"If-None-Match": '"a"'}, etag=WEAK) is Verdict.NOT_MODIFIED
    assert verdict({"If-Match": 'W/"a"'}, etag=WEAK) is Verdict.PRECONDITION_FAILED
    assert verdict({"Range": "bytes=0-", "If-Range": 'W/"a"'}, etag=WEAK) is Verdict.WHOLE


def test_fractions_of_a_second_do_not_count() -> None:
    """A date on the wire has whole seconds, so a file's own is compared in whole seconds."""
    fine = AT.replace(microsecond=999_999)
    assert verdict({"If-Modified-Since": SAME}, at=fine) is Verdict.NOT_MODIFIED
    assert verdict({"If-Unmodified-Since": SAME}, at=fine) is Verdict.WHOLE
    assert verdict({"Range": "bytes=0-", "If-Range": SAME}, at=fine) is Verdict.RANGE


def test_a_repeated_range_is_malformed_and_a_repeated_date_is_ignored() -> None:
    """Fields that are no lists mean nothing when they come twice (RFC 9110 §5.3, §13.1.3)."""
    headers = RequestHeaders.of([("Range", "bytes=0-0"), ("Range", "bytes=1-1"), ("If-Modified-Since", SAME)])
    assert headers.range == "bytes=0-0, bytes=1-1"
    twice = RequestHeaders.of([("If-Modified-Since", SAME), ("If-Modified-Since", SAME)])
    assert judge("GET", twice, etag=None, last_modified=AT) is Verdict.WHOLE
