"""Conditional requests (RFC 9110 §13): validators, and what the preconditions of a request come to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Self

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CENTURIES = (1900, 2000, 2100)

_DAY = "|".join(day[:3] for day in _DAYS)
_LONG_DAY = "|".join(_DAYS)
_MONTH = "|".join(_MONTHS)
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATE_FORMATS = (
    # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
    re.compile(rf"(?P<weekday>{_DAY}), (?P<day>[0-9]{{2}}) (?P<month>{_MONTH}) (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    # rfc850-date: Sunday, 06-Nov-94 08:49:37 GMT
    re.compile(
        rf"(?P<weekday>{_LONG_DAY}), (?P<day>[0-9]{{2}})-(?P<month>{_MONTH})-(?P<year>[0-9]{{2}}) {_TIME} GMT"
    ),
    # asctime-date: Sun Nov  6 08:49:37 1994
    re.compile(
        rf"(?P<weekday>{_DAY}) (?P<month>{_MONTH}) (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"
    ),
)

_ENTITY_TAG = re.compile(r'(?P<weak>W/)?"(?P<opaque>[!#-~\x80-\U0010ffff]*)"')
_LIST_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityTag:
    """A validator that names the bytes of a representation (§8.8.3)."""

    opaque: str
    """What stands between the quotes."""
    is_weak: bool = False
    """Whether equal tags promise only equal meaning, not equal bytes."""

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.is_weak else f'"{self.opaque}"'

    def matches_strongly(self, other: Self) -> bool:
        """Tell whether both stand for the same bytes (§8.8.3.2, strong comparison)."""
        return not self.is_weak and not other.is_weak and self.opaque == other.opaque

    def matches_weakly(self, other: Self) -> bool:
        """Tell whether both stand for the same meaning (§8.8.3.2, weak comparison)."""
        return self.opaque == other.opaque


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHeaders:
    """The header fields of a request that decide how a representation is sent.

    A field that came in several lines holds them all, joined by commas (§5.3). Thereby fields that are no lists
    become malformed when repeated, and are ignored as such.
    """

    range: str | None = None
    """Range, §14.2."""
    if_range: str | None = None
    """If-Range, §13.1.5."""
    if_match: str | None = None
    """If-Match, §13.1.1."""
    if_none_match: str | None = None
    """If-None-Match, §13.1.2."""
    if_modified_since: str | None = None
    """If-Modified-Since, §13.1.3."""
    if_unmodified_since: str | None = None
    """If-Unmodified-Since, §13.1.4."""

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Pick the fields out of all lines of a request's header; names in any case."""
        found: dict[str, str] = {}
        for name, value in pairs:
            field = _FIELDS.get(name.lower())
            if field is not None:
                found[field] = f"{found[field]}, {value}" if field in found else value
        return cls(**found)


_FIELDS = {field.replace("_", "-"): field for field in RequestHeaders.__slots__}


class Verdict(Enum):
    """What the preconditions of a request come to."""

    WHOLE = auto()
    """Go on, without regard to Range."""
    RANGE = auto()
    """Go on, and honour Range."""
    NOT_MODIFIED = auto()
    """The client has it already: 304."""
    PRECONDITION_FAILED = auto()
    """The client does not want it as it is: 412."""


def judge(
    method: str, headers: RequestHeaders, *, etag: EntityTag | None, last_modified: datetime | None
) -> Verdict:
    """Evaluate the preconditions of a GET or HEAD in the order of §13.2.2 against a representation that exists.

    `last_modified` must be a strong validator: its owner knows that the bytes did not change twice within that
    second (§8.8.2.2). Range is defined for GET alone (§14.2).
    """
    modified_at = None if last_modified is None else last_modified.replace(microsecond=0)
    if headers.if_match is not None:
        if not _if_match(headers.if_match, etag):
            return Verdict.PRECONDITION_FAILED
    elif _is_later(modified_at, headers.if_unmodified_since):
        return Verdict.PRECONDITION_FAILED
    if headers.if_none_match is not None:
        if not _if_none_match(headers.if_none_match, etag):
            return Verdict.NOT_MODIFIED
    elif _is_later(modified_at, headers.if_modified_since) is False:
        return Verdict.NOT_MODIFIED
    if method == "GET" and headers.range is not None and _if_range(headers.if_range, etag, modified_at):
        return Verdict.RANGE
    return Verdict.WHOLE


