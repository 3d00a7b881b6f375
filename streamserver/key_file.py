"""The key that URLs are signed with where the settings name none: made at the first start, kept with the data."""

import logging
import os
import secrets
from pathlib import Path

from streamserver.domain.signing import SigningKey, read_key, write_key
from streamserver.errors import SettingsError

log = logging.getLogger(__name__)

NAME = "signing-keys"
SECRET_BYTES = 32
FOR_OTHERS = 0o077


def load_keys(given: tuple[SigningKey, ...], data_dir: Path) -> tuple[SigningKey, ...]:
    """Return the keys that are set, or else those of the file, which is made when it is not there.

    The first one signs. Two processes that start at the same moment end up with the same file.
    """
    if given:
        return given
    path = data_dir / NAME
    try:
        if not path.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            _make(path)
        if path.stat().st_mode & FOR_OTHERS:
            log.warning("%s could be read by others; it is closed to them from now on", path)
            path.chmod(0o600)
        keys = tuple(read_key(line) for line in path.read_text().split())
    except (OSError, ValueError) as error:
        raise SettingsError(f"The keys in {path} cannot be used: {error}") from error
    if not keys:
        raise SettingsError(f"There is no key in {path}; without the file, a new one is made.")
    return keys


def _make(path: Path) -> None:
    """Put a whole file there, unless another process is first."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    key = SigningKey(id=secrets.token_hex(4), secret=secrets.token_bytes(SECRET_BYTES))
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{write_key(key)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        log.debug("another process has made %s", path)
    finally:
        draft.unlink()
