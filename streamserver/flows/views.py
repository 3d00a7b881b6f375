"""The picture of a rendition without its sound: headers made in memory, and regions of the same file."""

import asyncio
from collections.abc import Iterator

from streamserver.domain.demuxing import fragment_of_track, init_of_track
from streamserver.domain.fragments import Fragment, FragmentIndex, Segment
from streamserver.domain.mp4 import Malformed, Track, box_at, read_tracks
from streamserver.domain.multipart import Body
from streamserver.domain.videos import Rendition
from streamserver.errors import NotFound
from streamserver.flows.indexes import Plan, rendition_key
from streamserver.ports import Blobs, Lease

BOX_HEADER_BYTES = 16
FIRST_READ_BYTES = 16 * 1024
"""The header of most fragments fits in."""


async def picture_init(blobs: Blobs, rendition: Rendition, plan: Plan) -> Body:
    """Return the init segment of a rendition's picture."""
    return await asyncio.to_thread(_init, blobs, rendition, plan.index)


async def picture_segment(blobs: Blobs, rendition: Rendition, plan: Plan, segment: Segment) -> Body:
    """Return one media segment of a rendition's picture."""
    return await asyncio.to_thread(_segment, blobs, rendition, plan.index, segment)


def _init(blobs: Blobs, rendition: Rendition, index: FragmentIndex) -> Body:
    (ftyp_position, ftyp_count), _ = index.init
    with blobs.lease(rendition_key(rendition)) as lease:
        moov = _moov(lease, index)
        ftyp = lease.read(ftyp_position, ftyp_count)
    return (ftyp + init_of_track(moov, _picture(moov).id),)


def _segment(blobs: Blobs, rendition: Rendition, index: FragmentIndex, segment: Segment) -> Body:
    with blobs.lease(rendition_key(rendition)) as lease:
        picture = _picture(_moov(lease, index))
        return tuple(
            piece
            for fragment in _fragments(index, segment)
            for piece in fragment_of_track(
                _moof(lease, fragment), fragment.position, picture.id, picture.default_size
            )
        )


def _fragments(index: FragmentIndex, segment: Segment) -> Iterator[Fragment]:
    for fragment in index.fragments:
        if segment.position <= fragment.position < segment.position + segment.count:
            yield fragment


def _picture(moov: bytes) -> Track:
    for track in read_tracks(moov):
        if track.handler == "vide":
            return track
    raise NotFound("This rendition has no picture.")


def _moov(lease: Lease, index: FragmentIndex) -> bytes:
    return lease.read(*index.init[1])


def _moof(lease: Lease, fragment: Fragment) -> bytes:
    head = lease.read(fragment.position, min(fragment.count, FIRST_READ_BYTES))
    box = box_at(head[:BOX_HEADER_BYTES], fragment.position)
    if box.kind != "moof" or box.end > fragment.position + fragment.count:
        raise Malformed(f"{box.kind} where a fragment was expected")
    count = box.end - box.position
    return head[:count] if count <= len(head) else lease.read(box.position, count)
