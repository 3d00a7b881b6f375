"""Whole benchmarks in their quick form: that they run, not how fast anything is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import ROOT, SCRIPTS
from tests.facts import missing

pytestmark = pytest.mark.bench
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def bench(name: str, output: Path) -> dict[str, Any]:
    """Run a benchmark as `scripts/bench` does once all is set up; return its figures."""
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SCRIPTS), str(ROOT)]),
        "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), SBIN]),
    }
    figures = output / "copy.json"
    command = [sys.executable, "-P", "-m", "benchmarks", name, "--quick"]
    options = ["--output", str(output), "--json", str(figures)]
    done = subprocess.run([*command, *options], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "A quick run" in done.stdout
    left: dict[str, Any] = json.loads(figures.read_text())
    assert (output / f"{name}.svg").read_text().startswith("<svg")
    assert {path.name for path in output.iterdir()} == {"copy.json", f"{name}.json", f"{name}.svg"}
    return left


def test_serve_compares_with_whoever_is_there(tmp_path: Path) -> None:
    """Our server answers every row rightly, beside nginx where that is installed; nothing else is left behind."""
    if shutil.which("cc") is None:
        missing("there is no C compiler")
    found = bench("serve", tmp_path)
    rows = {row["label"]: row for row in found["results"]["rows"]}
    assert all(row["faults"].get("streamserver", 0) == 0 for row in rows.values())
    assert any(row["figures"]["streamserver"]["median"] > 0 for row in rows.values())
    assert "streamserver" in found["results"]["viewers"]
    assert "streamserver" in found["results"]["cold"]


def test_uploads_are_compared_with_a_plain_copy(tmp_path: Path) -> None:
    """Files come in by every way there is, at once too, and the loop's thread is watched where strace is there."""
    found = bench("uploads", tmp_path)
    results, left_out = found["results"], found["left_out"]
    ways = {"plain copy", "tus", "form"} | ({"@tus/server"} - left_out.keys())
    assert results["rates"].keys() == ways
    assert all(rate["goes"]["1"]["bytes_per_second"] > 0 for rate in results["rates"].values())
    assert results["memory"]["tus"]["bytes_per_second"]["median"] > 0
    assert "viewers" in results or "viewers" in left_out
    assert "calls" in results or "calls on the loop's thread" in left_out
    if "calls" in results:
        assert results["calls"]["turns"] > 0


def test_encode_compares_the_three_ways(tmp_path: Path) -> None:
    """Each way makes the same ladder out of the same source, and its three costs are told."""
    found = bench("encode", tmp_path)
    runs = found["results"]["runs"]
    assert runs.keys() == {"streamserver", "plain ffmpeg", "a process each"}
    plays = {play["label"]: play["first_segment"]["median"] for play in found["results"]["first_plays"]}
    assert plays.keys() == {"H.264 and AAC, short", "MPEG-4, 270p"}
    assert all(seconds > 0 for seconds in plays.values())
    sizes = [run["0"]["output_bytes"] for run in runs.values()]
    assert max(sizes) < 1.5 * min(sizes)
    costs = ("wall_seconds", "cpu_seconds", "first_segment_seconds")
    assert all(run["0"][cost] > 0 for run in runs.values() for cost in costs)
