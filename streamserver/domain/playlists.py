"""HLS playlists, written from the fragment index (RFC 8216, protocol version 7 for fMP4)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from streamserver.domain.fragments import Keyframe, Segment
from streamserver.domain.ladder import AUDIO_CHANNELS
from streamserver.domain.languages import UNDETERMINED
from streamserver.domain.videos import AudioRendition, Subtitle

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


def multivariant_playlist(
    variants: Sequence[Variant],
    subtitles: Sequence[tuple[Subtitle, str]] = (),
    audio: Sequence[tuple[AudioRendition, str]] = (),
    iframes: Sequence[Variant] = (),
) -> str:
    """Write the playlist that lists the renditions (§4.3.4); the first variant is what a player begins with.

    `subtitles` and `audio` are tracks with the URL of their media playlist, `iframes` the variants of which a
    player can have keyframes alone. Where there is `audio`, the variants are to be without sound.
    """
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for (track, url), name in zip(audio, _names([track.label for track, _ in audio]), strict=True):
        chosen = "YES" if track.number == 0 else "NO"
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME={name}{_language(track.language)},'
            f'DEFAULT={chosen},AUTOSELECT=YES,CHANNELS="{AUDIO_CHANNELS}",URI="{url}"'
        )
    for (subtitle, url), name in zip(subtitles, _names([it.label for it, _ in subtitles]), strict=True):
        lines.append(
            f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME={name}{_language(subtitle.language)},'
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
        if audio:
            attributes.append('AUDIO="sound"')
        if subtitles:
            attributes.append('SUBTITLES="text"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", variant.url]
    lines += [
        f"#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={max(it.peak_bps, 1)},AVERAGE-BANDWIDTH={max(it.average_bps, 1)},"
        f'CODECS="{it.codecs}",RESOLUTION={it.width}x{it.height},URI="{it.url}"'
        for it in iframes
    ]
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


def iframe_playlist(keyframes: Sequence[Keyframe], *, target_seconds: int, is_complete: bool) -> str:
    """Write the playlist of the keyframes of one rendition (§4.3.3.6): byte ranges of its segments.

    URLs are relative to the playlist's own, which is beside that of the rendition.
    """
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_seconds}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if is_complete else 'EVENT'}",
        "#EXT-X-I-FRAMES-ONLY",
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    for keyframe in keyframes:
        lines += [
            f"#EXTINF:{keyframe.duration_seconds:.6f},",
            f"#EXT-X-BYTERANGE:{keyframe.count}@{keyframe.offset}",
            f"{keyframe.segment}.m4s",
        ]
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


def _names(labels: Sequence[str]) -> list[str]:
    """Write what renditions of a group are called; names must differ within it (§4.3.4.1.1)."""
    names: list[str] = []
    for number, label in enumerate(labels, 1):
        name = _quoted(label)
        names.append(_quoted(f"{label} ({number})") if name in names else name)
    return names


def _language(tag: str) -> str:
    """Write the attribute of a language; left out where nobody tells it."""
    return "" if tag == UNDETERMINED else f",LANGUAGE={_quoted(tag)}"


def _quoted(text: str) -> str:
    """Write a quoted-string: without quotes, line breaks (§4.2) and control characters (§4.1)."""
    shown = (" " if sign == '"' or unicodedata.category(sign) in UNQUOTABLE else sign for sign in text)
    return f'"{"".join(shown)}"'
