"""The report says "pass" of nothing that no test has shown just now, and leaves no clause out."""

from __future__ import annotations

import json
import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from tests.accessibility.__main__ import _is_there, run
from tests.accessibility.clauses import (
    FOLDER,
    ClauseError,
    Outcome,
    Verdict,
    all_tests,
    judge,
    load_chapters,
)
from tests.accessibility.report import write_report

ROOT = Path(__file__).parents[2]


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


WCAG = words("""
1.1.1 1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.3.3 1.3.4 1.3.5 1.4.1 1.4.2 1.4.3
1.4.4 1.4.5 1.4.10 1.4.11 1.4.12 1.4.13 2.1.1 2.1.2 2.1.4 2.2.1 2.2.2 2.3.1 2.4.1 2.4.2
2.4.3 2.4.4 2.4.5 2.4.6 2.4.7 2.5.1 2.5.2 2.5.3 2.5.4 3.1.1 3.1.2 3.2.1 3.2.2 3.2.3
3.2.4 3.3.1 3.3.2 3.3.3 3.3.4 4.1.1 4.1.2 4.1.3
""")
"""WCAG 2.1, levels A and AA."""
OF_PAGES_ONLY = words("""
2.4.1 2.4.2 2.4.5 3.1.2 3.2.3 3.2.4
""")
"""What chapter 11 leaves out: it is about sets of pages."""
OPEN_AND_CLOSED = words("""
1.1.1 1.2.1 1.2.3 1.3.1 1.3.2 1.3.5 1.4.4 1.4.5 2.1.1 2.1.4 3.1.1 3.3.1 4.1.1 4.1.2
4.1.3
""")
"""What chapter 11 asks of open and of closed functionality apart."""


def numbered(start: str, last: int) -> set[str]:
    return {f"{start}.{number}" for number in range(1, last + 1)}


def software() -> set[str]:
    found = {f"11.{each}" for each in WCAG if each not in (*OF_PAGES_ONLY, *OPEN_AND_CLOSED)}
    for each in OPEN_AND_CLOSED:
        found |= numbered(f"11.{each}", 2)
    found |= {"11.5.1", "11.6.1", "11.6.2", "11.7"}
    return found | numbered("11.5.2", 17) | numbered("11.8", 5)


STANDARD = {
    "5": {
        *numbered("5.1.2", 2),
        *numbered("5.1.3", 16),
        *("5.1.4", "5.1.5", "5.1.6.1", "5.1.6.2", "5.1.7", "5.2", "5.3", "5.4"),
        *("5.5.1", "5.5.2", "5.6.1", "5.6.2", "5.7", "5.8", "5.9"),
    },
    "8": {
        *("8.1.2", "8.1.3", "8.2.1.1", "8.2.1.2", "8.2.2.1", "8.2.2.2"),
        *("8.3.2.1", "8.3.2.2", *numbered("8.3.2.3", 3), "8.3.2.4", "8.3.2.5", "8.3.2.6"),
        *("8.3.3.1", "8.3.3.2", "8.3.3.3.1", "8.3.3.3.2"),
        *("8.3.4.1", "8.3.4.2", "8.3.4.3.2", "8.3.4.3.3", "8.3.5", "8.3.6"),
        *("8.4.1", "8.4.2.1", "8.4.2.2", "8.4.3", "8.5"),
    },
    "9": {*(f"9.{each}" for each in WCAG), "9.6"},
    "11": software(),
    "12": {"12.1.1", "12.1.2", "12.2.2", "12.2.3", "12.2.4"},
}
"""The numbers of the clauses that ask for something; headings and notes ask for nothing."""
SECTION_508 = set(
    words("""
302.1 302.2 302.3 302.4 302.5 302.6 302.7 302.8 302.9 402.2.1 402.2.2 402.2.3 402.2.4
402.2.5 402.3.1 402.3.2 402.4 402.5 403.1 404.1 405.1 406.1 407.2 407.3.1 407.3.2
407.3.3 407.4 407.5 407.6 407.7 407.8.1 407.8.1.1 407.8.1.2 407.8.2 407.8.2.1 407.8.2.2
407.8.3 407.8.3.1 407.8.3.2 407.8.3.2.1 407.8.3.2.2 408.2 408.3 409.1 410.1 411.1
412.2.1 412.2.2 412.3.1 412.3.2 412.4 412.5 412.6 412.7 412.8.1 412.8.2 412.8.3 412.8.4
413.1.1 413.1.2 414.1.1 414.1.2 415.1.1 415.1.2 501.1 502.2.1 502.2.2 502.4 503.2 503.3
503.4.1 503.4.2 504.2.1 504.2.2 504.3 504.4 602.2 602.3 602.4 603.2 603.3
""")
) | numbered("502.3", 14)


def test_every_clause_of_the_standards_is_there_and_no_other() -> None:
    *chapters, section_508 = load_chapters()
    found = {each.title.split()[0]: {one.number for one in each.clauses} for each in chapters}
    assert found == STANDARD
    assert {each.number for each in section_508.clauses} == SECTION_508


def test_every_test_that_a_clause_names_is_there() -> None:
    absent = [each for each in all_tests(load_chapters()) if not _is_there(ROOT, each)]
    assert absent == []


