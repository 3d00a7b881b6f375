"""A report as one HTML file that needs nothing else, readable by day and by night."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.deliveries.svg import STYLE as PLOT_STYLE

STYLE = """
:root {
  --font: ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1c2430; --quiet: #667080; --rule: #e4e2dc;
  --range: #d9690d; --region: #8748d1; --hls: #0a79b8; --yes: #1d7f4f; --half: #9a6a00; --no: #b3363c;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #10141a; --card: #181e26; --ink: #e9edf2; --quiet: #97a3b1; --rule: #2a323d;
    --range: #ff9f52; --region: #bd93ff; --hls: #58bdf5; --yes: #5fd39a; --half: #e8b74c; --no: #ff8087;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 var(--font) }
main { max-width: 1020px; margin: 0 auto; padding: 56px 24px 96px }
h1 { font-size: 34px; line-height: 1.15; letter-spacing: -.02em; margin: 0 0 12px; text-wrap: balance }
h2 { font-size: 21px; letter-spacing: -.01em; margin: 56px 0 4px }
p { margin: 0 0 14px; max-width: 74ch }
.quiet, figcaption, dt { color: var(--quiet) }
.lead { font-size: 18px }
.keys { display: flex; gap: 22px; flex-wrap: wrap; margin: 18px 0 0; font-weight: 600 }
.keys span::before { content: ""; display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  margin-right: 8px; background: var(--key) }
.notice { border-left: 3px solid var(--half); padding: 2px 0 2px 14px; margin-top: 18px }
figure, .facts, .claims { background: var(--card); border: 1px solid var(--rule); border-radius: 12px }
.claims { margin: 14px 0 0; padding: 4px 24px; list-style: none }
.claims li { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 8fr); gap: 6px 32px; padding: 18px 0;
  border-bottom: 1px solid var(--rule) }
.claims li:last-child { border-bottom: 0 }
.claims strong { display: block; line-height: 1.35; margin-bottom: 6px }
.claims p { font-size: 14px; line-height: 1.5; color: var(--quiet); margin: 1px 0 0 }
.verdict { color: var(--verdict); font-size: 12px; font-weight: 700; letter-spacing: .07em;
  text-transform: uppercase }
.verdict::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 50%;
  background: var(--verdict); margin-right: 8px }
.true { --verdict: var(--yes) } .partly { --verdict: var(--half) } .false { --verdict: var(--no) }
@media (max-width: 680px) { .claims li { grid-template-columns: 1fr } svg.plot { min-width: 640px } }
figure { margin: 14px 0 22px; padding: 22px 24px 16px }
figcaption { font-size: 14px; line-height: 1.5; margin-top: 14px }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums }
th, td { padding: 7px 12px 7px 0; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap }
th { color: var(--quiet); font-weight: 600; white-space: normal; vertical-align: bottom; line-height: 1.3 }
td:first-child { padding-right: 20px } th:first-child, td:first-child { text-align: left }
tr:last-child td { border-bottom: 0 }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 14px 28px;
  padding: 20px 24px; margin: 14px 0 0 }
.facts div { min-width: 0 } dt { font-size: 13px } dd { margin: 0; overflow-wrap: anywhere }
main > ul:not(.claims) li + li { margin-top: 8px }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, what was found in a sentence or two, and what shows it."""

    heading: str
    """What it is about."""
    finding: str
    """What the figures say."""
    body: Sequence[str]
    """Pieces of HTML, as the functions below make them."""


def page(
    title: str, *, lead: str, notice: str, keys: Sequence[tuple[str, str]], top: str, sections: Sequence[Section]
) -> str:
    """Put a page together; `keys` are names with their colours, `top` is HTML; a notice may be empty."""
    legend = "".join(f'<span style="--key: {colour}">{escape(name)}</span>' for name, colour in keys)
    warning = f'<p class="notice">{escape(notice)}</p>' if notice else ""
    body = "\n".join(_section(section) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}{PLOT_STYLE}</style>
<main>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
{warning}
<div class="keys">{legend}</div>
{top}
{body}
</main>
</html>
"""


def figure(plot: str, caption: str) -> str:
    """Frame a plot, with how to read it."""
    return f'<figure><div class="scroll">{plot}</div><figcaption>{escape(caption)}</figcaption></figure>'


def html_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set a table, every column but the first flush right."""
    head = "".join(f'<th scope="col">{escape(header)}</th>' for header in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<figure class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></figure>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """List names with what they are."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="facts">{items}</dl>'


def bullets(sentences: Sequence[str]) -> str:
    """List sentences."""
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"


def _section(section: Section) -> str:
    return f"<h2>{escape(section.heading)}</h2>\n<p>{escape(section.finding)}</p>\n" + "\n".join(section.body)
