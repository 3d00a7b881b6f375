"""The command line: what each command says and returns, and how its settings reach it."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

from streamserver.cli import main

SECRET = "hunter2"  # noqa: S105 - of a database that is not there


@pytest.fixture(autouse=True)
def quiet_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, with none of our variables set."""
    monkeypatch.chdir(tmp_path)
    for name in ("STREAMSERVER_CONFIG", "STREAMSERVER_DATA_DIR", "STREAMSERVER_PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> "Run":
    return Run(capfd)


class Run:
    """The command line, called in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.out = ""
        self.err = ""

    def __call__(self, *arguments: str) -> int:
        """Return the exit code; what was said is in `out` and `err`."""
        self._capture.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
        self.out, self.err = self._capture.readouterr()
        assert "Traceback" not in self.out + self.err
        return code


def make_clip(path: Path, *arguments: str, seconds: float = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = f"testsrc2=size=128x72:rate=10:duration={seconds}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-c:v", "mpeg4", *arguments, str(path)], check=True)
    return path


@pytest.mark.parametrize("arguments", [(), ("dance",), ("serve", "--prot", "1"), ("add",), ("serve", "extra")])
def test_a_command_that_is_none_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    """Exit code 2 and how it is used."""
    assert run(*arguments) == 2
    assert run.err.startswith("usage: streamserver")


def test_help_names_every_command(run: Run) -> None:
    """And so does each command its options."""
    assert run("--help") == 0
    assert all(command in run.out for command in ("serve", "add", "check", "migrate"))
    assert run("serve", "--help") == 0
    for option in ("host", "port", "data-dir", "database-url", "workers", "config", "no-sample", "log-level"):
        assert f"--{option}" in run.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--port", "http"), "port (in the command line) must be a whole number from 0 (any free port) to 65535"),
        (("--workers", "0"), "workers (in the command line) must be a whole number from 1 to 256"),
        (("--log-level", "loud"), "log_level (in the command line) must be debug, info, warning or error"),
        (("--config", "nowhere.toml"), "There is no settings file nowhere.toml."),
        (("--database-url", "postgres://x/y"), "The database URL is not understood."),
        (("--host", "no such host"), "Cannot listen on no such host:8080"),
        (("--data-dir", "/proc/none"), "Nothing can be kept in data_dir, /proc/none: "),
        (("--data-dir", "/sys"), "Nothing can be kept in data_dir, /sys: "),
        (("--data-dir", __file__), f"Nothing can be kept in data_dir, {__file__}: File exists."),
    ],
)
def test_a_server_that_cannot_start_says_why(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    """One sentence, exit code 2."""
    assert run("serve", "--no-sample", *arguments) == 2
    assert run.err.splitlines()[-1].startswith(f"streamserver: {sentence}")


def test_a_port_that_is_taken_is_told(run: Run) -> None:
    """With the address, and why."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert run("serve", "--no-sample", "--port", port) == 2
    assert f"streamserver: Cannot listen on 127.0.0.1:{port}: " in run.err
    assert "in use" in run.err


def test_settings_come_from_every_source(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file of STREAMSERVER_CONFIG, .env, the environment and the command line, each overruled by the next."""
    (tmp_path / "my.toml").write_text('data_dir = "from-file"')
    monkeypatch.setenv("STREAMSERVER_CONFIG", "my.toml")
    assert run("migrate") == 0
    (tmp_path / ".env").write_text("STREAMSERVER_DATA_DIR=from-dotenv")
    assert run("migrate") == 0
    monkeypatch.setenv("STREAMSERVER_DATA_DIR", "from-environment")
    assert run("migrate") == 0
    assert run("migrate", "--data-dir", "from-option") == 0
    for folder in ("from-file", "from-dotenv", "from-environment", "from-option"):
        assert (tmp_path / folder / "catalog.sqlite3").is_file()


def test_migrate_says_that_it_is_done(run: Run) -> None:
    """Also when there was nothing to do."""
    for _ in range(2):
        assert run("migrate", "--data-dir", "d") == 0
        assert run.out == "The database is up to date.\n"


def checked(run: Run) -> dict[str, str]:
    """Return what was found, by what was looked at."""
    lines = [line.split(None, 2) for line in run.out.splitlines()]
    names = ["settings", "ffmpeg", "sandbox", "storage", "database", "bucket", "webhooks"]
    assert [name for name, _, _ in lines] == names
    return {name: f"{state} {words}" for name, state, words in lines}


def test_check_finds_all_well(run: Run) -> None:
    """Each thing is named; before and after the first start."""
    assert run("check", "--data-dir", "d") == 0
    found = checked(run)
    assert all(state.startswith("ok ") for state in found.values())
    assert "ffmpeg version" in found["ffmpeg"]
    assert "brought up to date when the server starts" in found["database"]
    run("migrate", "--data-dir", "d")
    assert run("check", "--data-dir", "d") == 0
    assert checked(run)["database"] == "ok reachable and up to date"


def test_check_names_each_fault(run: Run, tmp_path: Path) -> None:
    """A missing program, a folder that is none and a database that is away are told all at once; exit code 1."""
    (tmp_path / "my.toml").write_text('ffmpeg = "/nowhere/ffmpeg"')
    (tmp_path / "file").touch()
    url = f"mysql://root:{SECRET}@127.0.0.1:1/x"
    assert run("check", "--config", "my.toml", "--data-dir", "file", "--database-url", url) == 1
    found = checked(run)
    assert found["settings"] == "ok understood"
    assert found["ffmpeg"].startswith("fault The ffmpeg named in the settings, /nowhere/ffmpeg, is not there")
    assert found["storage"].startswith("fault Nothing can be kept in data_dir")
    assert found["database"].startswith("fault ")
    assert SECRET not in run.out + run.err


def test_check_looks_who_listens_for_webhooks(run: Run, tmp_path: Path) -> None:
    """One that is there is named, one that is not is a fault; neither with what may be secret in its URL."""
    secret = f"whsec_{'YWFh' * 8}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        url = f"http://user:{SECRET}@127.0.0.1:{port}/hook?token={SECRET}"
        (tmp_path / "my.toml").write_text(f'webhook_url = "{url}"\nwebhook_secret = "{secret}"')
        assert run("check", "--config", "my.toml", "--data-dir", "d") == 0
        assert checked(run)["webhooks"] == f"ok somebody listens at http://127.0.0.1:{port}/hook"
    assert SECRET not in run.out + run.err
    assert run("check", "--config", "my.toml", "--data-dir", "d") == 1
    assert checked(run)["webhooks"].startswith(f"fault 127.0.0.1:{port} cannot be reached: ")
    assert SECRET not in run.out + run.err


def test_check_looks_for_the_bucket(run: Run, tmp_path: Path) -> None:
    """A storage that is away is a fault, with its address and without the secret; with none set all is well."""
    assert run("check", "--data-dir", "d", "--fix") == 0
    assert checked(run)["bucket"] == "ok none is set; uploads come to this server"
    keys = f'bucket_access_key = "us"\nbucket_secret_key = "{SECRET}"'
    (tmp_path / "my.toml").write_text(f'bucket = "films"\nbucket_endpoint = "http://127.0.0.1:1"\n{keys}')
    assert run("check", "--config", "my.toml", "--data-dir", "d") == 1
    assert checked(run)["bucket"].startswith(
        "fault The object storage http://127.0.0.1:1 (bucket films) did not answer: "
    )
    assert SECRET not in run.out + run.err


def test_check_names_a_webhook_address_that_is_none(run: Run, tmp_path: Path) -> None:
    """The setting, and what it may be."""
    (tmp_path / "my.toml").write_text('webhook_url = "example.org/hook"')
    assert run("check", "--config", "my.toml") == 2
    assert "webhook_url (in my.toml) must be one or several URLs (http or https), or empty" in run.err


@pytest.mark.parametrize(
    ("program", "fault"), [("true", "encoder libx264"), ("false", "failed"), ("old", "7.1 or newer")]
)
def test_check_looks_what_ffmpeg_can_do(run: Run, tmp_path: Path, program: str, fault: str) -> None:
    """A program of that name that cannot do the work is a fault, with what it lacks."""
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\necho 'ffmpeg version 5.1.6-0+deb12u1 Copyright (c) 2000-2024'\n")
    old.chmod(0o755)
    path = shutil.which(program) or str(old)
    (tmp_path / "my.toml").write_text(f'ffmpeg = "{path}"')
    assert run("check", "--config", "my.toml", "--data-dir", "d") == 1
    assert fault in checked(run)["ffmpeg"]


def test_check_stops_at_settings_that_are_wrong(run: Run) -> None:
    """With their name, and exit code 2."""
    assert run("check", "--log-level", "loud") == 2
    assert "log_level" in run.err


def test_files_and_folders_are_added_and_encoded(run: Run, tmp_path: Path) -> None:
    """`add --wait` takes single files and what is in folders, and returns once all are encoded, with bars."""
    make_clip(tmp_path / "clips/first_clip.mkv")
    make_clip(tmp_path / "clips/deeper/second.AVI")
    make_clip(tmp_path / "third.mkv")
    (tmp_path / "clips/notes.txt").write_text("not for adding")
    assert run("add", "--wait", "--data-dir", "d", "clips", "third.mkv") == 0
    assert run.err.count("100%") == 6
    assert "notes" not in run.out + run.err
    assert len(list((tmp_path / "d/media").glob("*/source"))) == 3
    assert len(list((tmp_path / "d/media").glob("*/*.mp4"))) == 3


def test_a_file_that_cannot_be_used_is_told_and_the_others_are_added(run: Run, tmp_path: Path) -> None:
    """What is refused at once, and what turns out to be no video, is named with the reason; exit code 1."""
    make_clip(tmp_path / "good.mkv")
    (tmp_path / "text.mp4").write_text("only words")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    assert run("add", "--wait", "--data-dir", "d", "good.mkv", "text.mp4", "empty.mp4", "noise.mp4") == 1
    assert "text.mp4: The file is a text file, not a video." in run.out
    assert "empty.mp4: The file is empty." in run.out
    assert "The file is not a video, or it is damaged beyond reading." in run.out
    assert len(list((tmp_path / "d/media").iterdir())) == 1
    assert not list((tmp_path / "d/incoming").iterdir())


def test_adding_without_waiting_leaves_the_encoding_to_a_server(run: Run, tmp_path: Path) -> None:
    """The next `add --wait`, or server, on the same folder encodes what waits there."""
    make_clip(tmp_path / "one.mkv")
    make_clip(tmp_path / "two.mkv")
    assert run("add", "--data-dir", "d", "one.mkv", "--title", "The first") == 0
    assert not list((tmp_path / "d/media").glob("*/*.mp4"))
    assert run("add", "--wait", "--data-dir", "d", "two.mkv") == 0
    assert len(list((tmp_path / "d/media").glob("*/*.mp4"))) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("missing.mp4",), "There is no file missing.mp4."),
        (("a.mkv", "missing.mp4"), "There is no file missing.mp4."),
        (("a.mkv", "a.mkv", "--title", "x"), "A title goes with one file; there are 2."),
        (("empty-folder", "--title", "x"), "A title goes with one file; there are 0."),
    ],
)
def test_what_cannot_be_added_is_told_before_anything_is(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """Exit code 2, and the library is as it was."""
    (tmp_path / "a.mkv").write_bytes(b"\0" * 100)
    (tmp_path / "empty-folder").mkdir()
    assert run("add", "--data-dir", "d", *arguments) == 2
    assert run.err == f"streamserver: {sentence}\n"
    assert not (tmp_path / "d").exists()


def test_the_program_is_called_by_its_module(tmp_path: Path) -> None:
    """`python -m streamserver` is the same program, with the same exit codes."""
    done = subprocess.run(
        [sys.executable, "-m", "streamserver", "check", "--log-level", "loud"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 2
    assert done.stderr.startswith("streamserver: log_level (in the command line) must be ")
