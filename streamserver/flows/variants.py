"""What a multivariant playlist says of each rendition, out of where its segments lie."""

from streamserver.domain.fragments import plan_keyframes
from streamserver.domain.playlists import Variant, bit_rates
from streamserver.domain.videos import Rendition
from streamserver.flows.indexes import Plan


def variant(rendition: Rendition, plan: Plan, *, has_sound: bool) -> Variant:
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


def iframe_variant(rendition: Rendition, plan: Plan) -> Variant | None:
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
