"""What a probe found in a file."""

from dataclasses import dataclass, replace

from streamserver.domain.chapters import Chapter

OUTLASTING_SECONDS = 1.0
"""Sound that ends later than the picture by no more than this may be cut off by a player, and nobody misses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStream:
    """The picture of a source."""

    index: int
    """Of the stream in its container."""
    codec: str
    """As ffmpeg names it, such as `h264`."""
    pixel_format: str
    """As ffmpeg names it, such as `yuv420p`."""
    coded_width: int
    """Pixels stored in a row."""
    coded_height: int
    """Rows stored."""
    width: int
    """As displayed: after pixel aspect and rotation."""
    height: int
    """As displayed: after pixel aspect and rotation."""
    frame_rate: float
    """Frames in a second at which a constant-rate copy loses none."""
    start_seconds: float = 0.0
    """When its first picture is shown, from the beginning of the file on: of what is in it, sound may be first."""
    rotation_degrees: int = 0
    """Clockwise turn that the container asks for: 0, 90, 180 or 270."""
    is_mirrored: bool = False
    """Whether the container asks to show it as in a mirror."""
    has_square_pixels: bool = True
    """Whether a pixel is as wide as high."""
    is_reordered: bool = False
    """Whether frames are stored in another order than they are shown in (B-frames)."""
    is_interlaced: bool = False
    """Whether a frame holds two fields of different times."""
    bit_rate_bps: int | None = None
    """None where the container does not tell."""
    transfer: str = ""
    """How brightness is written, as ffmpeg names it, such as `bt709` or `smpte2084`; empty where untold."""

    matrix: str = ""
    """How colours are written as differences, as ffmpeg names it, such as `bt709`; empty where untold."""

    @property
    def is_rgb(self) -> bool:
        """Whether colours are no differences at all, as in recordings of a screen."""
        return self.pixel_format.lstrip("ax0").startswith(("rgb", "bgr", "gbr", "pal"))

    @property
    def is_hdr(self) -> bool:
        """Whether it is brighter than an ordinary screen: PQ or HLG (Rec. ITU-R BT.2100)."""
        return self.transfer in {"smpte2084", "arib-std-b67"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStream:
    """One sound track of a source."""

    index: int
    """Of the stream in its container."""
    codec: str
    """As ffmpeg names it, such as `aac`."""
    channels: int
    """2 is stereo."""
    sample_rate_hz: int
    """Samples in a second."""
    start_seconds: float = 0.0
    """When it is first heard, from the beginning of the file on."""
    profile: str = ""
    """As ffmpeg names it, such as `LC`."""
    title: str = ""
    """What the container calls it."""
    language: str = "und"
    """BCP 47; `und` where the container does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleStream:
    """One text track of a source."""

    index: int
    """Of the stream in its container."""
    codec: str
    """As ffmpeg names it, such as `subrip`."""
    language: str = "und"
    """BCP 47; `und` where the container does not tell."""
    title: str = ""
    """What the container calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What a probe found in a file."""

    format_name: str
    """As ffmpeg names it, such as `mov,mp4,m4a,3gp,3g2,mj2`."""
    duration_seconds: float
    """How long it plays."""
    bit_rate_bps: int
    """Of everything in it together."""
    video: VideoStream
    """The stream that is encoded."""
    audio: tuple[AudioStream, ...] = ()
    """All sound tracks, first the one that is heard unless somebody chooses."""
    still_seconds: float = 0.0
    """How much of its time there is only the first sound track: its picture ended by then; 0 for a moment."""
    silent_seconds: float = 0.0
    """How much of its time its first sound track has ended, and the picture goes on; 0 for a moment."""
    is_estimate: bool = False
    """Whether its length is what a container says whose times may jump, and nobody measured it."""
    subtitles: tuple[SubtitleStream, ...] = ()
    """Text tracks that can become WebVTT."""
    chapters: tuple[Chapter, ...] = ()
    """In the order of time."""

    def measured(self, duration_seconds: float) -> "SourceInfo":
        """Return the same of which it is known how long it plays."""
        whole_bits = self.bit_rate_bps * self.duration_seconds
        rate_bps = round(whole_bits / duration_seconds)
        return replace(self, duration_seconds=duration_seconds, bit_rate_bps=rate_bps, is_estimate=False)

    @property
    def may_change_sound(self) -> bool:
        """Whether its container tells of each frame of sound anew how many channels it has (ISO/IEC 13818-7)."""
        return self.format_name == "mpegts" and bool(self.audio)
