"""npm's hls-parser, a strict reader of playlists."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.facts import missing

STATIC = Path(__file__).parents[2] / "static"
PROGRAM = Path(__file__).with_suffix(".mjs")


def refused_by_hls_parser(texts: Sequence[str]) -> list[str]:
    """Return what it says of each playlist that it does not accept."""
    node = shutil.which("node")
    if node is None or not (STATIC / "node_modules/hls-parser").is_dir():
        missing("there is no Node with hls-parser: cd static && npm ci")
    done = subprocess.run(
        [node, str(PROGRAM), str(STATIC / "package.json")],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found
