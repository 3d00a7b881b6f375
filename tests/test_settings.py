"""Settings: where they come from, which one counts, and what is said of those that are wrong."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from streamserver.catalog.address import parse_address
from streamserver.errors import SettingsError
from streamserver.settings import PREFIX, SETTINGS, Settings, load_settings
from tests.test_bucket_settings import WRONG as WRONG_OF_BUCKETS
from tests.test_import_settings import WRONG as WRONG_OF_IMPORTS

CONFIG = Path(__file__).parents[1] / "config"
SECRET = "hunter2"  # noqa: S105 - of a database that is not there


def load(folder: Path, options: dict[str, object] | None = None, **sources: object) -> Settings:
    """Load settings; `file` and `dotenv` are texts, `environment` and `config` are passed on."""
    if "file" in sources:
        (folder / "config").mkdir(exist_ok=True)
        (folder / "config/streamserver.toml").write_text(str(sources["file"]), encoding="utf-8")
    if "dotenv" in sources:
        (folder / ".env").write_text(str(sources["dotenv"]), encoding="utf-8")
    environment = sources.get("environment", {})
    config = sources.get("config")
    assert isinstance(environment, dict)
    assert config is None or isinstance(config, Path)
    return load_settings(options or {}, config=config, environment=environment, folder=folder)


def test_everything_has_a_default(tmp_path: Path) -> None:
    """Without any source the server runs, on this machine alone, with its database in its data folder."""
    settings = load(tmp_path)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, 1)
    assert settings.data_dir == Path("data").absolute()
    assert parse_address(settings.database_url).database == str(Path("data/catalog.sqlite3").absolute())
    assert settings.encoders == max(1, (os.cpu_count() or 1) // 2)
    assert (settings.queue_limit, settings.max_upload_bytes, settings.region_bytes) == (100, 20 * 10**9, 1 << 20)
    assert settings.sample is True


def test_the_database_lies_where_the_data_is(tmp_path: Path) -> None:
    """The default address follows `data_dir`, whatever characters that has."""
    for folder in ("/srv/videos", "/srv/my videos", "/srv/100%25/a?b=c#d", "/srv/größe"):
        settings = load(tmp_path, {"data_dir": folder})
        assert parse_address(settings.database_url).database == f"{folder}/catalog.sqlite3"


SOURCES: tuple[dict[str, object], ...] = (
    {"file": "port = 1001"},
    {"dotenv": "STREAMSERVER_PORT=1002"},
    {"environment": {"STREAMSERVER_PORT": "1003"}},
    {"options": {"port": "1004"}},
)


@pytest.mark.parametrize("last", range(1, 5))
def test_the_last_source_counts(tmp_path: Path, last: int) -> None:
    """The file, then .env, then the environment, then the command line."""
    given: dict[str, object] = {}
    for source in SOURCES[:last]:
        given |= source
    options = given.pop("options", {})
    assert isinstance(options, dict)
    assert load(tmp_path, options, **given).port == 1000 + last


def test_sources_are_put_together(tmp_path: Path) -> None:
    """What a later source does not name stays as an earlier one has it."""
    settings = load(
        tmp_path,
        {"sample": False},
        file='host = "0.0.0.0"\nport = 1',
        dotenv="STREAMSERVER_PORT=2\nUNRELATED=x",
        environment={"STREAMSERVER_ENCODERS": "3", "HOME": "/root"},
    )
    assert (settings.host, settings.port, settings.encoders, settings.sample) == ("0.0.0.0", 2, 3, False)


def test_another_file_can_be_named(tmp_path: Path) -> None:
    """`config` is read instead of config/streamserver.toml."""
    other = tmp_path / "other.toml"
    other.write_text("encoders = 7")
    settings = load(tmp_path, file="port = 1", config=other)
    assert (settings.encoders, settings.port) == (7, 8080)


WHSEC = f"whsec_{'YWFh' * 8}"
"""The Base64 of 24 times an a."""

TOKEN = "0123456789abcdef"  # noqa: S105 - of nobody

GOOD: tuple[tuple[str, object, object], ...] = (
    ("host", "::1", "::1"),
    ("port", "0", 0),
    ("port", 65535, 65535),
    ("data_dir", "/srv/videos", Path("/srv/videos")),
    ("data_dir", "~/videos", Path.home() / "videos"),
    ("database_url", "mysql://a:b@c/d", "mysql://a:b@c/d"),
    ("loop", "asyncio", "asyncio"),
    ("log_level", "debug", "debug"),
    ("workers", "256", 256),
    ("access_log", "no", False),
    ("access_log", True, True),
    ("access_log", "/var/log/access.log", Path("/var/log/access.log")),
    ("tls_certificate", "", None),
    ("tls_key", "/etc/key.pem", Path("/etc/key.pem")),
    ("encoders", 256, 256),
    ("max_upload_bytes", "1.5 gb", 1_500_000_000),
    ("max_upload_bytes", 12345, 12345),
    ("max_uploads_per_user", "3", 3),
    ("max_bytes_per_user", 0, 0),
    ("max_bytes_per_user", "50GB", 50 * 10**9),
    ("upload_expiry_seconds", "3600", 3600.0),
    ("keep_duplicates", "yes", True),
    ("tokens", "", {}),
    ("tokens", f"anna={TOKEN} ben.2={TOKEN[::-1]}", {"anna": TOKEN, "ben.2": TOKEN[::-1]}),
    ("tokens", [f"anna={TOKEN}=="], {"anna": f"{TOKEN}=="}),
    ("importers", "", frozenset()),
    ("encoder_memory_bytes", "3GB", 3 * 10**9),
    ("sandbox", "required", "required"),
    ("region_bytes", "64K", 64_000),
    ("region_bytes", "2 TB", 2 * 10**12),
    ("max_duration_seconds", "90", 90.0),
    ("preparers", 0, 0),
    ("stall_seconds", 0.5, 0.5),
    ("retries", "0", 0),
    ("retry_seconds", "0.25", 0.25),
    ("x264_preset", "slow", "slow"),
    ("x264_crf", "1", 1),
    ("ffmpeg", "", ""),
    ("webhook_url", "", ()),
    ("webhook_secret", f"{WHSEC} {WHSEC}", (b"a" * 24,)),
    ("webhook_secret", [WHSEC, f"whsec_{'YmJi' * 16}"], (b"a" * 24, b"b" * 48)),
    ("sample", "no", False),
    ("sample", "1", True),
    ("sample", False, False),
)


@pytest.mark.parametrize(("name", "written", "read"), GOOD)
def test_values_are_understood(tmp_path: Path, name: str, written: object, read: object) -> None:
    """Numbers, sizes and flags may be written as a person would, in any source."""
    assert getattr(load(tmp_path, {name: written}), name) == read
    if isinstance(written, str):
        assert getattr(load(tmp_path, environment={f"{PREFIX}{name.upper()}": written}), name) == read


@pytest.mark.parametrize(
    "written",
    ["http://a/x https://b:8443/?token=1", ["http://a/x", "https://b:8443/?token=1"]],
    ids=["text", "list"],
)
def test_webhooks_go_to_one_or_several(tmp_path: Path, written: object) -> None:
    """Their addresses are a list, or a text with spaces between, and need a secret."""
    settings = load(tmp_path, {"webhook_url": written, "webhook_secret": WHSEC})
    assert [endpoint.url for endpoint in settings.webhook_url] == ["http://a/x", "https://b:8443/?token=1"]
    with pytest.raises(SettingsError, match="webhook_secret must be set"):
        load(tmp_path, {"webhook_url": written})


def test_importers_have_a_token(tmp_path: Path) -> None:
    """Who may import is one of those who may upload; another name is told."""
    tokens = f"anna={TOKEN} ben={TOKEN[::-1]}"
    assert load(tmp_path, {"tokens": tokens, "importers": "ben"}).importers == {"ben"}
    with pytest.raises(SettingsError, match=r"importers names carl, who has no token"):
        load(tmp_path, {"tokens": tokens, "importers": "ben carl"})


WRONG: tuple[tuple[str, object], ...] = (
    *(("host", value) for value in ("", 5)),
    *(("port", value) for value in ("-1", "65536", "x", "", 1.5, True, "0x50")),
    *(("data_dir", value) for value in ("", 5, "~nobody-of-this-name/x", "a\0b")),
    *(("database_url", value) for value in (5,)),
    *(("workers", value) for value in (0, 257)),
    *(("loop", value) for value in ("trio", "UVLOOP", ["uvloop"])),
    *(("log_level", value) for value in ("loud", 10)),
    *(("access_log", value) for value in ("", 5, "a\0b")),
    *(("tls_certificate", value) for value in (5, "a\0b")),
    *(("encoders", value) for value in (0, 257, "two")),
    *(("queue_limit", value) for value in (0, "many")),
    *(("max_upload_bytes", value) for value in ("0", "-5", "5 PB", "lots", "0.1", "", "9" * 400 + "T", True)),
    *(("max_uploads_per_user", value) for value in (-1, "many")),
    *(("max_bytes_per_user", value) for value in (-1, "much", "0.1")),
    *(("upload_expiry_seconds", value) for value in (0, "soon")),
    *(("keep_duplicates", value) for value in ("maybe", 2)),
    *(("tokens", value) for value in (5, "anna", "anna=short", f"={TOKEN}", f"an na={TOKEN}", f"anyone={TOKEN}")),
    *(("tokens", f"anna={TOKEN} {other}") for other in (f"anna={TOKEN}x", f"ben={TOKEN}", "ben")),
    *(("importers", value) for value in (5, "=", ["an na"])),
    *(("region_bytes", value) for value in ("0.4", 0)),
    *(("max_duration_seconds", value) for value in ("0", "inf", "nan", "-1", "1h", "1e999")),
    *(("preparers", value) for value in (-1, 257)),
    *(("stall_seconds", value) for value in (0, "soon")),
    *(("retries", value) for value in (-1, 1001, "often")),
    *(("retry_seconds", value) for value in (0, "inf")),
    *(("x264_preset", value) for value in ("placebo", "")),
    *(("x264_crf", value) for value in (52, 0, -1)),
    *(("encoder_memory_bytes", value) for value in (-1, "much", "511MB")),
    *(("sandbox", value) for value in ("maybe", True)),
    *(("ffmpeg", value) for value in (5, False)),
    *(
        ("webhook_url", value)
        for value in ("ftp://host/x", "host/x", "http://", "https://h:port/", "https://h:0/")
    ),
    *(
        ("webhook_url", value)
        for value in (5, ["http://host/x", 5], ["http://ho st/"], ["http://host/\u200b"], [""])
    ),
    *(
        ("webhook_secret", value)
        for value in (5, "hunter2", "YWFh" * 8, f"whsec_{'YWFh' * 7}", "whsec_?", WHSEC * 2)
    ),
    *(("sample", value) for value in ("maybe", "", 2, "oui")),
    *WRONG_OF_IMPORTS,
    *WRONG_OF_BUCKETS,
)


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda given: str(given)[:30])
def test_a_wrong_value_is_told_with_what_is_allowed(tmp_path: Path, name: str, value: object) -> None:
    """The sentence names the setting, where it was found and what it may be."""
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, {name: value})
    assert str(raised.value).startswith(f"{name} (in the command line) must be {SETTINGS[name].allowed}; ")


def test_every_setting_can_be_wrong() -> None:
    """None of them takes whatever comes."""
    assert {name for name, _ in WRONG} >= SETTINGS.keys() - {"ffprobe", "tls_key"}


@pytest.mark.parametrize(
    ("sources", "origin"),
    [
        ({"file": "prot = 1"}, "config/streamserver.toml"),
        ({"file": "[server]\nport = 1"}, "config/streamserver.toml"),
        ({"dotenv": "STREAMSERVER_PROT=1"}, ".env"),
        ({"environment": {"STREAMSERVER_PROT": "1"}}, "the environment"),
    ],
)
def test_an_unknown_setting_is_told_with_those_there_are(
    tmp_path: Path, sources: dict[str, object], origin: str
) -> None:
    """A slip of the pen is not silently ignored."""
    with pytest.raises(
        SettingsError, match=r"(prot|server) \(in .*\) is no setting; there are host, port, "
    ) as raised:
        load(tmp_path, None, **sources)
    assert f"{origin})" in str(raised.value)


def test_the_file_is_named_where_it_is_looked_for(tmp_path: Path) -> None:
    """STREAMSERVER_CONFIG in .env would come too late, so it is refused there rather than ignored."""
    with pytest.raises(SettingsError, match=r"config \(in \.env\)"):
        load(tmp_path, dotenv="STREAMSERVER_CONFIG=other.toml")
    assert load(tmp_path / "x", environment={"STREAMSERVER_CONFIG": "read by the command line"}).port == 8080


@pytest.mark.parametrize(
    "content",
    [b"port = ", b"\xff\xfe", b"port = 1\nport = 2", b'host = "unclosed'],
    ids=["cut", "binary", "twice", "open"],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes) -> None:
    """What is wrong with it, and which file it is."""
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(f"The settings file {path} cannot be read: ")):
        load(tmp_path, config=path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A named file must be there, and be a file; the default one need not."""
    with pytest.raises(SettingsError, match="There is no settings file"):
        load(tmp_path, config=tmp_path / "missing.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path, config=tmp_path)


def test_a_dotenv_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 stop the start with a sentence too."""
    (tmp_path / ".env").write_bytes(b"STREAMSERVER_PORT=\xff\xfe")
    with pytest.raises(SettingsError, match=r"\.env cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", 5),
        ("database_url", [f"mysql://root:{SECRET}@host/name"]),
        ("webhook_url", f"ftp://user:{SECRET}@host/"),
        ("webhook_secret", SECRET),
        ("signing_keys", f"id={SECRET}"),
        ("bucket_secret_key", f"{SECRET} {SECRET}"),
        ("tokens", SECRET),
    ],
)
def test_a_password_is_never_shown(tmp_path: Path, name: str, value: object) -> None:
    """What is said of a wrong address or secret does not contain it."""
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, {name: value})
    assert SECRET not in str(raised.value)
    assert "what was given" in str(raised.value)


def uncommented(path: Path) -> dict[str, object]:
    """Return what a file holds once the `#` before its settings is taken away."""
    return tomllib.loads(
        re.sub(r"^# ?(?=[a-z0-9_]+ = )", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )


def test_the_commented_file_lists_every_setting_with_its_default(tmp_path: Path) -> None:
    """config/streamserver.toml changes nothing as it is, and shows exactly what there is."""
    path = CONFIG / "streamserver.toml"
    assert tomllib.loads(path.read_text(encoding="utf-8")) == {}
    shown = uncommented(path)
    assert list(shown) == list(SETTINGS)
    for name, value in shown.items():
        read = SETTINGS[name].read
        if name in {"encoders", "encoder_memory_bytes"}:  # their defaults depend on the machine
            assert read(value) >= 1
        else:
            assert read(value) == read(SETTINGS[name].default), name
    assert load(tmp_path, config=path) == load(tmp_path / "nothing")


def test_every_setting_is_explained() -> None:
    """In the commented file each has a line of words before it."""
    lines = (CONFIG / "streamserver.toml").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"# ?[a-z0-9_]+ = ", line):
            assert lines[number - 1].startswith("# "), line
            assert " = " not in lines[number - 1], line


def test_the_production_example_is_complete(tmp_path: Path) -> None:
    """Together with example.env, which has the secrets, it is accepted as it stands, and uses MySQL."""
    dotenv = (CONFIG / "example.env").read_text(encoding="utf-8")
    settings = load(tmp_path, config=CONFIG / "production.example.toml", dotenv=dotenv)
    assert settings.database_url.startswith("mysql://")
    assert settings.host == "127.0.0.1"
    assert settings.sample is False
    assert settings.data_dir.is_absolute()
    assert "database_url" not in uncommented(CONFIG / "production.example.toml")
