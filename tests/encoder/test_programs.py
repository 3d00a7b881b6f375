"""Finding ffmpeg and ffprobe, and making sure that they can do what is asked of them."""

import re
from pathlib import Path
from typing import Any

import pytest

from streamserver.encoder.programs import Programs, check_programs, find_programs
from streamserver.errors import Unavailable
from tests.clips.programs import PROGRAMS
from tests.encoder.processes import script

VERSION = "ffmpeg version {} Copyright (c) the FFmpeg developers"
ENCODERS = " V....D libx264              libx264 H.264\n A....D aac                  AAC"
MUXER = "     hybrid_fragmented ..... E.......... Write"


def programs(
    folder: Path, *, version: str = "7.1.2", encoders: str = ENCODERS, muxer: str = MUXER, code: int = 0
) -> Programs:
    """Write an ffmpeg that says this of itself."""
    text = f"""case "$*" in
        *-encoders*) echo '{encoders}';;
        *muxer=mp4*) echo '{muxer}';;
        *) echo '{VERSION.format(version)}'; echo 'it cannot work' >&2; exit {code};;
    esac"""
    return Programs(ffmpeg=script(folder, text, "ffmpeg"), ffprobe=PROGRAMS.ffprobe)


async def test_what_came_with_the_packages_can_do_it() -> None:
    """The programs that are installed with the server pass, and ffmpeg tells its version."""
    said = await check_programs(find_programs())
    assert re.fullmatch(r"ffmpeg version \S+", said)


@pytest.mark.parametrize(
    "version", ["7.1", "7.1.2", "n7.1-34", "8.0", "10.0.1", "N-118000-g1234567890", "git-2025"]
)
async def test_new_enough(version: str, tmp_path: Path) -> None:
    """7.1 and all that is newer pass, and builds from the repository, which have no number."""
    assert await check_programs(programs(tmp_path, version=version)) == f"ffmpeg version {version}"


@pytest.mark.parametrize("version", ["5.1.6-0+deb12u1", "7.0.2", "n4.4.1", "3.4"])
async def test_too_old(version: str, tmp_path: Path) -> None:
    """An older ffmpeg is named with its version and the one that is needed."""
    found = programs(tmp_path, version=version)
    with pytest.raises(
        Unavailable, match=rf"{re.escape(found.ffmpeg)} is version \d+\.\d+; 7\.1 or newer is needed"
    ):
        await check_programs(found)


@pytest.mark.parametrize(
    ("lack", "sentence"),
    [
        ({"encoders": ENCODERS.replace("libx264 ", "h264 ")}, "was built without the encoder libx264"),
        ({"encoders": ENCODERS.replace("aac ", "mp3 ")}, "was built without the encoder aac"),
        ({"muxer": "nothing"}, "does not know hybrid_fragmented"),
    ],
)
async def test_something_is_lacking(lack: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    """What an ffmpeg cannot do is said in a sentence that names the program."""
    found = programs(tmp_path, **lack)
    with pytest.raises(Unavailable, match=sentence) as refusal:
        await check_programs(found)
    assert found.ffmpeg in refusal.value.message


async def test_a_program_that_fails(tmp_path: Path) -> None:
    """A program that ends with an error is named, with its own words."""
    found = programs(tmp_path, code=3)
    with pytest.raises(Unavailable, match=r"-version failed: it cannot work$"):
        await check_programs(found)


async def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    """A file of another system's machine code is said to be one that cannot be started, in one line."""
    broken = tmp_path / "ffprobe"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(Unavailable, match=r"ffprobe cannot be started: [^\n]*$"):
        await check_programs(Programs(ffmpeg=PROGRAMS.ffmpeg, ffprobe=str(broken)))


class TestFinding:
    """Which programs are used."""

    def test_settings_come_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A program that settings name by path, or by its name on the PATH, is used."""
        named = script(tmp_path, "exit 0", "my-ffmpeg")
        assert find_programs(named, named) == Programs(ffmpeg=named, ffprobe=named)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert find_programs("my-ffmpeg").ffmpeg == named

    def test_then_those_of_the_packages(self) -> None:
        """Without a setting, or with an empty one, the packages' programs are used, by absolute path."""
        found = find_programs("", "")
        assert found == find_programs()
        assert Path(found.ffmpeg).is_absolute()
        assert "ffprobe" in Path(found.ffprobe).name

    @pytest.mark.parametrize("setting", ["/nowhere/ffmpeg", "no-such-program", "{file}"])
    def test_a_setting_that_names_nothing(self, setting: str, tmp_path: Path) -> None:
        """A setting that names no program that can be run stops the search, with what it names."""
        file = tmp_path / "file"
        file.write_text("not executable")
        named = setting.format(file=file)
        with pytest.raises(
            Unavailable, match=f"The ffmpeg named in the settings, {re.escape(named)}, is not there"
        ):
            find_programs(named)
