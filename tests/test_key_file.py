"""The file with the keys that URLs are signed with."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamserver.domain.signing import SigningKey, write_key
from streamserver.errors import SettingsError
from streamserver.key_file import NAME, load_keys

ONE = SigningKey(id="one", secret=b"1" * 32)
TWO = SigningKey(id="two", secret=b"2" * 32)


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The next start finds it; nobody but the server may read it, and nothing else is left in the folder."""
    (key,) = load_keys((), tmp_path)
    assert load_keys((), tmp_path) == (key,)
    assert len(key.secret) == 32
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    """No key is the same twice."""
    for name in "ab":
        (tmp_path / name).mkdir()
    (first,), (second,) = load_keys((), tmp_path / "a"), load_keys((), tmp_path / "b")
    assert first.secret != second.secret
    assert first.id != second.id


def test_all_who_start_at_once_have_the_same_key(tmp_path: Path) -> None:
    """Whoever comes second takes the file of the first."""
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: load_keys((), tmp_path), range(64)))
    assert len(found) == 1
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


def test_set_keys_count_before_the_file(tmp_path: Path) -> None:
    """Then no file is made."""
    assert load_keys((ONE, TWO), tmp_path) == (ONE, TWO)
    assert not list(tmp_path.iterdir())


def test_a_file_may_hold_several_keys(tmp_path: Path) -> None:
    """The first line signs; whoever wants another key puts it there."""
    (tmp_path / NAME).write_text(f"{write_key(TWO)}\n{write_key(ONE)}\n")
    assert load_keys((), tmp_path) == (TWO, ONE)


def test_a_file_that_others_can_read_is_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And the log says so."""
    file = tmp_path / NAME
    file.write_text(write_key(ONE))
    file.chmod(0o644)
    assert load_keys((), tmp_path) == (ONE,)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "could be read by others" in caplog.text


@pytest.mark.parametrize("text", ["", "\n", "no key", "a=YWFh\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    """Rather than replaced: the URLs that are out would be good no longer."""
    (tmp_path / NAME).write_text(text)
    with pytest.raises(SettingsError, match=NAME):
        load_keys((), tmp_path)
    assert (tmp_path / NAME).read_text() == text


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """In a sentence with the path."""
    (tmp_path / "nowhere").write_text("no folder")
    with pytest.raises(SettingsError, match=f"nowhere/{NAME} cannot be used"):
        load_keys((), tmp_path / "nowhere")
