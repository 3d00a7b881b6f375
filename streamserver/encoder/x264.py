"""What x264 is asked for, rendition by rendition."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamserver.domain.ladder import (
    AUDIO_BIT_RATE_BPS,
    FIRST_FRAGMENT_SECONDS,
    KEYFRAME_SECONDS,
    RenditionSpec,
)

KEYFRAMES = f"expr:gte(t,if(lt(n_forced,2),n_forced*{FIRST_FRAGMENT_SECONDS:g},(n_forced-1)*{KEYFRAME_SECONDS:g}))"
"""When the next keyframe is due, by how many there are."""
THREADS = min(32, max(1, 3 * (os.cpu_count() or 1) // 2))
"""As many as x264 would choose by itself; with more a picture of 1080 lines has too few of them for each."""
FIRST_LOOKAHEAD_FRAMES = 5
"""Of the rendition that is watched first: each further frame that x264 wants to see before it lets one go is
encoded in all sizes meanwhile. What that costs in quality is made good by a `crf` lower by one, at about the same
size."""
WITHOUT_LOOKAHEAD = {"ultrafast", "superfast"}
"""x264's presets that want to see none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class X264:
    """How hard x264 tries."""

    preset: str = "veryfast"
    """From `ultrafast` to `veryslow`."""
    crf: int = 23
    """Constant rate factor: lower is better and larger; the ladder's bit rates cap it."""
    threads: int = THREADS
    """For the largest rendition; the others have fewer, by their pixels."""


def x264_options(specs: Sequence[RenditionSpec], x264: X264, *, has_sound: bool) -> dict[str, Any]:
    """Return the options of ffmpeg for the pictures of a ladder, best first."""
    options: dict[str, Any] = {
        "c:v": "libx264",
        "preset:v": x264.preset,
        "profile:v": "high",
        "crf:v": x264.crf,
        # Keyframes at the same times in all renditions and nowhere else: there players switch and fragments end.
        "force_key_frames": KEYFRAMES,
        "sc_threshold:v": 0,
        "g:v": round(specs[0].frame_rate * KEYFRAME_SECONDS * 2),
    }
    for number, spec in enumerate(specs):
        # The ladder's bit rate is a ceiling over any two seconds, not a target.
        video_bps = spec.bit_rate_bps - (AUDIO_BIT_RATE_BPS if has_sound else 0)
        options[f"maxrate:v:{number}"] = video_bps
        options[f"bufsize:v:{number}"] = 2 * video_bps
        # Threads that have little to do cost more than they bring.
        share = spec.width * spec.height / (specs[0].width * specs[0].height)
        options[f"threads:v:{number}"] = math.ceil(x264.threads * share)
    if len(specs) > 1 and x264.preset not in WITHOUT_LOOKAHEAD:
        smallest = len(specs) - 1
        options[f"rc-lookahead:v:{smallest}"] = FIRST_LOOKAHEAD_FRAMES
        options[f"crf:v:{smallest}"] = max(1, x264.crf - 1)
    return options
