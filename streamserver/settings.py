"""Settings: from a TOML file, then `.env`, then the environment, then the command line; the last one counts.

The table `SETTINGS` is all there is: names, defaults, what is allowed.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from streamserver.bucket_settings import BUCKET_SETTINGS, BucketSettings
from streamserver.catalog.address import file_address
from streamserver.domain.users import NAME, read_tokens
from streamserver.domain.webhooks import Endpoint, read_secret
from streamserver.errors import SettingsError
from streamserver.import_settings import IMPORT_SETTINGS, ImportSettings
from streamserver.setting import Setting

PREFIX = "STREAMSERVER_"
DEFAULT_FILE = Path("config/streamserver.toml")
UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
LEAST_MEMORY_BYTES = 512 * UNITS["M"]
"""With less an encoder cannot even say that it lacks memory."""
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(BucketSettings, ImportSettings):
    """What a server can be told; see `SETTINGS` for each."""

    host: str
    port: int
    data_dir: Path
    database_url: str
    workers: int
    loop: str
    log_level: str
    access_log: bool | Path
    tls_certificate: Path | None
    tls_key: Path | None
    encoders: int
    preparers: int
    queue_limit: int
    max_upload_bytes: int
    max_uploads_per_user: int
    max_bytes_per_user: int
    upload_expiry_seconds: float
    keep_duplicates: bool
    tokens: Mapping[str, str]
    importers: frozenset[str]
    max_duration_seconds: float
    region_bytes: int
    x264_preset: str
    x264_crf: int
    stall_seconds: float
    retries: int
    retry_seconds: float
    encoder_memory_bytes: int
    sandbox: str
    ffmpeg: str
    ffprobe: str
    webhook_url: tuple[Endpoint, ...]
    webhook_secret: tuple[bytes, ...]
    sample: bool


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)  # noqa: TRY004 - every reader says no in the same way
    return value


def _filled(value: object) -> str:
    text = _text(value)
    if not text or "\0" in text:
        raise ValueError(value)
    return text


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = int(str(value))
        if isinstance(value, bool) or not least <= number <= most:
            raise ValueError(value)
        return number

    return read


def _seconds(value: object) -> float:
    seconds = float(str(value))
    if not 0 < seconds < float("inf"):
        raise ValueError(value)
    return seconds


def _bytes(value: object) -> int:
    found = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)\s*([KMGT]?)B?", str(value).strip().upper())
    count = round(float(found[1]) * UNITS[found[2]]) if found else 0
    if not count:
        raise ValueError(value)
    return count


def _bytes_or_none(value: object) -> int:
    return 0 if str(value).strip() == "0" else _bytes(value)


def _memory(value: object) -> int:
    count = _bytes(value)
    if count < LEAST_MEMORY_BYTES:
        raise ValueError(value)
    return count


def _one_of(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in words:
            raise ValueError(value)
        return str(value)

    return read


def _flag(value: object) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        return known[str(value).lower()]
    except KeyError:
        raise ValueError(value) from None


def _flag_or_file(value: object) -> bool | Path:
    try:
        return _flag(value)
    except ValueError:
        return _folder(value)


def _file_or_none(value: object) -> Path | None:
    return None if value is None or value == "" else _folder(value)


def _folder(value: object) -> Path:
    try:
        return Path(_filled(value)).expanduser().absolute()
    except RuntimeError:  # ~ of somebody who is not there
        raise ValueError(value) from None


def _words(value: object) -> list[str]:
    """Read a list of texts, or a text that holds them with spaces between."""
    words = value if isinstance(value, list) else _text(value).split()
    return list(dict.fromkeys(_filled(word) for word in words))


def _endpoints(value: object) -> tuple[Endpoint, ...]:
    addresses = [(word, urlsplit(word)) for word in _words(value)]
    for word, address in addresses:
        is_http = address.scheme in {"http", "https"} and address.hostname and address.port != 0
        if not is_http or not word.isprintable() or " " in word:
            raise ValueError(value)
    return tuple(Endpoint(url=word) for word, _ in addresses)


def _tokens(value: object) -> Mapping[str, str]:
    return read_tokens(_words(value))


def _names(value: object) -> frozenset[str]:
    names = frozenset(_words(value))
    if not all(NAME.fullmatch(name) for name in names):
        raise ValueError(value)
    return names


def _secrets(value: object) -> tuple[bytes, ...]:
    return tuple(read_secret(word) for word in _words(value))


def _most_of_the_memory() -> int:
    """Return three quarters of the machine's memory, and not less than any video needs."""
    return max(4 * UNITS["G"], os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4)


BYTES = "a number of bytes, such as 500000 or 20GB"
SECONDS = "a number of seconds above 0"

