"""Text tracks: WebVTT and SubRip read as people write them, and WebVTT written so that nothing in it can run.

What is kept of a cue is its times, how it is placed and its words, with the few tags that WebVTT knows
(https://www.w3.org/TR/webvtt1/ §4.2.2). Everything else that looks like markup is dropped or becomes plain text:
a player that puts cues into a page finds nothing else in them. Style sheets and comments are left out.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streamserver.errors import BadInput

MAX_CUES = 20_000
"""In one track; three hours of fast talk have about 3000."""
MAX_CUE_CHARACTERS = 2_000
"""In one cue; more would cover the picture."""
NO_CUES = "There are no subtitles in the file; please send WebVTT or SubRip (.srt)."

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?P<settings>.*)")
_PLACING = re.compile(
    r"vertical:(?:rl|lr)|line:-?\d{1,4}(?:\.\d{1,6})?%?(?:,(?:start|center|end))?"
    r"|position:\d{1,3}(?:\.\d{1,6})?%(?:,(?:line-left|center|line-right))?"
    r"|size:\d{1,3}(?:\.\d{1,6})?%|align:(?:start|center|end|left|right)"
)
"""Settings of a cue (§3.5) in their usual forms; regions are left out with their definitions."""
_TOKEN = re.compile(r"<(?P<tag>/?[A-Za-z0-9!?][^<>]*)>|(?P<text>[^<]+|<+(?=<)|<)")
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")
"""What SubStation Alpha leaves in SubRip files, such as `{\\an8}`."""
_TAG = re.compile(
    r"(?P<end>/?)(?P<name>(?i:ruby|lang|rt|[ibucv]))(?P<classes>(?:\.[\w-]*\w)*)(?:\s+(?P<value>.*))?"
)
_TIMESTAMP = re.compile(r"(?:\d{2,4}:)?[0-5]\d:[0-5]\d\.\d{3}")
_RISKY = re.compile(r"[\"'`=]|^[\s-]+|[\s-]+$")
"""What could end the attribute that a player writes a voice into, or look like an arrow with the tag's end."""
_UNSHOWN = re.compile(r"[\0-\x09\x0b-\x1f\x7f-\x9f\ud800-\uf8ff\U000f0000-\U0010ffff]")
"""Controls but the line break, surrogates, and what Unicode leaves to private use."""
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKS = {"\u200e": "&lrm;", "\u200f": "&rlm;"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """Words that are shown for a while."""

    start_ms: int
    """When they appear."""
    end_ms: int
    """When they go; later than they appear."""
    text: str
    """As it is written in WebVTT; already clean."""
    placing: str = ""
    """Where they are shown, as it is written in WebVTT."""


def decode_text(content: bytes) -> str:
    """Read the characters of a text file whose encoding nobody tells.

    UTF-8 and UTF-16 are known by their marks, UTF-8 also by its rules; anything else is taken for Windows-1252,
    the one that all others were usually meant to be.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if b"\0" in content[:200]:  # UTF-16 without a mark: every other byte of Latin text is 0
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        return content.decode(encoding, errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        # Five bytes mean nothing in Windows-1252; in Latin-1 they are controls, which nobody can read.
        return content.decode("cp1252", errors="ignore")


def clean_webvtt(text: str) -> str:
    """Return what is left of a WebVTT or SubRip file as clean WebVTT; `BadInput` where it holds no cue."""
    cues = sorted(read_cues(text), key=lambda cue: (cue.start_ms, cue.end_ms))
    if not cues:
        raise BadInput(NO_CUES)
    if len(cues) > MAX_CUES:
        raise BadInput(f"There are {len(cues)} subtitles in the file; at most {MAX_CUES} are possible.")
    return write_webvtt(cues)


def clean_text(content: bytes) -> str:
    """Return what is left of a text file as clean WebVTT (`decode_text`, `clean_webvtt`); may take seconds."""
    return clean_webvtt(decode_text(content))


def read_cues(text: str) -> Iterator[Cue]:
    """Find the cues of a WebVTT or SubRip file; blocks that are none are left out."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    times: re.Match[str] | None = None
    words: list[str] = []
    for line in [*lines, ""]:
        found = _TIMES.match(line) if "-->" in line else None
        if found or not line.strip():
            # A file may lack the empty line between cues; the number of the next one is then the last line.
            if times is not None:
                yield from _cue(times, words[:-1] if found and words and words[-1].strip().isdigit() else words)
            times, words = found, []
        elif times is not None:
            words.append(line)


def write_webvtt(cues: Iterable[Cue]) -> str:
    """Write a WebVTT file."""
    blocks = ["WEBVTT\n"]
    for cue in cues:
        placing = f" {cue.placing}" if cue.placing else ""
        blocks.append(f"{timestamp(cue.start_ms)} --> {timestamp(cue.end_ms)}{placing}\n{cue.text}\n")
    return "\n".join(blocks)


def timestamp(milliseconds: int) -> str:
    """Write a time as WebVTT does."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"


def plain_text(text: str) -> str:
    """Write words that come from elsewhere as the text of a cue: one line, no markup."""
    return _escaped(" ".join(text.split()))


def clean_cue_text(text: str) -> str:
    """Return the text of a cue with the tags that WebVTT knows, closed where they were left open, and no other."""
    written: list[str] = []
    opened: list[str] = []
    for token in _TOKEN.finditer(_OVERRIDE.sub("", text)[:MAX_CUE_CHARACTERS]):
        if token["tag"] is None:
            written.append(_escaped(html.unescape(token["text"])))
        elif _TIMESTAMP.fullmatch(token["tag"]):
            written.append(f"<{token['tag']}>")
        elif known := _TAG.fullmatch(token["tag"]):
            written.append(_tag(known, opened))
    written.extend(f"</{name}>" for name in reversed(opened))
    lines = (line.strip() for line in "".join(written).split("\n"))
    return "\n".join(line for line in lines if line)


def _cue(times: re.Match[str], words: list[str]) -> Iterator[Cue]:
    start, end = (_milliseconds(times.groups()[at : at + 4]) for at in (0, 4))
    text = clean_cue_text("\n".join(words))
    if end > start and re.sub(r"<[^>]*>", "", text).strip():
        placing = " ".join(setting for setting in times["settings"].split() if _PLACING.fullmatch(setting))
        yield Cue(start_ms=start, end_ms=end, text=text, placing=placing)


def _milliseconds(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole * 1000 + int((fraction or "0").ljust(3, "0"))


def _tag(known: re.Match[str], opened: list[str]) -> str:
    """Write one tag; `opened` are those that are still to be closed, the outermost first."""
    name = known["name"].lower()  # SubRip is often written in capitals
    if known["end"]:
        if name not in opened:
            return ""
        closed: list[str] = []
        while not closed or closed[-1] != name:
            closed.append(opened.pop())
        return "".join(f"</{it}>" for it in closed)
    if name == "rt" and "ruby" not in opened:
        return ""
    value = _escaped(_RISKY.sub("", html.unescape(known["value"] or ""))) if name in {"v", "lang"} else ""
    opened.append(name)
    return f"<{name}{known['classes']}{f' {value}' if value else ''}>"


def _escaped(text: str) -> str:
    """Write characters so that they stand for themselves, without controls."""
    escaped = _UNSHOWN.sub("", text).translate(_ESCAPES)
    for mark, name in _MARKS.items():
        escaped = escaped.replace(mark, name)
    return escaped
