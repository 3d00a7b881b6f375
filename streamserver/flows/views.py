"""The picture of a rendition without its sound: headers made in memory, and regions of the same file."""

import asyncio
from collections.abc import Iterator

from streamserver.domain.demuxing import fragment_of_track, init_of_track
from streamserver.domain.fragments import Fragment, FragmentIndex, Segment
from streamserver.domain.mp4 import Track
from streamserver.domain.multipart import Body
from streamserver.domain.videos import Rendition
from streamserver.errors import NotFound
from streamserver.flows.headers import moof_of, moov_of, track_of
from streamserver.flows.indexes import Plan, rendition_key
from streamserver.ports import Blobs


async def picture_init(blobs: Blobs, rendition: Rendition, plan: Plan) -> Body:
    """Return the init segment of a rendition's picture."""
    return await asyncio.to_thread(_init, blobs, rendition, plan.index)


async def picture_segment(blobs: Blobs, rendition: Rendition, plan: Plan, segment: Segment) -> Body:
    """Return one media segment of a rendition's picture."""
    return await asyncio.to_thread(_segment, blobs, rendition, plan.index, segment)


def _init(blobs: Blobs, rendition: Rendition, index: FragmentIndex) -> Body:
    (ftyp_position, ftyp_count), _ = index.init
    with blobs.lease(rendition_key(rendition)) as lease:
        moov = moov_of(lease, index)
        ftyp = lease.read(ftyp_position, ftyp_count)
    return (ftyp + init_of_track(moov, _picture(moov).id),)


def _segment(blobs: Blobs, rendition: Rendition, index: FragmentIndex, segment: Segment) -> Body:
    with blobs.lease(rendition_key(rendition)) as lease:
        picture = _picture(moov_of(lease, index))
        return tuple(
            piece
            for fragment in _fragments(index, segment)
            for piece in fragment_of_track(
                moof_of(lease, fragment), fragment.position, picture.id, picture.default_size
            )
        )


def _fragments(index: FragmentIndex, segment: Segment) -> Iterator[Fragment]:
    for fragment in index.fragments:
        if segment.position <= fragment.position < segment.position + segment.count:
            yield fragment


def _picture(moov: bytes) -> Track:
    picture = track_of(moov, "vide")
    if picture is None:
        raise NotFound("This rendition has no picture.")
    return picture
