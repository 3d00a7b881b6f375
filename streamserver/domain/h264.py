"""H.264 in an MP4, as far as a copy of it has to be judged (ISO/IEC 14496-15 §5.3, Rec. ITU-T H.264 §7.4).

Pictures are made of NAL units, each behind its length. A sequence parameter set tells how large they are; those of
all pictures stand in the header, and some sources have them before keyframes as well.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streamserver.domain.mp4 import Malformed

SEQUENCE_PARAMETERS = 7
SLICES = range(1, 6)
"""What the picture itself is coded in; parameters come before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What an `avcC` box tells."""

    length_bytes: int
    """Of the length before each NAL unit."""
    parameters: frozenset[bytes]
    """The sequence parameter sets."""


def read_configuration(avcc: bytes) -> Configuration:
    """Read the body of an `avcC` box (§5.3.3.1); raise `Malformed` where it is too short."""
    if len(avcc) < 6:
        raise Malformed("an avcC that is too short")
    sets, at = [], 6
    for _ in range(avcc[5] & 0x1F):
        count = int.from_bytes(avcc[at : at + 2])
        sets.append(avcc[at + 2 : at + 2 + count].rstrip(b"\0"))
        at += 2 + count
    return Configuration(length_bytes=(avcc[4] & 0x03) + 1, parameters=frozenset(sets))


def changes_parameters(configuration: Configuration, keyframes: Iterable[bytes]) -> bool:
    """Tell whether there are sequence parameters before keyframes that the header does not have.

    Of each keyframe its beginning is enough.
    """
    return any(
        unit.rstrip(b"\0") not in configuration.parameters
        for keyframe in keyframes
        for unit in _units(keyframe, configuration.length_bytes)
        if unit[0] & 0x1F == SEQUENCE_PARAMETERS
    )


def _units(sample: bytes, length_bytes: int) -> Iterator[bytes]:
    """Return the NAL units before the first slice that are there whole."""
    at = 0
    while at + length_bytes < len(sample):
        count = int.from_bytes(sample[at : at + length_bytes])
        unit = sample[at + length_bytes : at + length_bytes + count]
        if not unit or len(unit) < count or unit[0] & 0x1F in SLICES:
            return
        yield unit
        at += length_bytes + count