def _if_match(header: str, etag: EntityTag | None) -> bool:
    if header.strip() == "*":
        return True
    return etag is not None and any(etag.matches_strongly(tag) for tag in parse_entity_tags(header))


def _if_none_match(header: str, etag: EntityTag | None) -> bool:
    if header.strip() == "*":
        return False
    return etag is None or not any(etag.matches_weakly(tag) for tag in parse_entity_tags(header))


def _is_later(modified_at: datetime | None, header: str | None) -> bool | None:
    """Tell whether a modification came after the date of a header; None where one of them is no usable date."""
    moment = None if header is None else parse_http_date(header)
    return None if moment is None or modified_at is None else modified_at > moment


def _if_range(header: str | None, etag: EntityTag | None, modified_at: datetime | None) -> bool:
    """Tell whether the client's part belongs to these very bytes: an equal strong tag, or exactly the date."""
    if header is None:
        return True
    tag = _ENTITY_TAG.fullmatch(header)
    if tag is not None:
        return etag is not None and etag.matches_strongly(_entity_tag(tag))
    return modified_at is not None and parse_http_date(header) == modified_at


def parse_entity_tags(header: str) -> tuple[EntityTag, ...]:
    """Read a list of entity tags; empty where the list is malformed, so that it matches nothing."""
    tags: list[EntityTag] = []
    rest = header.strip(" \t,")
    while rest:
        match = _ENTITY_TAG.match(rest)
        if match is None:
            return ()
        tags.append(_entity_tag(match))
        rest = rest[match.end() :]
        separator = _LIST_SEPARATOR.match(rest)
        if separator is None:
            return tuple(tags) if not rest else ()
        rest = rest[separator.end() :]
    return tuple(tags)


def _entity_tag(match: re.Match[str]) -> EntityTag:
    return EntityTag(opaque=match["opaque"], is_weak=match["weak"] is not None)


def parse_http_date(text: str) -> datetime | None:
    """Read a date in any of the three formats of §5.6.7; None where it is not one.

    The format is taken at its word, letter case, two-digit days and the day of the week included: a date that
    contradicts itself is no date.
    """
    for date_format in _DATE_FORMATS:
        match = date_format.fullmatch(text)
        if match is not None:
            return _moment(match)
    return None


def _moment(match: re.Match[str]) -> datetime | None:
    """Return the moment that matches the day of the week.

    A year of two digits leaves the century open. The same date falls on another day of the week in each of the
    centuries that come into question, so that its weekday decides, where §5.6.7 would have us ask a clock.
    """
    year = int(match["year"])
    for century in _CENTURIES if len(match["year"]) == 2 else (0,):
        try:
            day = datetime(century + year, _MONTHS.index(match["month"]) + 1, int(match["day"]), tzinfo=UTC)
        except ValueError:
            continue
        if _DAYS[day.weekday()].startswith(match["weekday"]):
            return _at_time(day, int(match["hour"]), int(match["minute"]), int(match["second"]))
    return None


def _at_time(day: datetime, hour: int, minute: int, second: int) -> datetime | None:
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second
        return None
    try:
        return day + timedelta(hours=hour, minutes=minute, seconds=second)
    except OverflowError:
        return None


def format_http_date(moment: datetime) -> str:
    """Write a moment as IMF-fixdate, the one format that may be sent (§5.6.7)."""
    at = moment.astimezone(UTC)
    day, month = _DAYS[at.weekday()][:3], _MONTHS[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year:04} {at:%H:%M:%S} GMT"
