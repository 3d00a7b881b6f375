"""Whether a copy can be played by what its header says of it.

An MP4 says once how many channels its AAC has; a transport stream says it in every frame, which a copy leaves out.
"""

from collections.abc import Iterator

from streamserver.domain import edits
from streamserver.domain.aac import changes_channels
from streamserver.domain.demuxing import sample_runs
from streamserver.domain.fragments import FragmentIndex
from streamserver.domain.videos import Rendition
from streamserver.flows.headers import moof_of, moov_of, track_of
from streamserver.flows.indexes import rendition_key
from streamserver.ports import Blobs, Lease


def has_steady_sound(blobs: Blobs, rendition: Rendition, index: FragmentIndex) -> bool:
    """Tell whether all of a rendition's sound has the channels that it begins with; reads all of it.

    Raises `Malformed` where its frames cannot be found.
    """
    with blobs.lease(rendition_key(rendition)) as lease:
        return not changes_channels(_frames(lease, index))


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
