"""Fetching a file by HTTP, in as many pieces as it takes: what to ask for, and what an answer means (RFC 9110)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message

from streamserver.domain.conditions import parse_entity_tags, parse_http_date
from streamserver.domain.links import Link, Reach, read_link
from streamserver.domain.titles import clean_file_name
from streamserver.errors import BadInput, LinkAway, LinkCut, LinkFault

MAX_REDIRECTS = 10
"""As many as a browser's patience is about twice of."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may do better."""
LOGIN = frozenset({401, 403, 407})
LONGEST_WAIT_SECONDS = 60
"""Whatever a server says that it needs."""
NO_FILE = "The link leads to a web page, not to a video; please use the address of the file itself."
WEB_PAGES = frozenset({"text/html", "application/xhtml+xml"})
SECONDS_TO_BE_STRONG = timedelta(seconds=1)
"""What was changed so long before it was sent does not change again unnoticed (§8.8.2.2)."""

_LOGIN_WORDS = re.compile(
    r"\b(log-?in|log-?on|sign-?in|auth|oauth2?|sso|saml2?|accounts?|session)\b", re.IGNORECASE
)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(?:(\d{1,18})|\*)", re.IGNORECASE)
_UNITS = ((1e18, "EB"), (1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What there is by now of a file that is fetched."""

    size_bytes: int = 0
    """How much, from its beginning on."""
    total_bytes: int | None = None
    """How long all of it is, as far as its server told."""
    validator: str | None = None
    """What tells that the server still has the same bytes: a strong entity tag or a date, as it was sent."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return bool(self.size_bytes) and self.size_bytes == self.total_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerHead:
    """How an answer begins."""

    link: Link
    """Where it came from, after redirections."""
    status: int
    """Status code."""
    headers: Mapping[str, str]
    """Header fields by lower-case name."""
    hops: int = 0
    """How many redirections led there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """What the body of an answer is."""

    position: int
    """Where its first byte belongs; what is held behind that is out of date."""
    end: int | None
    """Where the byte after its last one belongs; None where only the end of the body tells."""
    total_bytes: int | None
    """How long the file is; None where that is not told."""
    validator: str | None
    """What to ask for the rest with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much, how long and how slow a download may be."""

    max_bytes: int
    """The largest file."""
    seconds: float = 6 * 3600
    """How long it may take in all, the waits between its attempts included."""
    least_bytes_per_second: float = 1000
    """What a server has to send, on average over `stall_seconds`."""
    stall_seconds: float = 20
    """How long it is watched before that is judged; whoever sends nothing for so long is asked anew."""
    most_bytes_per_second: float = 0
    """What is taken from it at most, so that something is left for others; 0 for any number."""
    tries: int = 4
    """How often a server is asked again without getting any further."""
    first_wait_seconds: float = 1
    """How long the first wait before that is; each one after it is twice as long."""

    def wait_seconds(self, failures: int, asked_for: float | None = None) -> float:
        """Return how long to wait after so many failures in a row; a server may ask for longer."""
        own = self.first_wait_seconds * 2.0 ** max(0, failures - 1)
        return min(LONGEST_WAIT_SECONDS, max(own, asked_for or 0.0))

    def pause_seconds(self, count_bytes: int, seconds: float) -> float:
        """Return how long to take nothing when so much has come in so many seconds."""
        if not self.most_bytes_per_second:
            return 0.0
        return max(0.0, count_bytes / self.most_bytes_per_second - seconds)

    def check_pace(self, link: Link, count_bytes: int, seconds: float) -> None:
        """Judge what came in so many seconds: raise `LinkAway` for nothing, `LinkFault` for too little."""
        if not count_bytes:
            raise LinkAway(f"{link.host} has sent nothing for {seconds:.3g} seconds.")
        if count_bytes < self.least_bytes_per_second * seconds:
            pace, least = amount(count_bytes / seconds), amount(self.least_bytes_per_second)
            raise LinkFault(f"{link.host} sends only {pace} a second; it has to be {least} at least.")


def request_headers(held: Held) -> dict[str, str]:
    """Return the header fields that ask for what is missing, uncompressed."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if held.size_bytes and held.validator:
        headers |= {"Range": f"bytes={held.size_bytes}-", "If-Range": held.validator}
    return headers


def redirected(head: AnswerHead, reach: Reach) -> Link | None:
    """Tell where an answer leads on to; None where it is to be judged itself.

    Raises `LinkForbidden` where links may not lead there, `LinkFault` where there is no such place, or no end.
    """
    location = head.headers.get("location")
    if head.status not in REDIRECTS or location is None:
        return None
    if head.hops >= MAX_REDIRECTS:
        raise LinkFault(f"The link leads on from one address to another, more than {MAX_REDIRECTS} times.")
    try:
        link = read_link(location, base=head.link)
    except BadInput as error:
        raise LinkFault(f"{head.link.host} leads on to what is no address of a file. {error.message}") from error
    reach.check(link)
    return link


def judge(head: AnswerHead, held: Held, *, max_bytes: int) -> Coming | None:
    """Tell what comes; None where what is held is out of date, and all is to be asked for.

    Raises `LinkFault` or `LinkAway` with a sentence where it is not the file, or not now.
    """
    if head.status == 416:
        return _nothing_more(head, held)
    _refuse_status(head)
    _refuse_form(head)
    coming = _piece(head, held) if head.status == 206 else _whole(head)
    if coming is None:
        return None
    if coming.total_bytes == 0:
        raise LinkFault("The file behind the link is empty.")
    if coming.total_bytes and coming.total_bytes > max_bytes:
        raise too_large(max_bytes, coming.total_bytes)
    return coming


def too_large(max_bytes: int, total_bytes: int | None = None) -> LinkFault:
    """Say that a file is larger than may be; its length where that is known."""
    most = f"the {amount(max_bytes)} that this server accepts"
    if total_bytes is None:
        return LinkFault(f"The file behind the link does not end within {most}; it was not kept.")
    return LinkFault(f"The file behind the link is {amount(total_bytes)} long, more than {most}.")


def amount(count_bytes: float) -> str:
    """Write a number of bytes for people: three digits and a unit."""
    for size, unit in _UNITS:
        if count_bytes >= 0.9995 * size:  # less is still three digits of the next unit
            return f"{count_bytes / size:.3g} {unit}"
    return f"{count_bytes:.0f} byte{'' if round(count_bytes) == 1 else 's'}"


def cut_short(held: Held, announced_bytes: int | None) -> LinkCut:
    """Say that an answer ended before all of it was there."""
    if announced_bytes is None:
        return LinkCut(f"The connection was lost after {amount(held.size_bytes)}.")
    return LinkCut(f"The server announced {announced_bytes} bytes and stopped after {held.size_bytes}.")


def file_name_of(head: AnswerHead, asked: Link) -> str:
    """Return what a file is called: by its server (RFC 6266), by the link, or by where that led."""
    field = Message()
    field["Content-Disposition"] = head.headers.get("content-disposition", "").replace("\r", "").replace("\n", "")
    try:
        said = field.get_filename()
    except (LookupError, UnicodeError):  # an encoding that there is not
        said = None
    names = [clean_file_name(name) for name in (said, asked.file_name, head.link.file_name) if name]
    return next((name for name in names if "." in name), names[0])


def _refuse_status(head: AnswerHead) -> None:
    status, host = head.status, head.link.host
    if status in LATER:
        wait = head.headers.get("retry-after", "")
        raise LinkAway(
            f"{host} says that it cannot answer now ({status}).",
            retry_after_seconds=min(int(wait), LONGEST_WAIT_SECONDS)
            if wait.isdecimal() and len(wait) < 9
            else None,
        )
    if status in LOGIN:
        raise LinkFault(f"{host} gives this file only after a login ({status}); please use a link that is public.")
    if status in {404, 410}:
        raise LinkFault(f"There is no file behind the link ({status}); please check it.")
    if status in REDIRECTS:
        raise LinkFault(f"{host} leads elsewhere, but does not say where ({status}).")
    if status not in {200, 203, 206}:
        raise LinkFault(f"{host} does not give the file; its answer was {status}.")


def _refuse_form(head: AnswerHead) -> None:
    """Refuse a body that is not the bytes of a file as they are."""
    encodings = [head.headers.get(name, "").strip().lower() for name in ("content-encoding", "transfer-encoding")]
    if encodings[0] not in {"", "identity"} or encodings[1] not in {"", "chunked"}:
        raise LinkFault(
            f"{head.link.host} sends the file compressed, though it was asked not to; this is not safe."
        )
    media_type = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in WEB_PAGES:
        if head.hops and _LOGIN_WORDS.search(head.link.name):
            raise LinkFault("The link leads to a login page; please use a link that is public.")
        raise LinkFault(NO_FILE)
    if media_type.startswith("multipart/"):
        raise LinkFault(f"{head.link.host} sends the file in a form that was not asked for.")


def _whole(head: AnswerHead) -> Coming:
    length = _length(head)
    return Coming(position=0, end=length, total_bytes=length, validator=_validator(head))


def _piece(head: AnswerHead, held: Held) -> Coming | None:
    if _has_changed(held.validator, _validator(head)):
        return None
    found = _CONTENT_RANGE.fullmatch(head.headers.get("content-range", "").strip())
    first, last, total = (int(part) if part else None for part in found.groups()) if found else (None, None, None)
    if first != held.size_bytes or last is None or last < first:
        raise LinkFault(f"{head.link.host} sends another part of the file than it was asked for.")
    length = _length(head)
    is_odd = total is not None and (last >= total or held.total_bytes not in {None, total})
    if is_odd or length not in {None, last + 1 - first}:
        raise LinkFault(f"{head.link.host} contradicts itself about the length of the file.")
    return Coming(
        position=first,
        end=last + 1,
        total_bytes=held.total_bytes if total is None else total,
        validator=held.validator or _validator(head),
    )


def _nothing_more(head: AnswerHead, held: Held) -> Coming | None:
    """Understand the answer that nothing is left to be sent (§15.5.17)."""
    found = _CONTENT_RANGE.fullmatch(head.headers.get("content-range", "").strip())
    total = int(found[3]) if found and found[3] else None
    if total is None or total != held.size_bytes:
        return None
    if held.total_bytes not in {None, total}:
        raise LinkFault(f"The server announced {held.total_bytes} bytes, and has no more than {total} of them.")
    return Coming(position=total, end=total, total_bytes=total, validator=held.validator)


def _length(head: AnswerHead) -> int | None:
    text = head.headers.get("content-length", "")
    # Where both are sent the length does not count (RFC 9112 §6.3).
    return int(text) if text.isdecimal() and "transfer-encoding" not in head.headers else None


def _has_changed(before: str | None, now: str | None) -> bool:
    """Tell whether validators of the same kind differ, so that If-Range was not heeded."""
    return bool(before and now) and before != now and _is_tag(before) == _is_tag(now)


def _is_tag(validator: str | None) -> bool:
    return bool(validator) and str(validator).startswith('"')


def _validator(head: AnswerHead) -> str | None:
    """Return what may stand in If-Range (§13.1.5)."""
    if text := head.headers.get("etag"):
        tags = parse_entity_tags(text)
        return str(tags[0]) if len(tags) == 1 and not tags[0].is_weak and text.isascii() else None
    modified_at = parse_http_date(head.headers.get("last-modified", ""))
    sent_at = parse_http_date(head.headers.get("date", ""))
    is_strong = modified_at and sent_at and sent_at - modified_at >= SECONDS_TO_BE_STRONG
    return head.headers["last-modified"].strip() if is_strong else None
