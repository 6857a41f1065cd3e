"""The report: what was found of each clause, as a page for people and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from html import escape
from pathlib import Path

from tests.accessibility.clauses import Chapter, Judged, Outcome, Verdict

TITLE = "Accessibility of Parcel kiosk: EN 301 549 V3.2.1 and Section 508"
METHOD = (
    "Self-assessment by the tests of this repository, run for this report. A clause passes only if "
    "every test named beside it ran now and passed. No screen reader, no real panel, keypad, "
    "headphone or door, and nobody who needs them took part; what depends on those is listed as "
    "NOT TESTED. Chapters 6, 7, 10 and 13 of EN 301 549 are left out: there is no two-way voice, "
    "no video and no relay service, and the e-mails are judged with the pages."
)
_SIGN = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.NOT_TESTED: "?",
    Verdict.NOT_APPLICABLE: "–",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #15202b; background: #fff; margin: 0 auto;
  max-width: 70rem; padding: 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
  border-bottom: 1px solid #767676; }
td:first-child, .verdict { white-space: nowrap; }
.verdict { font-weight: 700; }
.fail { color: #a31d17; } .pass { color: #0b6238; } .not-tested { color: #6b4600; }
.tests { font-size: .875rem; }
@media (max-width: 40rem) {
  tr, td, th { display: block; border: 0; padding: .1rem 0; }
  tr { border-bottom: 1px solid #767676; padding: .5rem 0; } thead { display: none; }
}
"""


def as_json(chapters: tuple[Chapter, ...], judged: Mapping[str, Judged], day: date) -> str:
    """The report for programs."""
    rows = [
        {
            "number": clause.number,
            "title": clause.title,
            "chapter": chapter.title,
            "verdict": judged[clause.number].verdict,
            "why": judged[clause.number].why,
            "tests": judged[clause.number].tests,
        }
        for chapter in chapters
        for clause in chapter.clauses
    ]
    counts = Counter(str(each.verdict) for each in judged.values())
    report = {"title": TITLE, "date": day.isoformat(), "method": METHOD, "counts": counts}
    return json.dumps({**report, "clauses": rows}, indent=1, ensure_ascii=False) + "\n"


def as_page(chapters: tuple[Chapter, ...], judged: Mapping[str, Judged], day: date) -> str:
    """The report for people."""
    parts = "\n".join(_section(chapter, judged) for chapter in chapters)
    counts = Counter(each.verdict for each in judged.values())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE}</title><style>{_STYLE}</style></head>
<body><main><h1>{TITLE}</h1>
<p>{day.isoformat()}. {escape(METHOD)}</p>
<p>{_counted(counts)}</p>
{_of_concern(chapters, judged)}
{parts}
</main></body></html>
"""


def _of_concern(chapters: tuple[Chapter, ...], judged: Mapping[str, Judged]) -> str:
    failing = [
        judged[clause.number]
        for chapter in chapters
        for clause in chapter.clauses
        if judged[clause.number].verdict is Verdict.FAIL
    ]
    items = "".join(
        f"<li>{each.clause.number} {escape(each.clause.title)}: {escape(each.why)}</li>"
        for each in failing
    )
    return f"<h2>What fails</h2><ul>{items}</ul>" if failing else ""


def _section(chapter: Chapter, judged: Mapping[str, Judged]) -> str:
    rows = "\n".join(_row(judged[clause.number]) for clause in chapter.clauses)
    counts = Counter(judged[clause.number].verdict for clause in chapter.clauses)
    return (
        f"<h2>{escape(chapter.title)}</h2><p>{escape(chapter.scope)} {_counted(counts)}</p>"
        "<table><thead><tr><th>Clause</th><th>What it asks</th><th>Verdict</th>"
        f"<th>Why, and the tests that say so</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(each: Judged) -> str:
    style = str(each.verdict).lower().replace(" ", "-")
    tests = "".join(f"<br><code>{escape(test)}</code>{_of(o)}" for test, o in each.tests.items())
    return (
        f"<tr><td>{each.clause.number}</td><td>{escape(each.clause.title)}</td>"
        f'<td class="verdict {style}">{_SIGN[each.verdict]} {each.verdict}</td>'
        f'<td>{escape(each.why)}<span class="tests">{tests}</span></td></tr>'
    )


def _of(outcome: Outcome) -> str:
    return "" if outcome is Outcome.PASSED else f" <strong>{outcome}</strong>"


def _counted(counts: Mapping[Verdict, int]) -> str:
    return ", ".join(f"{counts.get(each, 0)} {each}" for each in Verdict) + "."


def write_report(
    folder: Path, chapters: tuple[Chapter, ...], judged: Mapping[str, Judged], day: date
) -> None:
    """Write `report.html` and `report.json` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(as_page(chapters, judged, day), encoding="utf-8")
    (folder / "report.json").write_text(as_json(chapters, judged, day), encoding="utf-8")
