"""Settings of imports: what they may be, and what they come to."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from streamserver.domain.links import Reach, Trusted, read_link
from streamserver.import_settings import IMPORT_SETTINGS
from streamserver.settings import load_settings

WRONG: tuple[tuple[str, object], ...] = (
    *(("imports", value) for value in (0, 257, "x", True)),
    *(("import_ports", value) for value in ("", [], 0, 65536, "http", "80,443", [80, "x"])),
    *(
        ("import_trusted", value)
        for value in (5, "10.0.0.1/8", "http://host/", "host:", "host:0", "a@b", ["a", ""])
    ),
    *(("import_seconds", value) for value in (0, -1, "soon", "inf")),
    *(("import_stall_seconds", value) for value in (0, "nan")),
    *(("import_least_bytes_per_second", value) for value in (0, "fast")),
    *(("import_most_bytes_per_second", value) for value in (-1, "", "inf")),
    *(("import_tries", value) for value in (-1, 1001, 1.5)),
)
RIGHT: tuple[tuple[str, object, object], ...] = (
    ("imports", "256", 256),
    ("import_ports", 8080, frozenset({8080})),
    ("import_ports", "80 443 8443", frozenset({80, 443, 8443})),
    ("import_ports", [80], frozenset({80})),
    ("import_trusted", "", ()),
    (
        "import_trusted",
        "nas.example [::1]:81 10.1.0.0/16",
        (
            Trusted(host="nas.example"),
            Trusted(host="::1", port=81),
            Trusted(network=ip_network("10.1.0.0/16")),
        ),
    ),
    ("import_trusted", ["NAS.example"], (Trusted(host="nas.example"),)),
    ("import_seconds", "60", 60.0),
    ("import_stall_seconds", 0.5, 0.5),
    ("import_least_bytes_per_second", 1, 1.0),
    ("import_most_bytes_per_second", 0, 0.0),
    ("import_most_bytes_per_second", "5e6", 5_000_000.0),
    ("import_tries", 0, 0),
)


@pytest.mark.parametrize(("name", "written", "value"), RIGHT, ids=str)
def test_a_setting_is_read(tmp_path: Path, name: str, written: object, value: object) -> None:
    """What is written becomes what is meant."""
    settings = load_settings({name: written}, environment={}, folder=tmp_path)
    assert getattr(settings, name) == value


def test_every_setting_is_tried() -> None:
    """Each has a right and a wrong value here."""
    assert {name for name, _, _ in RIGHT} == {name for name, _ in WRONG} == IMPORT_SETTINGS.keys()


def test_what_they_come_to(tmp_path: Path) -> None:
    """Without settings the inside is closed and two ports are open; with them what they name is open, too."""
    assert load_settings({}, environment={}, folder=tmp_path).reach == Reach()
    settings = load_settings(
        {"import_trusted": "nas.example:8080", "import_seconds": 9, "import_tries": 7},
        environment={},
        folder=tmp_path,
    )
    settings.reach.check(read_link("http://nas.example:8080/film.mp4"))
    bounds = settings.bounds(5_000_000)
    assert (bounds.max_bytes, bounds.seconds, bounds.tries) == (5_000_000, 9, 7)
