"""HLS playlists, written from the fragment index (RFC 8216, protocol version 7 for fMP4)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from streamserver.domain.fragments import Segment
from streamserver.domain.videos import Subtitle

UNQUOTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of a surrogate pair, and what some parsers take for line breaks."""
VERSION = 7
"""Of the protocol: EXT-X-MAP in a playlist that is not I-frame-only wants 6, fMP4 7 (§7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One line of a multivariant playlist."""

    url: str
    """Of its media playlist."""
    peak_bps: int
    """The greatest bit rate of any segment."""
    average_bps: int
    """Over all segments."""
    codecs: str
    """RFC 6381."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    frame_rate: float
    """Frames in a second."""


def bit_rates(segments: Sequence[Segment], *, target_seconds: int) -> tuple[int, int]:
    """Return the peak and the average bit rate of segments, in bits a second.

    The peak is the largest bit rate of any run of segments whose duration is between half the target duration
    and one and a half of it, and the average is all bits over all time (RFC 8216 §4.1).
    """
    bits = [segment.count * 8 for segment in segments]
    seconds = [segment.duration_seconds for segment in segments]
    whole = sum(seconds)
    if not whole:
        return 0, 0
    average = sum(bits) / whole
    peak = average
    for start in range(len(segments)):
        run_bits = run_seconds = 0.0
        for at in range(start, len(segments)):
            run_bits += bits[at]
            run_seconds += seconds[at]
            if run_seconds > 1.5 * target_seconds:
                break
            if run_seconds >= 0.5 * target_seconds:
                peak = max(peak, run_bits / run_seconds)
    return round(peak), round(average)


def multivariant_playlist(variants: Sequence[Variant], subtitles: Sequence[tuple[Subtitle, str]] = ()) -> str:
    """Write the playlist that lists the renditions (§4.3.4); the first variant is what a player begins with.

    `subtitles` are text tracks with the URL of their media playlist.
    """
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    names: set[str] = set()
    for number, (subtitle, url) in enumerate(subtitles, 1):
        # Names must differ within a group (§4.3.4.1.1).
        name = _quoted(subtitle.label)
        name = _quoted(f"{subtitle.label} ({number})") if name in names else name
        names.add(name)
        lines.append(
            '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",'
            f"NAME={name},LANGUAGE={_quoted(subtitle.language)},"
            f'DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI="{url}"'
        )
    for variant in variants:
        attributes = [
            f"BANDWIDTH={max(variant.peak_bps, 1)}",
            f"AVERAGE-BANDWIDTH={max(variant.average_bps, 1)}",
            f'CODECS="{variant.codecs}"',
            f"RESOLUTION={variant.width}x{variant.height}",
            f"FRAME-RATE={variant.frame_rate:.3f}",
        ]
        if subtitles:
            attributes.append('SUBTITLES="text"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", variant.url]
    return "\n".join(lines) + "\n"


def media_playlist(segments: Sequence[Segment], *, target_seconds: int, is_complete: bool) -> str:
    """Write the playlist of one rendition (§4.3.3): EVENT while it grows, then VOD with an end.

    URLs are relative to the playlist's own: `init.mp4` and `{number}.m4s`.
    """
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_seconds}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if is_complete else 'EVENT'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    for segment in segments:
        lines += [f"#EXTINF:{segment.duration_seconds:.6f},", f"{segment.number}.m4s"]
    if is_complete:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def subtitle_playlist(url: str, duration_seconds: float) -> str:
    """Write the playlist of a text track that is one WebVTT file (§3.5)."""
    target = max(1, -int(-duration_seconds // 1))
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXTINF:{duration_seconds:.6f},",
        url,
        "#EXT-X-ENDLIST",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Write a quoted-string: without quotes, line breaks (§4.2) and control characters (§4.1)."""
    shown = (" " if sign == '"' or unicodedata.category(sign) in UNQUOTABLE else sign for sign in text)
    return f'"{"".join(shown)}"'
