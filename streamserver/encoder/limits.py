"""What a source may ask of this machine."""

import asyncio
from dataclasses import dataclass

from streamserver.domain.sources import SourceInfo
from streamserver.errors import SourceFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds; each has a sentence for who oversteps it."""

    max_duration_seconds: float = 12 * 3600.0
    """How long a video may play."""
    max_side: int = 8192
    """Pixels in a row or a column."""
    max_pixels: int = 7680 * 4320
    """Pixels in a frame."""
    max_frame_rate: float = 240.0
    """Frames in a second."""
    max_streams: int = 64
    """Tracks of all kinds."""
    probe_seconds: float = 30.0
    """How long looking into the file may take."""

    def probe_timeout(self) -> asyncio.Timeout:
        """Bound a probe in time."""
        return asyncio.timeout(self.probe_seconds)

    def enforce(self, source: SourceInfo) -> None:
        """Raise `SourceFault` where a source oversteps a bound."""
        video = source.video
        width, height = video.coded_width, video.coded_height
        if min(width, height, video.width, video.height) < 2:
            raise SourceFault("The video has no picture: its width or height is missing.")
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
