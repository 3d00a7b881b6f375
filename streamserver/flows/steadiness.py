"""Whether a copy can be played by what its header says of it.

An MP4 says once how many channels its AAC has; a transport stream says it in every frame, which a copy leaves out.
Once, too, it says how large its pictures are; elsewhere that may stand before any keyframe.
"""

from collections.abc import Iterator

from streamserver.domain import edits, matroska
from streamserver.domain.aac import changes_channels
from streamserver.domain.demuxing import sample_runs
from streamserver.domain.fragments import FragmentIndex, ending_with
from streamserver.domain.h264 import changes_parameters, read_configuration
from streamserver.domain.keyframes import longest_gap_seconds
from streamserver.domain.mp4 import Malformed, box_at, h264_configuration, shown_ticks
from streamserver.domain.scanning import MAX_HEADER_BYTES
from streamserver.domain.videos import AnyRendition, Rendition
from streamserver.flows.headers import BOX_HEADER_BYTES, moof_of, moov_of, track_of
from streamserver.flows.indexes import rendition_key
from streamserver.ports import Blobs, Lease

MATROSKA = matroska.EBML.to_bytes(4)
"""How a file begins."""
MOST_BOXES = 64
"""Those of a file that a header is looked for among."""
PARAMETER_BYTES = 4096
"""Of a keyframe: parameters stand before the picture."""


def longest_keyframe_gap(blobs: Blobs, key: str) -> float:
    """Return for how many seconds a file goes on at most from one keyframe to the next.

    Raises `Malformed` where it does not tell: it is neither an MP4 nor Matroska, or has no table of keyframes.
    """
    with blobs.lease(key) as lease:
        if lease.read(0, len(MATROSKA)) == MATROSKA:
            return matroska.longest_gap_seconds(lease.read)
        position = 0
        for _ in range(MOST_BOXES):
            box = box_at(lease.read(position, BOX_HEADER_BYTES), position)
            if box.kind == "moov":
                return longest_gap_seconds(lease.read(position, min(box.end - position, MAX_HEADER_BYTES)))
            position = box.end
    raise Malformed("no moov among the first boxes")


def has_steady_sound(blobs: Blobs, rendition: Rendition, index: FragmentIndex) -> bool:
    """Tell whether all of a rendition's sound has the channels that it begins with; reads all of it.

    Raises `Malformed` where its frames cannot be found.
    """
    with blobs.lease(rendition_key(rendition)) as lease:
        return not changes_channels(_frames(lease, index))


def has_steady_picture(blobs: Blobs, rendition: Rendition, index: FragmentIndex) -> bool:
    """Tell whether all of a rendition's pictures are coded as its header says; reads where each fragment begins.

    Raises `Malformed` where they cannot be found.
    """
    with blobs.lease(rendition_key(rendition)) as lease:
        moov = moov_of(lease, index)
        return not changes_parameters(read_configuration(h264_configuration(moov)), _keyframes(lease, index, moov))


def with_its_end(blobs: Blobs, rendition: AnyRendition, index: FragmentIndex) -> FragmentIndex:
    """Return the index of a file that grows no more, which ends when its last picture does.

    Raises `Malformed` where that cannot be found.
    """
    with blobs.lease(rendition_key(rendition)) as lease:
        picture = track_of(moov_of(lease, index), "vide")
        if picture is None:
            return index
        first = shown_ticks(moof_of(lease, index.fragments[0]), picture)
        last = shown_ticks(moof_of(lease, index.fragments[-1]), picture)
        return ending_with(index, (first[0], last[1])) if first and last else index


def begins_as_told(blobs: Blobs, rendition: Rendition, index: FragmentIndex) -> bool:
    """Tell whether all of a rendition's tracks begin in every player when its header says.

    Raises `Malformed` where that cannot be found.
    """
    with blobs.lease(rendition_key(rendition)) as lease:
        return edits.begins_as_told(moov_of(lease, index), moof_of(lease, index.fragments[0]))


def _frames(lease: Lease, index: FragmentIndex) -> Iterator[bytes]:
    """Read the first byte of each frame of sound."""
    sound = track_of(moov_of(lease, index), "soun")
    if sound is None:
        return
    for fragment in index.fragments:
        for run in sample_runs(moof_of(lease, fragment), sound.id, sound.default_size):
            content = lease.read(fragment.position + run.offset, run.count)
            at = 0
            for size in run.sizes:
                yield content[at : at + 1] if size else b""
                at += size


def _keyframes(lease: Lease, index: FragmentIndex, moov: bytes) -> Iterator[bytes]:
    """Read the beginning of the first picture of each fragment, a keyframe."""
    picture = track_of(moov, "vide")
    if picture is None:
        return
    for fragment in index.fragments:
        for run in sample_runs(moof_of(lease, fragment), picture.id, picture.default_size)[:1]:
            yield lease.read(fragment.position + run.offset, min(run.first, PARAMETER_BYTES))
