"""What static/build.mjs makes of the front end's sources, with the real esbuild."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.facts import missing
from tests.scripts import ROOT

SOURCES = {
    "watch.js": "import './watch.css'; import { label } from './lib/label.js'; console.log(label);",
    "queue.js": "import { label } from './lib/label.js'; console.log(label); import('./lib/rare.js');",
    "watch.css": "body { color: teal; }",
    "lib/label.js": "export const label = 'a shared label';",
    "lib/rare.js": "console.log('seldom needed');",
}


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """Lay out a small front end beside the real build and its packages."""
    packages = ROOT / "static" / "node_modules"
    if not packages.is_dir():
        missing("the front end's packages are not installed: scripts/test installs them")
    (tmp_path / "node_modules").symlink_to(packages)
    shutil.copy(ROOT / "static" / "build.mjs", tmp_path)
    for name, text in SOURCES.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def build(static: Path) -> subprocess.CompletedProcess[str]:
    node = shutil.which("node") or missing("node is not installed: scripts/test installs it")
    return subprocess.run([node, "build.mjs"], cwd=static, capture_output=True, text=True, check=False)


def manifest(static: Path) -> dict[str, str]:
    names: dict[str, str] = json.loads((static / "dist" / "manifest.json").read_text())
    return names


def made(static: Path) -> dict[str, bytes]:
    dist = static / "dist"
    return {path.relative_to(dist).as_posix(): path.read_bytes() for path in dist.rglob("*") if path.is_file()}


def test_the_manifest_names_each_entry(static: Path) -> None:
    """Each module directly in src/, and the style sheet it imports, is listed with a file that is there."""
    assert build(static).returncode == 0
    names = manifest(static)
    assert sorted(names) == ["queue.js", "watch.css", "watch.js"]
    assert set(names.values()) <= made(static).keys()
    assert b"teal" in made(static)[names["watch.css"]]


def test_what_pages_share_is_sent_once(static: Path) -> None:
    """A module that two entries import, and one that is imported late, are files of their own."""
    build(static)
    for text in (b"a shared label", b"seldom needed"):
        (name,) = (name for name, body in made(static).items() if text in body)
        assert name.startswith("chunks/")


def test_a_name_changes_with_its_content_alone(static: Path) -> None:
    """A changed entry has a new name, the others keep theirs, and the old file is gone."""
    build(static)
    before = manifest(static)
    (static / "src" / "watch.css").write_text("body { color: navy; }")
    build(static)
    after = manifest(static)
    assert after["queue.js"] == before["queue.js"]
    assert after["watch.css"] != before["watch.css"]
    assert before["watch.css"] not in made(static)


def test_the_same_sources_make_the_same_files(static: Path) -> None:
    """A build can be repeated, byte for byte."""
    build(static)
    before = made(static)
    build(static)
    assert made(static) == before


def test_a_failed_build_leaves_the_last_one(static: Path) -> None:
    """What is wrong is named with its place, and the bundle that was there stays whole."""
    build(static)
    before = made(static)
    (static / "src" / "watch.js").write_text("import './nowhere.js';")
    failed = build(static)
    assert failed.returncode == 1
    assert "src/watch.js:1:7" in failed.stderr
    assert made(static) == before


def test_no_entry_is_a_fault(static: Path) -> None:
    """A front end without entries is a mistake, not an empty bundle."""
    for name in ("watch.js", "queue.js"):
        (static / "src" / name).unlink()
    assert build(static).returncode == 1
    assert not (static / "dist").exists()
