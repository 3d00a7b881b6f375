"""Who encodes what, and when."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from streamserver.domain.ladder import EncodePlan
from streamserver.domain.order import Turn
from streamserver.domain.progress import EncoderReport
from streamserver.domain.sources import AudioStream, SourceInfo, SubtitleStream
from streamserver.domain.storyboard import Storyboard


class Queue(Protocol):
    """Jobs that wait for an encoder, in the order of `domain.order`; a job is in it once."""

    async def offer(self, turn: Turn) -> None:
        """Put a job in line for its next task; one that is in line already keeps its place."""

    async def take(self) -> Turn:
        """Wait for the next turn and remove it from the line.

        It counts as begun until its job is offered again or `finish` is called.
        """

    async def take_beside(self, encoders: int) -> Turn:
        """Wait likewise for a turn that is quick enough to be carried out beside so many encoders."""

    async def finish(self, job_id: str) -> None:
        """Know that a turn which was taken is over, and that no other of its job follows."""

    async def withdraw(self, job_id: str) -> bool:
        """Take a job out of the line; False if it was not waiting."""

    def waiting(self) -> Sequence[Turn]:
        """Return the line as it is, next first."""

    def begun(self) -> Sequence[Turn]:
        """Return what was taken and is not over."""


class Encoder(Protocol):
    """What turns a source into renditions."""

    async def check(self) -> str:
        """Return what the encoder is, in a line; raise `Unavailable` with a sentence where it cannot work."""

    async def probe(self, source: Path, *, measures: bool = True) -> SourceInfo:
        """Look into a file; raise `SourceFault` with a sentence where it is not a video within the limits.

        It reads all of a file whose length shows in no other way, unless it need not measure that: then what is
        told may be an estimate (`SourceInfo.is_estimate`).
        """

    async def poster(self, source: Path, info: SourceInfo, target: Path) -> None:
        """Write a JPEG that stands for the video; raise `EncodingFailed` where none can be had."""

    async def picture(self, source: Path, kind: str, target: Path) -> None:
        """Write a picture, whose kind `picture_kind` told, as a JPEG; raise `EncodingFailed` where it is none."""

    async def storyboard(self, source: Path, board: Storyboard, targets: Sequence[Path]) -> None:
        """Write the sheets of a storyboard as JPEGs; raise `EncodingFailed` where a picture cannot be had."""

    async def sound(self, source: Path, tracks: Sequence[AudioStream], targets: Sequence[Path]) -> None:
        """Write sound tracks of the source as growing MP4s with AAC; raise `EncodingFailed` where that fails."""

    async def texts(self, source: Path, tracks: Sequence[SubtitleStream], targets: Sequence[Path]) -> None:
        """Write text tracks of the source as WebVTT; raise `EncodingFailed` where one of them cannot be read."""

    async def encode(self, plan: EncodePlan, report: Callable[[EncoderReport], None]) -> None:
        """Carry out a plan; its outputs grow as it goes. Cancelling stops the encoder before it returns.

        Raises `SourceFault`, `EncoderFault`, `EncoderStalled` or a `MachineFault`.
        """
