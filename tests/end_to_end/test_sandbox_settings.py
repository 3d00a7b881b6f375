"""What a server says, and does, about the sandbox of its encoders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamserver.encoder.sandbox import Kind
from tests.encoder.sandboxes import sandbox
from tests.services.server import running_server

WHOLE = "ffmpeg works in bubblewrap"
WEAK = "ffmpeg works without bubblewrap"
NONE = "ffmpeg works WITHOUT A SANDBOX"


def said_at_start(tmp_path: Path, **environment: str) -> str:
    """Start a server with its defaults, and return what it logs until it is ready."""
    with running_server(tmp_path / "data", environment=environment) as server:
        return server.log.read_text()


def test_the_best_there_is(tmp_path: Path) -> None:
    """A server uses bubblewrap where it can, and says so."""
    sandbox(Kind.BUBBLEWRAP)
    said = said_at_start(tmp_path)
    assert WHOLE in said
    assert not any("WARNING" in line for line in said.splitlines() if "ffmpeg works" in line)


def test_the_next_best(tmp_path: Path) -> None:
    """Without bubblewrap it starts all the same, and a warning says what is missing."""
    sandbox(Kind.LANDLOCK)
    (line,) = (line for line in said_at_start(tmp_path, PATH=str(tmp_path)).splitlines() if WEAK in line)
    assert "WARNING" in line
    assert "bubblewrap is not installed" in line


def test_none_at_all(tmp_path: Path) -> None:
    """A server that has none says it loudly."""
    said = said_at_start(tmp_path, STREAMSERVER_SANDBOX="off")
    (line,) = (line for line in said.splitlines() if NONE in line)
    assert "WARNING" in line


@pytest.mark.parametrize("command", ["serve", "check"])
def test_one_that_is_required(command: str, tmp_path: Path) -> None:
    """What a sandbox is required of does not start without it, and names it."""
    ended = subprocess.run(
        [sys.executable, "-m", "streamserver", command, "--data-dir", str(tmp_path / "data")],
        env={**os.environ, "STREAMSERVER_SANDBOX": "required", "STREAMSERVER_PORT": "0", "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in {1, 2}
    assert "A sandbox is required, and there is none: bubblewrap is not installed." in ended.stdout + ended.stderr
