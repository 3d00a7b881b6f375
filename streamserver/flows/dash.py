"""A video as DASH: the segments of HLS, described by a manifest."""

from streamserver.domain.mpd import Growth, Representation, Text, manifest
from streamserver.domain.playlists import bit_rates
from streamserver.domain.videos import Rendition, RenditionStatus, Video
from streamserver.flows.indexes import Indexes, Plan


async def dash_manifest(video: Video, indexes: Indexes) -> str:
    """Write what there is by now: dynamic for as long as any of it grows; `NotReady` before the first segment."""
    watchable = await indexes.watchable(video)
    growth = None
    if any(rendition.status is RenditionStatus.GROWING for rendition, _ in watchable):
        growth = Growth(created_at=video.created_at, duration_seconds=video.duration_seconds or 0)
    texts = [
        Text(url=f"subtitles/{subtitle.key}.vtt", language=subtitle.language, label=subtitle.label)
        for subtitle in video.subtitles
    ]
    return manifest([_representation(rendition, plan) for rendition, plan in watchable], texts, growth=growth)


def _representation(rendition: Rendition, plan: Plan) -> Representation:
    peak_bps, _ = bit_rates(plan.segments, target_seconds=rendition.target_seconds)
    return Representation(
        id=rendition.key,
        bandwidth_bps=peak_bps,
        codecs=plan.codecs,
        width=rendition.width,
        height=rendition.height,
        frame_rate=rendition.frame_rate,
        target_seconds=rendition.target_seconds,
        timescale=plan.index.timescale,
        segments=plan.segments,
    )
