"""The benchmarks of viewers in their quick form: that they run, not what they measure."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks.deliveries.crowd import Delivery
from benchmarks.deliveries.figures import Way

from tests.bench import ROOT, SCRIPTS
from tests.facts import missing

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def bench(name: str, output: Path) -> dict[str, Any]:
    """Run a benchmark as `scripts/bench` does once all is set up; return its figures."""
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SCRIPTS), str(ROOT)]),
        "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), SBIN]),
    }
    command = [sys.executable, "-P", "-m", "benchmarks", name, "--quick", "--output", str(output)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "A quick run" in done.stdout
    assert {path.name for path in output.iterdir()} == {f"{name}.json", f"{name}.md", f"{name}.html"}
    figures: dict[str, Any] = json.loads((output / f"{name}.json").read_text())
    return figures


def test_deliveries_replays_every_way(tmp_path: Path) -> None:
    """The same sessions are lived through by each delivery, straight and through nginx where that is installed."""
    if shutil.which("nginx") is None:
        missing("nginx is not installed")
    results = bench("deliveries", tmp_path)["results"]
    cells = {(cell["delivery"], cell["way"]): cell for cell in results["cells"]}
    assert {delivery for delivery, _way in cells} == set(Delivery)
    assert cells.keys() >= {(delivery, way) for delivery in Delivery for way in (Way.STRAIGHT, Way.CACHE)}
    assert len({cell["sessions"] for cell in cells.values()}) == 1
    assert all(cell["received_bytes"] > cell["shown_bytes"] > 0 for cell in cells.values())
    assert all(cells[delivery, Way.CACHE]["origin"]["requests"] > 0 for delivery in Delivery)
    assert results["held"].keys() == results["courses"].keys() == set(Delivery)
    assert results["claims"]


@pytest.mark.browser
def test_browser_plays_every_delivery(tmp_path: Path) -> None:
    """A real Chromium shows a first frame and seeks, by each delivery."""
    if shutil.which("chromium") is None:
        missing("chromium is not installed")
    if not (ROOT / "static" / "node_modules" / "hls.js").is_dir():
        missing("the front end's packages are not installed")
    trials = bench("browser", tmp_path)["results"]["trials"]
    assert {trial["delivery"] for trial in trials} == set(Delivery)
    assert all(trial["first_frame_seconds"] > 0 for trial in trials)
    assert all(seconds > 0 for trial in trials for seconds in trial["seek_seconds"].values())
    assert all(trial["requests"] > 0 and trial["received_bytes"] > 0 for trial in trials)
