"""How far a job is, as one honest percentage, and how long it will take."""

from collections.abc import Iterable
from dataclasses import dataclass

from streamserver.domain.ladder import RenditionSpec
from streamserver.domain.sources import SourceInfo

PROBE_PERCENT = 1.0
"""A probe is over in a moment."""
REMUX_PERCENT = 4.0
"""Copying costs little beside a ladder."""
PUBLISH_PERCENT = 99.0
"""What is left when every frame is encoded is to make it durable and known."""
DECODE_SHARE = 0.2
"""What a decoded pixel costs beside an encoded one."""
RENDITION_PIXELS = 20_000
"""What an encoder does for each rendition and frame, whatever its size, as so many pixels."""
NEWS_SHARE = 0.1
"""An ETA that changed by less than this is no news to those who wait."""
NEWS_SECONDS = (2.0, 20.0)
"""That is at least so long, and at most: of an hour, too, people want to see that it gets less."""
MOST_SAMPLES = 64
"""More tell nothing more about a pace."""
LEAST_SECONDS = 1.0
"""A run that is younger has no pace yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderReport:
    """What an encoder tells of its run."""

    encoded_seconds: float
    """How much of the source's time is done in all outputs."""
    speed: float | None
    """Seconds of video encoded in a second; None until known."""
    frames_per_second: float | None
    """Frames encoded in a second; None until known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The part of a job's percentage that one run covers."""

    begin: float
    """Percent where it begins."""
    end: float
    """Percent where it ends."""

    def at(self, fraction: float) -> float:
        """Return the percentage once so much of the run is done, 0 to 1."""
        return self.begin + (self.end - self.begin) * min(1.0, max(0.0, fraction))


REMUX_SPAN = Span(begin=PROBE_PERCENT, end=REMUX_PERCENT)
"""Of a copy."""


def encode_span(percent: float, *, work: float, later_work: float) -> Span:
    """Return the part of a run that encodes: it begins where the job is, and leaves room for the work after it."""
    begin = max(percent, PROBE_PERCENT)
    return Span(begin=begin, end=begin + (PUBLISH_PERCENT - begin) * work / (work + later_work))


def work_of(source: SourceInfo, specs: Iterable[RenditionSpec]) -> float:
    """Return how much work a run is that decodes a source once and encodes some renditions: in megapixels."""
    video, pixels = source.video, 0.0
    for spec in specs:
        pixels += (spec.width * spec.height + RENDITION_PIXELS) * spec.frame_rate
    if pixels:
        pixels += video.coded_width * video.coded_height * video.frame_rate * DECODE_SHARE
    return pixels * source.duration_seconds / 1e6


def is_news(told_seconds: float | None, eta_seconds: float | None) -> bool:
    """Tell whether those who wait, and were told one ETA, are to be told another."""
    if told_seconds is None or eta_seconds is None:
        return told_seconds is not eta_seconds
    least, most = NEWS_SECONDS
    return abs(eta_seconds - told_seconds) > max(least, min(most, NEWS_SHARE * told_seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a run goes, learned from what was done by when; the beginning, which is slower, is forgotten."""

    samples: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    """Moments, in seconds since the run began, and the share of it that was done by then, 0 to 1."""

    def noted(self, at_seconds: float, share: float) -> "Pace":
        """Return the pace once it is known that so much was done at a moment."""
        samples = (*self.samples, (at_seconds, share))
        if len(samples) > MOST_SAMPLES:
            samples = (*samples[:-1:2], samples[-1])
        return Pace(samples=samples)

    @property
    def share_per_second(self) -> float | None:
        """Which share is done in a second: the middle between the whole run's pace and that of its newer half."""
        at_seconds, share = self.samples[-1]
        if at_seconds < LEAST_SECONDS or share <= 0:
            return None
        since_seconds, since_share = max(it for it in self.samples if it[0] <= at_seconds / 2)
        recent = (share - since_share) / (at_seconds - since_seconds)
        return (share / at_seconds + recent) / 2

    @property
    def seconds_left(self) -> float | None:
        """How long the rest of the run takes at this pace; None until there is one."""
        rate = self.share_per_second
        return None if rate is None else max(0.0, 1 - self.samples[-1][1]) / rate
