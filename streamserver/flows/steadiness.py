"""Whether a copy can be played by what its header says of it.

An MP4 says once how many channels its AAC has; a transport stream says it in every frame, which a copy leaves out.
Once, too, it says how large its pictures are; elsewhere that may stand before any keyframe.
"""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event

from streamserver.domain import edits
from streamserver.domain.aac import changes_channels
from streamserver.domain.demuxing import sample_runs
from streamserver.domain.fragments import FragmentIndex, ending_with
from streamserver.domain.h264 import changes_parameters, read_configuration
from streamserver.domain.keyframes import listed, longest_fragment_seconds, walked
from streamserver.domain.ladder import REMUX_TARGET_SECONDS, TARGET_ROUNDING_SECONDS
from streamserver.domain.mp4 import Malformed, h264_configuration
from streamserver.domain.samples import shown_ticks
from streamserver.domain.scanning import Reader
from streamserver.domain.videos import AnyRendition, Rendition
from streamserver.flows.headers import moof_of, moov_of, track_of
from streamserver.flows.indexes import rendition_key
from streamserver.ports import Blobs, Lease

log = logging.getLogger(__name__)

WALK_SECONDS = 20.0
"""So much of a processor's time is spent on finding keyframes: gigabytes take less than a second."""
PARAMETER_BYTES = 4096
"""Of a keyframe: parameters stand before the picture."""


def listed_fragment_seconds(blobs: Blobs, key: str, picture_seconds: float) -> float | None:
    """Return how long the longest fragment of a copy will be by the tables of a file; None where it has none.

    `picture_seconds` is how long its picture plays. Some files list fewer keyframes than they have; where those
    seem to be far apart, all of the file is walked through.
    """
    with blobs.lease(key) as lease:
        read = _bounded(lease.read, Event())
        try:
            seconds = longest_fragment_seconds(listed(read, picture_seconds))
        except Malformed:
            return None
        if seconds <= REMUX_TARGET_SECONDS:
            return seconds
        with suppress(Malformed):
            return longest_fragment_seconds(walked(read))
        return seconds


def walked_fragment_seconds(blobs: Blobs, key: str, is_over: Event) -> float:
    """Return the same by all of a file, unless it is over before; infinite where that cannot be found."""
    with blobs.lease(key) as lease:
        try:
            return longest_fragment_seconds(walked(_bounded(lease.read, is_over)))
        except (Malformed, OSError) as fault:
            log.info("it cannot be told how far apart the keyframes of %s are: %s", key, fault)
            return math.inf


def _bounded(read: Reader, is_over: Event) -> Reader:
    """Return what reads the same, but raises `Malformed` once it is over, or took too much work."""
    began = time.thread_time()

    def read_on(position: int, count: int) -> bytes:
        if is_over.is_set():
            raise Malformed("nobody asks any more")
        if time.thread_time() - began > WALK_SECONDS:
            raise Malformed("it takes too much work")
        return read(position, count)

    return read_on


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
        most_ticks = round((rendition.target_seconds + TARGET_ROUNDING_SECONDS) * index.timescale)
        return ending_with(index, (first[0], last[1]), most_ticks) if first and last else index


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
