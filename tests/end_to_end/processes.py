"""What runs on this machine for one server, as the kernel knows it."""

import os
from pathlib import Path

LOOK_SECONDS = 0.02
"""How often something is looked at that tells nobody when it changes."""


def encoders_of(data: Path, video_id: str = "") -> dict[int, list[str]]:
    """Return the command lines, by process id, of all that works on media: all, or one video's."""
    found, media = {}, data / "media" / video_id
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            words = _command(folder)
            if any(str(media) in word for word in words):
                found[int(folder.name)] = words
    return found


def _command(folder: Path) -> list[str]:
    try:
        return (folder / "cmdline").read_text(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return []
