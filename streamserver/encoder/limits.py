"""What a source may ask of this machine."""

import asyncio
from dataclasses import dataclass, replace

from streamserver.domain.ladder import EncodePlan
from streamserver.domain.sources import SourceInfo
from streamserver.errors import SourceFault

MAX_PIXELS = 7680 * 4320
"""In a frame."""
GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a process may use before the kernel refuses it more, or stops it."""

    memory_bytes: int
    """Private memory that can be written, used or only reserved."""
    cpu_seconds: int
    """On all processors together."""
    file_bytes: int
    """Length of any file that it writes."""
    open_files: int = 256
    """At a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds; each has a sentence for who oversteps it."""

    max_duration_seconds: float = 12 * 3600.0
    """How long a video may play."""
    max_side: int = 8192
    """Pixels in a row or a column."""
    max_pixels: int = MAX_PIXELS
    """Pixels in a frame."""
    max_frame_rate: float = 240.0
    """Frames in a second."""
    max_streams: int = 64
    """Tracks of all kinds."""
    probe_seconds: float = 30.0
    """How long looking into the file may take."""
    memory_bytes: int = 8 * GIBIBYTE
    """Of one process."""
    cpu_seconds: int = 600
    """Of one process, on all processors together."""
    cpu_seconds_per_second: float = 100.0
    """What an encode gets besides, for each second that its source plays."""
    sound_cpu_seconds_per_second: float = 0.1
    """What a sound track gets for each second of the longest video."""
    overrun_factor: float = 10.0
    """How many times its length a source may turn out to play: joined recordings claim the length of the first."""
    overrun_seconds: float = 600.0
    """What it may play besides."""
    file_bytes: int = 4 * GIBIBYTE
    """Of any file that is written; an encode gets more as its source plays longer."""

    def for_a_look(self) -> Budget:
        """Bound what reads a file and writes little: a probe, a poster, a text track."""
        return Budget(memory_bytes=self.memory_bytes, cpu_seconds=self.cpu_seconds, file_bytes=self.file_bytes)

    def for_sounds(self, tracks: int) -> Budget:
        """Bound what encodes a number of sound tracks."""
        longest_seconds = tracks * self.max_duration_seconds
        cpu_seconds = self.cpu_seconds + round(longest_seconds * self.sound_cpu_seconds_per_second)
        return replace(self.for_a_look(), cpu_seconds=cpu_seconds)

    def for_an_encode(self, plan: EncodePlan) -> Budget:
        """Bound an encode; generously, for it is the watch over its progress that should end one that stalls."""
        seconds = plan.source.duration_seconds
        rate_bps = max([plan.source.bit_rate_bps, *(output.spec.bit_rate_bps for output in plan.outputs)])
        return Budget(
            memory_bytes=self.memory_bytes,
            cpu_seconds=self.cpu_seconds + round(seconds * self.cpu_seconds_per_second),
            file_bytes=self.file_bytes + round(seconds * rate_bps / 8 * 2),
        )

    def judge_progress(self, source: SourceInfo, *, shown_seconds: float, encoded_seconds: float) -> None:
        """Raise `SourceFault` where an encode comes far beyond its source's end.

        A frame whose time is a day away makes a day of pictures (`shown_seconds`), or of silence.
        """
        longest_seconds = self.max_duration_seconds + self.overrun_seconds
        claimed_seconds = self.overrun_factor * source.duration_seconds + self.overrun_seconds
        if source.is_estimate:
            claimed_seconds = longest_seconds
        if shown_seconds > claimed_seconds or max(shown_seconds, encoded_seconds) > longest_seconds:
            raise SourceFault("The video plays on far beyond the end that it claims.")

    def probe_timeout(self) -> asyncio.Timeout:
        """Bound a probe in time."""
        return asyncio.timeout(self.probe_seconds)

    def enforce(self, source: SourceInfo) -> None:
        """Raise `SourceFault` where a source oversteps a bound."""
        video = source.video
        width, height = video.coded_width, video.coded_height
        if not min(width, height):
            raise SourceFault("The video has no picture: its width or height is missing.")
        if min(width, height, video.width, video.height) < 2:
            raise SourceFault(f"The picture has {width} × {height} pixels; at least 2 × 2 are needed.")
        if max(width, height, video.width, video.height) > self.max_side or width * height > self.max_pixels:
            raise SourceFault(
                f"The video claims {width} × {height} pixels; at most {self.max_side} in a row or column and "
                f"{self.max_pixels:,} in a frame are accepted."
            )
        if source.duration_seconds <= 0:
            raise SourceFault("The video is empty: it does not play for any time.")
        if source.duration_seconds > self.max_duration_seconds:
            raise SourceFault(f"The video plays longer than {self.max_duration_seconds / 3600:g} hours.")
        if video.frame_rate > self.max_frame_rate:
            raise SourceFault(
                f"The video claims {video.frame_rate:g} frames a second; "
                f"at most {self.max_frame_rate:g} are accepted."
            )
