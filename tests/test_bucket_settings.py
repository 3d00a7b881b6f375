"""Settings of pre-signed uploads and of their bucket."""

from pathlib import Path

import pytest

from streamserver.domain.buckets import Place
from streamserver.domain.signing import SigningKey
from streamserver.errors import SettingsError
from streamserver.settings import Settings, load_settings

SECRET = "hunter2"  # noqa: S105 - of a storage that is not there
KEY = f"one={'YWFh' * 11}"
OTHER = f"two={'YmJi' * 11}"
GIVEN = {"bucket": "videos", "bucket_access_key": "us", "bucket_secret_key": SECRET}

WRONG: tuple[tuple[str, object], ...] = (
    *(
        (name, value)
        for name in ("public_url", "bucket_endpoint", "bucket_public_endpoint")
        for value in ("host", "ftp://host", "https://", "https://host/path", "https://host:0", "https://host:x")
    ),
    *(
        ("public_url", value)
        for value in (5, "https://a@host", "https://ho st", "https://h\u00f6st", "https://h?x")
    ),
    *(("signing_keys", value) for value in (5, "one", "one=YWFh", f"{KEY} {KEY}", "one=" + "YWFh" * 22)),
    *(("upload_origins", value) for value in ("", [], "https://a/x", "* b", ["*", 5])),
    *(("bucket", value) for value in (5, "A", "ab/c", "-abc", "a" * 64)),
    *(("bucket_region", value) for value in ("", 5, "eu west")),
    *(("bucket_access_key", value) for value in (5, "a b", "\u00e4")),
    *(("bucket_secret_key", value) for value in (5, "a b", "\u00e4")),
    *(("bucket_prefix", value) for value in (5, "a", "/", "/a/", "a//", "../", "a b/")),
)


def load(folder: Path, **given: object) -> Settings:
    return load_settings(given, environment={}, folder=folder)


def test_without_a_bucket_uploads_come_here(tmp_path: Path) -> None:
    """That is the default, with URLs for pages of every origin."""
    settings = load(tmp_path)
    assert settings.place is None
    assert (settings.signing_keys, settings.upload_origins, settings.public_url) == ((), frozenset("*"), "")


def test_a_bucket_is_put_together(tmp_path: Path) -> None:
    """Of its name, where it is, who we are there, and what is ours in it."""
    settings = load(tmp_path, **GIVEN, bucket_endpoint="http://10.0.0.1:8333/", bucket_prefix="")
    assert settings.place == Place(
        bucket="videos", endpoint="http://10.0.0.1:8333", access_key="us", secret_key=SECRET
    )
    settings = load(
        tmp_path,
        **GIVEN,
        bucket_region="eu-west-1",
        bucket_public_endpoint="https://s3.example",
        bucket_prefix="a/b/",
    )
    assert settings.place == Place(
        bucket="videos",
        public_endpoint="https://s3.example",
        region="eu-west-1",
        access_key="us",
        secret_key=SECRET,
        prefix="a/b/",
    )


@pytest.mark.parametrize("missing", ["bucket_access_key", "bucket_secret_key"])
def test_a_bucket_needs_its_keys(tmp_path: Path, missing: str) -> None:
    """The start is refused without them."""
    with pytest.raises(SettingsError, match="bucket_access_key and bucket_secret_key must be set beside bucket"):
        load(tmp_path, **{**GIVEN, missing: ""})


@pytest.mark.parametrize("written", [f"{KEY} {OTHER}", [KEY, OTHER]], ids=["text", "list"])
def test_keys_are_read_in_their_order(tmp_path: Path, written: object) -> None:
    """The first one signs."""
    assert load(tmp_path, signing_keys=written).signing_keys == (
        SigningKey(id="one", secret=b"a" * 33),
        SigningKey(id="two", secret=b"b" * 33),
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("*", {"*"}),
        ("https://a.example http://b.example:8080/", {"https://a.example", "http://b.example:8080"}),
        (["https://a.example"], {"https://a.example"}),
    ],
)
def test_origins_are_read(tmp_path: Path, written: object, read: set[str]) -> None:
    """A star, or addresses without a path."""
    assert load(tmp_path, upload_origins=written).upload_origins == read


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """Neither with the settings nor with the bucket."""
    settings = load(tmp_path, **GIVEN, signing_keys=KEY)
    assert SECRET not in f"{settings} {settings.place}"
    assert "aaa" not in str(settings)
