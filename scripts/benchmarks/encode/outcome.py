"""What an encode costs, whoever carries it out."""

from dataclasses import dataclass, fields

PRESET = "veryfast"
"""Of x264, for all."""
CRF = 23
"""Likewise."""
LOOK_SECONDS = 0.02
"""How often is looked for what is awaited."""
PATIENCE_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one encode came to."""

    wall_seconds: float
    """From its start until all is there."""
    cpu_seconds: float
    """In user and system mode, of all processes together."""
    first_segment_seconds: float
    """From its start until a player could fetch a first segment."""
    output_bytes: float
    """Of all renditions."""


FIGURES = tuple(field.name for field in fields(Run))
