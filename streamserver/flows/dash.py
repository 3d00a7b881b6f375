"""A video as DASH: the segments of HLS, described by a manifest."""

from dataclasses import replace
from itertools import accumulate

from streamserver.domain.mpd import Growth, Picture, Sound, Text, manifest
from streamserver.domain.playlists import bit_rates
from streamserver.domain.videos import AudioRendition, Rendition, RenditionStatus, Video
from streamserver.errors import NotReady
from streamserver.flows.indexes import Indexes, Plan


async def dash_manifest(video: Video, indexes: Indexes) -> str:
    """Write what there is by now: dynamic for as long as any of it grows; `NotReady` before the first segment.

    A player that asks again must not find the sound moved out of the picture's segments. So while there are
    several sound tracks, and not all of them have a segment, it gets what is complete alone, and asks no more.
    """
    watchable = await indexes.watchable(video)
    sounds = await indexes.ready(video.audio)
    if len(sounds) < len(video.audio):
        watchable = [(rendition, plan) for rendition, plan in watchable if not _grows(rendition)]
        sounds = []
        if not watchable:
            raise NotReady
    growth = None
    if any(_grows(rendition) for rendition, _ in watchable) or any(_grows(track) for track, _ in sounds):
        growth = Growth(created_at=video.created_at, duration_seconds=video.duration_seconds or 0)
        sounds = _beside(watchable, sounds)
    return manifest(
        [_picture(rendition, plan, has_sound=not sounds) for rendition, plan in watchable],
        [_sound(track, plan) for track, plan in sounds],
        [
            Text(url=f"subtitles/{subtitle.key}.vtt", language=subtitle.language, label=subtitle.label)
            for subtitle in video.subtitles
        ],
        growth=growth,
    )


def _beside(
    pictures: list[tuple[Rendition, Plan]], sounds: list[tuple[AudioRendition, Plan]]
) -> list[tuple[AudioRendition, Plan]]:
    """Leave out sound that has no picture yet: players take the end of the longest for what can be watched."""
    reach = max(sum(segment.duration_seconds for segment in plan.segments) for _, plan in pictures)
    shortened = []
    for track, plan in sounds:
        starts = accumulate((segment.duration_seconds for segment in plan.segments), initial=0.0)
        begun = tuple(segment for segment, start in zip(plan.segments, starts, strict=False) if start < reach)
        shortened.append((track, replace(plan, segments=begun)))
    return shortened


def _grows(rendition: Rendition | AudioRendition) -> bool:
    return rendition.status is RenditionStatus.GROWING


def _picture(rendition: Rendition, plan: Plan, *, has_sound: bool) -> Picture:
    peak_bps, _ = bit_rates(plan.segments, target_seconds=rendition.target_seconds)
    return Picture(
        id=rendition.key,
        folder=f"hls/{rendition.key}" if has_sound else f"hls/{rendition.key}/picture",
        bandwidth_bps=peak_bps,  # without sound it is less, but never more
        codecs=plan.codecs if has_sound else plan.codecs.split(",")[0],
        width=rendition.width,
        height=rendition.height,
        frame_rate=rendition.frame_rate,
        target_seconds=rendition.target_seconds,
        timescale=plan.index.timescale,
        segments=plan.segments,
    )


def _sound(track: AudioRendition, plan: Plan) -> Sound:
    peak_bps, _ = bit_rates(plan.segments, target_seconds=track.target_seconds)
    return Sound(
        id=track.key,
        folder=f"hls/{track.key}",
        bandwidth_bps=peak_bps,
        codecs=plan.codecs,
        language=track.language,
        label=track.label,
        is_main=track.number == 0,
        target_seconds=track.target_seconds,
        timescale=plan.index.timescale,
        segments=plan.segments,
    )
