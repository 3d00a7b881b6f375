"""Reading the headers of a rendition's file: its init segment's, and those of its fragments."""

from streamserver.domain.fragments import Fragment, FragmentIndex
from streamserver.domain.mp4 import Malformed, Track, box_at, read_tracks
from streamserver.ports import Lease

BOX_HEADER_BYTES = 16
FIRST_READ_BYTES = 16 * 1024
"""The header of most fragments fits in."""


def moov_of(lease: Lease, index: FragmentIndex) -> bytes:
    """Return the `moov` of the init segment, the whole box."""
    return lease.read(*index.init[1])


def moof_of(lease: Lease, fragment: Fragment) -> bytes:
    """Return the `moof` of a fragment, the whole box."""
    head = lease.read(fragment.position, min(fragment.count, FIRST_READ_BYTES))
    box = box_at(head[:BOX_HEADER_BYTES], fragment.position)
    if box.kind != "moof" or box.end > fragment.position + fragment.count:
        raise Malformed(f"{box.kind} where a fragment was expected")
    count = box.end - box.position
    return head[:count] if count <= len(head) else lease.read(box.position, count)


def track_of(moov: bytes, handler: str) -> Track | None:
    """Return the first track of a kind (`vide`, `soun`); None where there is none."""
    return next((track for track in read_tracks(moov) if track.handler == handler), None)
