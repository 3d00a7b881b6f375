"""The lists of what ffprobe and ffmpeg may open."""

import subprocess

from streamserver.encoder.whitelists import CODECS, FORMATS
from tests.clips.programs import PROGRAMS


def _known(kind: str) -> set[str]:
    """Return the names that ffmpeg has for the decoders, or demuxers, it was built with."""
    command = [PROGRAMS.ffmpeg, "-hide_banner", f"-{kind}"]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    fields = [line.split(maxsplit=2) for line in lines]
    return {name for words in fields if len(words) == 3 for name in words[1].split(",")}


def test_each_name_is_a_decoder() -> None:
    """A name that ffmpeg does not know lets nothing in: it is a slip of the pen."""
    assert set(CODECS) - _known("decoders") == set()
    assert len(CODECS) == len(set(CODECS))


def test_each_name_is_a_demuxer() -> None:
    """The same for containers."""
    assert set(FORMATS.split(",")) - _known("demuxers") == set()