def test_nothing_passes_without_a_test_that_passed() -> None:
    chapters = load_chapters()
    tests = all_tests(chapters)
    for ran in (
        {},
        dict.fromkeys(tests, Outcome.FAILED),
        dict.fromkeys(tests, Outcome.DID_NOT_RUN),
    ):
        verdicts = {each.verdict for each in judge(chapters, ran).values()}
        assert Verdict.PASS not in verdicts
    for each in judge(chapters, dict.fromkeys(tests, Outcome.PASSED)).values():
        assert each.tests or each.verdict is not Verdict.PASS, each.clause.number
    one_less = dict.fromkeys(tests[1:], Outcome.PASSED)
    for each in judge(chapters, one_less).values():
        assert tests[0] not in each.tests or each.verdict is not Verdict.PASS, each.clause.number


BROKEN = """
import pytest
from kiosk.ui.theme import HIGH_CONTRAST, colour, contrast

@pytest.mark.parametrize("ground", ["#000000", "#FFFFFF"])
def test_words_stand_out(ground):
    assert contrast(HIGH_CONTRAST.ink, colour(ground)) >= 4.5

def test_words_stand_out_on_black():
    assert contrast(HIGH_CONTRAST.ink, colour("#000000")) >= 4.5

@pytest.mark.skip(reason="no loudspeaker")
def test_it_is_loud_enough():
    pass
"""
CLAUSES = """
chapter = "0 Of a test"
scope = "Nothing"
[clauses]
"1" = { title = "one case fails", tests = ["broken", "whole"] }
"2" = { title = "all pass", tests = ["whole"] }
"3" = { title = "was skipped", tests = ["skipped", "whole"] }
"4" = { title = "is not there", tests = ["absent"] }
"5" = { title = "is known to fail", tests = ["whole"], fails = "It does not." }
"6" = { title = "as two others", as = ["2", "1"] }
"""


def test_what_is_broken_is_reported_as_failing(tmp_path: Path) -> None:
    """The negative control, from a test that fails to the words of the report."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_broken.py").write_text(BROKEN)
    names = {
        "broken": "test_words_stand_out",
        "whole": "test_words_stand_out_on_black",
        "skipped": "test_it_is_loud_enough",
        "absent": "test_that_somebody_took_away",
    }
    lines = [f'{short} = "test_broken.py::{name}"' for short, name in names.items()]
    (tmp_path / "clauses").mkdir()
    (tmp_path / "clauses" / "evidence.toml").write_text("\n".join(["[tests]", *lines]))
    (tmp_path / "clauses" / "of-a-test.toml").write_text(CLAUSES)
    chapters = load_chapters(tmp_path / "clauses")
    ran = run(all_tests(chapters), tmp_path, "-c", str(tmp_path / "pytest.ini"))
    judged = judge(chapters, ran)
    write_report(tmp_path, chapters, judged, date(2026, 12, 4))
    said = {each: str(judged[each].verdict) for each in judged}
    assert said == {
        "1": "fail",
        "2": "pass",
        "3": "NOT TESTED",
        "4": "NOT TESTED",
        "5": "fail",
        "6": "fail",
    }
    rows = json.loads((tmp_path / "report.json").read_text("utf-8"))["clauses"]
    assert {row["number"]: row["verdict"] for row in rows} == said
    page = (tmp_path / "report.html").read_text("utf-8")
    assert re.findall(r"<tr><td>(\d)</td>.*?> ?[✓✗?–] ([\w ]+)</td>", page) == list(said.items())


def test_data_that_say_nothing_or_two_things_are_refused(tmp_path: Path) -> None:
    (tmp_path / "evidence.toml").write_text('[tests]\nwhole = "test_a.py::test_a"\n')
    head = 'chapter = "0"\nscope = ""\n[clauses]\n'
    for row, reason in (
        ('"1" = { title = "x" }', "clause 1: nothing says whether it holds"),
        ('"1" = { title = "x", tests = ["half"] }', "has no test called half"),
        ('"1" = { title = "x", fails = "a", not_tested = "b" }', "clause 1: give one of"),
        ('"1" = { title = "x", not_applicable = "a", tests = ["whole"] }', "leave them out"),
    ):
        (tmp_path / "one.toml").write_text(head + row)
        with pytest.raises(ClauseError, match=reason):
            load_chapters(tmp_path)
    assert FOLDER.is_dir()


# --- chapter 12 ----------------------------------------------------------------------------------

HELPS = ("number pad", "headphone", "large", "contrast", "spoken", "star", "Clear", "language")


def test_the_documents_name_what_helps() -> None:
    statement = (ROOT / "docs" / "accessibility.md").read_text("utf-8")
    for word in HELPS:
        assert word in statement, f"the statement does not name {word}"
    for name in ("README.md", "docs/README.md", "docs/operate.md", "docs/install-a-locker.md"):
        text = (ROOT / name).read_text("utf-8")
        assert "accessibility.md" in text, f"{name} does not lead to the statement"
    install = (ROOT / "docs" / "install-a-locker.md").read_text("utf-8")
    assert "1220 mm" in install
    assert "380" in install


def test_the_documents_can_be_read_without_seeing_them() -> None:
    for file in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        text = re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL)
        assert re.search(r"^# \S", text, re.MULTILINE), f"{file.name} has no title"
        levels = [len(each) for each in re.findall(r"^(#+) ", text, re.MULTILINE)]
        for before, level in pairwise(levels):
            assert level <= before + 1, f"{file.name} leaves a level of headings out"
        for alt in re.findall(r"!\[([^\]]*)\]", text):
            assert alt, f"{file.name} has a picture without words"
        for tag in re.findall(r"<img [^>]*>", text):
            assert re.search(r'alt="[^"]+"', tag), f"{file.name} has a picture without words"
