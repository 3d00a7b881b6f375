"""What a benchmark leaves behind: figures for programs, tables and pictures for people."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks.chart import Chart, Group, bars_svg
from benchmarks.report import Report, markdown_table, table, with_spread
from benchmarks.statistics import Summary

SVG = "{http://www.w3.org/2000/svg}"
HEADERS = ["work", "nginx", "a"]
ROWS = [["range", "1.00", "0.5"], ["a longer one", "1.00", "–"]]


def summary(median: float) -> Summary:
    return Summary(median=median, low=median * 0.9, high=median * 1.1, count=7)


def chart(*medians: float) -> Chart:
    groups = [Group(label=f"work {median}", bars={"a & b": summary(median)}) for median in medians]
    return Chart(title="<rates>", note="a note", series=["a & b"], groups=groups, reference=1.0)


def bar_widths(svg: str) -> list[float]:
    bars = ET.fromstring(svg).iter(f"{SVG}rect")  # noqa: S314 - we wrote it
    return [float(bar.get("width", "0")) for bar in bars if bar.get("height") == "11" and bar.get("y") != "60"]


def test_a_report_says_what_it_was_measured_on(tmp_path: Path) -> None:
    """The file names the benchmark, the day, the machine, the versions and what was left out."""
    report = Report(benchmark="serve", quick=True, left_out={"Caddy": "it is not installed"})
    report.results["rows"] = [summary(2)]
    written = json.loads(report.write(tmp_path).read_text())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", written["began_at"])
    assert written["machine"].keys() >= {"processor", "cores", "memory_bytes", "system", "python"}
    assert written["versions"].keys() >= {"streamserver", "aiohttp", "uvloop"}
    assert written["left_out"] == {"Caddy": "it is not installed"}
    assert written["results"]["rows"] == [{"median": 2, "low": 1.8, "high": 2.2, "count": 7}]


def test_a_heading_owns_up_to_a_quick_run() -> None:
    """Who reads a quick run's table is told that it says little, and what is missing."""
    quick = Report(benchmark="serve", quick=True, left_out={"Caddy": "it is not installed"}).heading()
    assert "quick run" in quick
    assert "left out: Caddy (it is not installed)" in quick
    assert "quick run" not in Report(benchmark="serve", quick=False).heading()


def test_what_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    """A result that would be written as something else is an error, a path is not."""
    report = Report(benchmark="serve", quick=True, results={"where": tmp_path})
    assert json.loads(report.write(tmp_path).read_text())["results"]["where"] == str(tmp_path)
    report.results["what"] = object()
    with pytest.raises(TypeError, match="object"):
        report.write(tmp_path)


def test_columns_of_a_table_line_up() -> None:
    """The first column is flush left, the others end at the same place in every line."""
    lines = table(HEADERS, ROWS).splitlines()
    assert lines[0].startswith("work ")
    assert lines[2].startswith("range ")
    assert len({len(line) for line in lines}) == 1


def test_a_table_in_markdown_has_a_rule_below_its_head() -> None:
    """The second line tells that figures are flush right."""
    assert markdown_table(HEADERS, ROWS).splitlines()[:3] == [
        "| work | nginx | a |",
        "| --- | ---: | ---: |",
        "| range | 1.00 | 0.5 |",
    ]


def test_a_figure_is_shown_with_its_spread() -> None:
    """The median comes first, the quartiles in brackets; what was not measured is a dash."""
    assert with_spread(summary(1)) == "1.00 (0.90–1.10)"
    assert with_spread(None) == "–"


def test_bars_are_logarithmic() -> None:
    """Ten times as much makes a bar longer by the same length wherever it begins."""
    widths = bar_widths(bars_svg(chart(0.01, 0.1, 1)))
    assert widths[1] - widths[0] == pytest.approx(widths[2] - widths[1], abs=0.3)
    assert widths[0] < widths[1] < widths[2]


def test_a_picture_needs_nothing_else() -> None:
    """It is well-formed whatever the names are, and refers to no script, font, style sheet or image."""
    svg = bars_svg(chart(0.5, 0.0))
    ET.fromstring(svg)  # noqa: S314 - we wrote it
    assert "&lt;rates&gt;" in svg
    assert not re.search(r"<script|<image|href|@import|url\(", svg)


def test_a_value_of_zero_has_no_bar() -> None:
    """Zero is nowhere on a logarithmic scale, and breaks nothing."""
    assert bar_widths(bars_svg(chart(0.5, 0.0)))[1] == 0
