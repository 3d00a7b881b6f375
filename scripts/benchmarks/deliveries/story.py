"""The report for people: tables in Markdown, a page with plots in HTML."""

from collections.abc import Sequence
from html import escape

from benchmarks.deliveries.claims import Claim, Verdict
from benchmarks.deliveries.front import ORIGIN_RATE_BPS, SLICE_BYTES
from benchmarks.deliveries.hls import GOAL_SECONDS
from benchmarks.deliveries.media_element import FULL_SECONDS, LOW_SECONDS
from benchmarks.deliveries.page import Section, bullets, facts, html_table, page
from benchmarks.deliveries.results import MEGA, Results, tables
from benchmarks.deliveries.sections import COLOURS, sections
from benchmarks.deliveries.wire import RECEIVE_BUFFER_BYTES, SEGMENT_BYTES
from benchmarks.report import Report, markdown_table

TITLE = "Range, ResourceRegion and HLS: what each delivery costs"
QUICK_NOTICE = "A quick run, of a few viewers for a few seconds: it shows that the benchmark runs, and no more."
VERDICT_CLASSES = {Verdict.TRUE: "true", Verdict.PARTLY: "partly", Verdict.FALSE: "false"}

METHOD = """
The replays ran {pace}. Sessions are data, and the same each time: a stall or a slow start makes a session last
longer, and changes nothing else.

Viewers have lines: what comes is read no faster than the line carries it, out of {buffer} KiB of receive buffer
and in packets of {packet} bytes, and each connect and each request waits for a round trip. TCP's slow start and
losses are not played.

The media element, as Chromium's was seen to do, asks for all, reads the moov ahead of the media, and goes on in
the same answer. It reads until {full:g} s are ahead, and on again at {low:g} s. The player of HLS reads
playlists and whole segments, and keeps {goal:g} s ahead. Both keep what they have, and their connection until an
answer has to be given up.

Something is playable once its whole fragment is there: the sound lies behind the picture.

A cache fetches each answer at {origin:g} Mbit/s at most, as from another machine; slices are of {slices} KiB. It
starts empty, so these are the hits of its first minutes, with all that a first viewer has to wait for.

Each server had been asked for everything once before. Straight, each delivery has a server of its own; the
deliveries behind a cache share one, with an empty cache each.

Others who use the machine move the figures of one run by a fifth, which is why smaller differences are taken for
none.

System calls were counted in replays of their own, of {few} of the viewers and {counted:g} times as fast as life,
because counting slows servers down. While the viewers that a link holds were looked for, time ran faster too: a
connection stands for several.
"""


def as_markdown(report: Report, results: Results) -> str:
    """Write all tables, and what they say about the claims."""
    parts = [f"# {TITLE}", report.heading().replace("\n", "  \n"), _lead(results)]
    parts += ["## What is said, and what is so", *(_claim_line(claim) for claim in results.claims())]
    for heading, (headers, rows) in tables(results):
        parts += [f"## {heading}", markdown_table(headers, rows)]
    parts += ["## How it was measured", "\n".join(f"- {sentence}" for sentence in _method(results))]
    return "\n\n".join(parts) + "\n"


def as_html(report: Report, results: Results) -> str:
    """Write the page."""
    every_table = [html_table(headers, rows) for _heading, (headers, rows) in tables(results)]
    return page(
        TITLE,
        lead=_lead(results),
        notice=QUICK_NOTICE if report.quick else "",
        keys=[(delivery, colour) for delivery, colour in COLOURS.items()],
        top=_claims(results.claims()),
        sections=[
            *sections(results),
            Section(heading="All figures", finding="As tables.", body=every_table),
            Section(
                heading="How it was measured",
                finding="",
                body=[facts(_facts(report, results)), bullets(_method(results))],
            ),
        ],
    )


def _lead(results: Results) -> str:
    setting = results.setting
    rates = ", ".join(f"{rate / MEGA:.2f}" for rate in setting.bit_rates_bps)
    return (
        f"{setting.sessions} sessions of {setting.viewers} viewers at once, drawn once and replayed against the "
        f"same renditions ({rates} Mbit/s) by each delivery. Viewers start, watch on, seek there and back, change "
        f"the quality and leave early; {setting.videos} videos are watched as unequally as videos are."
    )


def _claim_line(claim: Claim) -> str:
    return f"- **{claim.text}** *{claim.verdict.capitalize()}.* {claim.evidence}"


def _claims(claims: Sequence[Claim]) -> str:
    items = "".join(
        f'<li class="{VERDICT_CLASSES[claim.verdict]}"><div><strong>{escape(claim.text)}</strong>'
        f'<span class="verdict">{escape(claim.verdict)}</span></div><p>{escape(claim.evidence)}</p></li>'
        for claim in claims
    )
    return f'<h2>What is said, and what is so</h2><ul class="claims">{items}</ul>'


def _facts(report: Report, results: Results) -> list[tuple[str, str]]:
    busiest = max(cell.client_cpu_share for cell in results.cells)
    return [
        ("When", report.began_at),
        ("Machine", "{processor}, {cores} cores, {system}, Python {python}".format_map(report.machine)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in report.versions.items())),
        ("Length of a replay", f"{results.setting.replay_seconds:g} s"),
        ("Seed of the sessions", str(results.setting.seed)),
        ("The viewers' own work", f"at most {busiest:.0%} of one core"),
        ("Left out", "; ".join(f"{what} ({why})" for what, why in report.left_out.items()) or "nothing"),
    ]


def _method(results: Results) -> list[str]:
    """Say what a reader has to know to trust the figures, or not to."""
    setting = results.setting
    pace = "as fast as life"
    if setting.scale != 1:
        pace = f"{setting.scale:g} times as fast as life: what a server takes appears that much longer"
    written = METHOD.format(
        pace=pace,
        buffer=RECEIVE_BUFFER_BYTES // 1024,
        packet=SEGMENT_BYTES,
        full=FULL_SECONDS,
        low=LOW_SECONDS,
        goal=GOAL_SECONDS,
        origin=ORIGIN_RATE_BPS / MEGA,
        slices=SLICE_BYTES // 1024,
        few=setting.touch_viewers,
        counted=setting.touch_scale,
    )
    return [" ".join(paragraph.split()) for paragraph in written.strip().split("\n\n")]
