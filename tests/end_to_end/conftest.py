"""Clips that take a while to encode, and disks that are full or broken."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips.programs import ffmpeg
from tests.facts import missing
from tests.services.disks import small_file_system

LONG_SECONDS = 30


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video with sound that no browser plays as it is, restless enough to keep an encoder busy."""
    target = tmp_path_factory.mktemp("clips") / "long clip.mkv"
    picture = f"testsrc2=size=480x270:rate=25:duration={LONG_SECONDS},noise=alls=30:allf=t"
    sound = f"sine=frequency=330:beep_factor=5:sample_rate=44100:duration={LONG_SECONDS}"
    encoders = ("-c:v", "mpeg4", "-q:v", "8", "-c:a", "libmp3lame")
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *encoders, str(target))
    return target


@pytest.fixture(scope="session")
def endless_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a video that keeps a careful encoder busy for as long as any test takes."""
    target = tmp_path_factory.mktemp("clips") / "endless.mkv"
    picture = "testsrc2=size=960x540:rate=25:duration=40,noise=alls=30:allf=t"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg4", "-q:v", "31", str(target))
    return target


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a short video that no browser plays as it is, and that gets two renditions."""
    target = tmp_path_factory.mktemp("clips") / "encoded.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=480x270:rate=25:duration=1", "-c:v", "mpeg4", str(target))
    return target


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a short video that browsers can play, and that gets two renditions beside its own streams."""
    target = tmp_path_factory.mktemp("clips") / "copied.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=1")
    ffmpeg(*picture, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(target))
    return target


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of a few megabytes."""
    with small_file_system(tmp_path / "disk", "size=16m") as folder:
        yield folder


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build what lets system calls fail."""
    if shutil.which("cc") is None:
        missing("cc is not installed")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library
