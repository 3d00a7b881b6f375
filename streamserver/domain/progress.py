"""How far a job is, as one honest percentage."""

from dataclasses import dataclass

from streamserver.domain.jobs import Stage

PROBE_PERCENT = 1.0
"""A probe is over in a moment."""
REMUX_PERCENT = 4.0
"""Copying costs little beside a ladder."""
PUBLISH_PERCENT = 99.0
"""What is left when every frame is encoded is to make it durable and known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderReport:
    """What an encoder tells of its run."""

    encoded_seconds: float
    """How much of the source's time is done in all outputs."""
    speed: float | None
    """Seconds of video encoded in a second; None until known."""
    frames_per_second: float | None
    """Frames encoded in a second; None until known."""


def percent_done(stage: Stage, fraction: float, *, has_remux: bool) -> float:
    """Weigh the stages by what they cost; `fraction` is how much of the stage is done, 0 to 1."""
    remux_end = REMUX_PERCENT if has_remux else PROBE_PERCENT
    spans = {
        Stage.UPLOAD: (0.0, 0.0),
        Stage.PROBE: (0.0, PROBE_PERCENT),
        Stage.REMUX: (PROBE_PERCENT, remux_end),
        Stage.ENCODE: (remux_end, PUBLISH_PERCENT),
        Stage.PUBLISH: (PUBLISH_PERCENT, PUBLISH_PERCENT),
    }
    begin, end = spans[stage]
    return begin + (end - begin) * min(1.0, max(0.0, fraction))


def seconds_left(duration_seconds: float, report: EncoderReport) -> float | None:
    """Estimate what a run still takes; None until its speed is known."""
    if not report.speed:
        return None
    return max(0.0, duration_seconds - report.encoded_seconds) / report.speed
