"""A video as HLS: its playlists, out of where the segments of its renditions lie by now."""

from streamserver.domain.fragments import plan_keyframes
from streamserver.domain.playlists import (
    Variant,
    bit_rates,
    iframe_playlist,
    media_playlist,
    multivariant_playlist,
)
from streamserver.domain.videos import AnyRendition, Rendition, RenditionStatus, Video
from streamserver.errors import NotFound
from streamserver.flows.indexes import Indexes, Plan


async def hls_master(video: Video, indexes: Indexes) -> str:
    """Write the playlist that lists what there is by now; `NotReady` before the first segment."""
    plans = await indexes.watchable(video)
    tracks = [track for track, _ in await indexes.ready(video.audio)]
    # Without the sound that all renditions have, there would be no way back to it.
    audio = [(track, f"{track.key}/index.m3u8") for track in tracks] if len(tracks) > 1 else []
    return multivariant_playlist(
        [_variant(rendition, plan, has_sound=not audio) for rendition, plan in plans],
        [(subtitle, f"subtitles/{subtitle.key}.m3u8") for subtitle in video.subtitles],
        audio,
        [iframes for rendition, plan in plans if (iframes := _iframe_variant(rendition, plan))],
    )


def rendition_playlist(rendition: AnyRendition, plan: Plan) -> str:
    """Write the playlist of all segments of a rendition, with or without its sound."""
    is_complete = rendition.status is RenditionStatus.COMPLETE
    return media_playlist(plan.segments, target_seconds=rendition.target_seconds, is_complete=is_complete)


def keyframe_playlist(rendition: AnyRendition, plan: Plan) -> str:
    """Write the playlist of a rendition's keyframes; `NotFound` where it is not known where they end."""
    keyframes = plan_keyframes(plan.index)
    if not keyframes:
        raise NotFound
    is_complete = rendition.status is RenditionStatus.COMPLETE
    return iframe_playlist(keyframes, target_seconds=rendition.target_seconds, is_complete=is_complete)


def _variant(rendition: Rendition, plan: Plan, *, has_sound: bool) -> Variant:
    """Describe a rendition with its sound in it, or for a player that has the sound from elsewhere."""
    peak_bps, average_bps = bit_rates(plan.segments, target_seconds=rendition.target_seconds)
    return Variant(
        url=f"{rendition.key}/index.m3u8" if has_sound else f"{rendition.key}/picture/index.m3u8",
        peak_bps=peak_bps,  # with sound, wherever that comes from (RFC 8216 §4.3.4.2)
        average_bps=average_bps,
        codecs=plan.codecs,
        width=rendition.width,
        height=rendition.height,
        frame_rate=rendition.frame_rate,
    )


def _iframe_variant(rendition: Rendition, plan: Plan) -> Variant | None:
    """Describe the keyframes of a rendition; None where it is not known where they end."""
    keyframes = plan_keyframes(plan.index)
    if not keyframes:
        return None
    rates = [keyframe.count * 8 / keyframe.duration_seconds for keyframe in keyframes if keyframe.duration_seconds]
    seconds = sum(keyframe.duration_seconds for keyframe in keyframes)
    return Variant(
        url=f"{rendition.key}/iframes.m3u8",
        peak_bps=round(max(rates, default=0)),
        average_bps=round(sum(keyframe.count for keyframe in keyframes) * 8 / seconds) if seconds else 0,
        codecs=plan.codecs.split(",")[0],
        width=rendition.width,
        height=rendition.height,
        frame_rate=rendition.frame_rate,
    )