SETTINGS: dict[str, Setting] = {
    "host": Setting("127.0.0.1", _filled, "an address to listen on, such as 127.0.0.1 or 0.0.0.0"),
    "port": Setting(8080, _whole(0, 65535), "a whole number from 0 (any free port) to 65535"),
    "data_dir": Setting("data", _folder, "a folder"),
    "database_url": Setting("", _text, "sqlite:///PATH or mysql://USER:PASSWORD@HOST/NAME"),
    "workers": Setting(1, _whole(1, 256), "a whole number from 1 to 256"),
    "loop": Setting("uvloop", _one_of("uvloop", "asyncio"), "uvloop or asyncio"),
    "log_level": Setting("info", _one_of("debug", "info", "warning", "error"), "debug, info, warning or error"),
    "access_log": Setting(True, _flag_or_file, "true (on standard output), false or a file"),
    "tls_certificate": Setting("", _file_or_none, "a file with a certificate chain (PEM), or empty"),
    "tls_key": Setting("", _file_or_none, "a file with the certificate's key (PEM), or empty: in the same file"),
    "encoders": Setting(max(1, (os.cpu_count() or 1) // 2), _whole(1, 256), "a whole number from 1 to 256"),
    "preparers": Setting(1, _whole(0, 256), "a whole number from 0 to 256"),
    "queue_limit": Setting(100, _whole(1, 100_000), "a whole number from 1 to 100000"),
    "max_upload_bytes": Setting("20GB", _bytes, BYTES),
    "max_uploads_per_user": Setting(0, _whole(0, 100_000), "a whole number from 0 (any number) to 100000"),
    "max_bytes_per_user": Setting(0, _bytes_or_none, f"{BYTES}, or 0 (any number)"),
    "upload_expiry_seconds": Setting(3 * 24 * 3600, _seconds, SECONDS),
    "keep_duplicates": Setting(False, _flag, "true or false"),
    "tokens": Setting("", _tokens, "name=token once or more, each token of 16 characters or more, or empty"),
    "importers": Setting("", _names, "names that have a token, or empty for all of them"),
    "max_duration_seconds": Setting(12 * 3600, _seconds, SECONDS),
    "region_bytes": Setting(1024 * 1024, _bytes, BYTES),
    "x264_preset": Setting("veryfast", _one_of(*PRESETS), f"one of {', '.join(PRESETS)}"),
    "x264_crf": Setting(23, _whole(1, 51), "a whole number from 1 (best) to 51"),
    "stall_seconds": Setting(60, _seconds, SECONDS),
    "retries": Setting(5, _whole(0, 1000), "a whole number from 0 (never) to 1000"),
    "retry_seconds": Setting(5, _seconds, SECONDS),
    "encoder_memory_bytes": Setting(_most_of_the_memory(), _memory, "a number of bytes from 512MB on"),
    "sandbox": Setting("auto", _one_of("auto", "required", "off"), "auto, required or off"),
    "ffmpeg": Setting("", _text, "a program, by path or by name; empty for the one that came along"),
    "ffprobe": Setting("", _text, "a program, by path or by name; empty for the one that came along"),
    "webhook_url": Setting("", _endpoints, "one or several URLs (http or https), or empty"),
    "webhook_secret": Setting("", _secrets, "whsec_ and 24 to 64 bytes in Base64, once or more, or empty"),
    "sample": Setting(True, _flag, "true or false"),
    **IMPORT_SETTINGS,
    **BUCKET_SETTINGS,
}


SECRET = frozenset(
    {"bucket_secret_key", "database_url", "signing_keys", "tokens", "webhook_url", "webhook_secret"}
)
"""Settings whose values are never shown."""


def load_settings(
    options: Mapping[str, object],
    *,
    config: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    folder: Path = Path(),
) -> Settings:
    """Put settings together; raise `SettingsError` for a name that is unknown or a value that is not allowed.

    `options` are those of the command line that were given; `folder` is where `.env` and the file are looked for.
    """
    written: dict[str, tuple[str, object]] = {name: ("", line.default) for name, line in SETTINGS.items()}
    for origin, values in (
        *_from_file(config, folder),
        (".env", _named(_from_dotenv(folder / ".env"))),
        ("the environment", _named(_without_config(environment))),
        ("the command line", options),
    ):
        for name, value in values.items():
            if name not in SETTINGS:
                raise SettingsError(f"{name} (in {origin}) is no setting; there are {', '.join(SETTINGS)}.")
            written[name] = (origin, value)
    read: dict[str, Any] = {name: _read(name, value, origin) for name, (origin, value) in written.items()}
    if not read["database_url"]:
        read["database_url"] = file_address(read["data_dir"] / "catalog.sqlite3")
    if read["webhook_url"] and not read["webhook_secret"]:
        raise SettingsError("webhook_secret must be set beside webhook_url: receivers know by it who calls them.")
    if unknown := read["importers"] - read["tokens"].keys():
        raise SettingsError(f"importers names {', '.join(sorted(unknown))}, who has no token in tokens.")
    settings = Settings(**read)
    settings.place  # noqa: B018 - raises for a bucket without its keys
    return settings


def _read(name: str, value: object, origin: str) -> object:
    try:
        return SETTINGS[name].read(value)
    except ValueError:
        shown = "what was given" if name in SECRET else repr(value)
        raise SettingsError(f"{name} (in {origin}) must be {SETTINGS[name].allowed}; {shown} is not.") from None


def _from_file(config: Path | None, folder: Path) -> list[tuple[str, dict[str, object]]]:
    path = config or folder / DEFAULT_FILE
    try:
        return [(str(path), tomllib.loads(path.read_text()))]
    except FileNotFoundError:
        if config is None:
            return []
        raise SettingsError(f"There is no settings file {config}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error}") from None


def _from_dotenv(path: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None


def _without_config(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what names the file and was read by the command line."""
    return {name: value for name, value in environment.items() if name != f"{PREFIX}CONFIG"}


def _named(values: Mapping[str, str | None]) -> dict[str, object]:
    """Pick our variables out."""
    return {
        name.removeprefix(PREFIX).lower(): value or "" for name, value in values.items() if name.startswith(PREFIX)
    }
