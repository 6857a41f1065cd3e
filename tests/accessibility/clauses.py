"""The clauses of the standards as data, and what the tests that ran say of each.

A clause passes only by tests that ran now and passed, every one of them. What no test here can know
is not tested, whatever else was; what is known not to conform fails, whatever else passed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

FOLDER = Path(__file__).parent / "clauses"
EVIDENCE = "evidence.toml"
SECTION_508 = "section-508.toml"


class Verdict(StrEnum):
    """What is said of a clause."""

    FAIL = "fail"
    NOT_TESTED = "NOT TESTED"
    PASS = "pass"
    NOT_APPLICABLE = "not applicable"


WORST_FIRST = tuple(Verdict)


class Outcome(StrEnum):
    """What became of a test, all its cases together."""

    PASSED = "passed"
    FAILED = "failed"
    DID_NOT_RUN = "did not run"


class ClauseError(Exception):
    """The data of the clauses contradict themselves; names the clause and what would be right."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of a standard, and by what it is judged."""

    number: str
    title: str
    tests: tuple[str, ...] = ()
    """The ids of the tests that say so, without their cases."""
    not_applicable: str = ""
    not_tested: str = ""
    """What nobody here could try, and who can."""
    fails: str = ""
    """What is known not to conform."""
    note: str = ""
    same_as: tuple[str, ...] = ()
    """Clauses of EN 301 549 whose verdicts are this one's, the worst of them."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """The clauses of a chapter."""

    title: str
    scope: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A clause with its verdict, why, and what became of its tests."""

    clause: Clause
    verdict: Verdict
    why: str
    tests: Mapping[str, Outcome] = field(default_factory=dict)


def load_chapters(folder: Path = FOLDER) -> tuple[Chapter, ...]:
    """All chapters in order, Section 508 last. Raises `ClauseError`."""
    named = tomllib.loads((folder / EVIDENCE).read_text("utf-8"))["tests"]
    files = sorted(each for each in folder.glob("*.toml") if each.name != EVIDENCE)
    return tuple(_chapter(file, named) for file in files)


def _chapter(file: Path, named: Mapping[str, str]) -> Chapter:
    data = tomllib.loads(file.read_text("utf-8"))
    clauses = tuple(_clause(number, row, named) for number, row in data["clauses"].items())
    return Chapter(data["chapter"], data["scope"], clauses)


def _clause(number: str, row: dict[str, object], named: Mapping[str, str]) -> Clause:
    fields = dict(row)
    short = _names(fields.pop("tests", ()))
    unknown = [each for each in short if each not in named]
    if unknown:
        raise ClauseError(f"clause {number}: {EVIDENCE} has no test called {', '.join(unknown)}")
    same_as = _names(fields.pop("as", ()))
    texts = {name: str(text) for name, text in fields.items()}
    clause = Clause(number, tests=tuple(named[each] for each in short), same_as=same_as, **texts)
    reasons = [clause.not_applicable, clause.not_tested, clause.fails]
    if sum(map(bool, reasons)) > 1:
        raise ClauseError(f"clause {number}: give one of not_applicable, not_tested and fails")
    if not any((*reasons, clause.tests, clause.same_as)):
        raise ClauseError(f"clause {number}: nothing says whether it holds: give tests or a reason")
    if clause.not_applicable and clause.tests:
        raise ClauseError(f"clause {number}: what does not apply has no tests: leave them out")
    return clause


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ClauseError(f"{value!r}: give a list of names")
    return tuple(value)


def all_tests(chapters: Iterable[Chapter]) -> list[str]:
    """Every test that a clause names, each once."""
    return sorted({test for each in chapters for clause in each.clauses for test in clause.tests})


def judge(chapters: Iterable[Chapter], ran: Mapping[str, Outcome]) -> dict[str, Judged]:
    """The verdict of every clause by its number."""
    chapters = tuple(chapters)
    clauses = [clause for each in chapters for clause in each.clauses]
    judged = {each.number: _by_tests(each, ran) for each in clauses if not each.same_as}
    for each in clauses:
        if each.same_as:
            judged[each.number] = _by_others(each, judged)
    return judged


def _by_tests(clause: Clause, ran: Mapping[str, Outcome]) -> Judged:
    tests = {each: ran.get(each, Outcome.DID_NOT_RUN) for each in clause.tests}
    failed = [each for each, outcome in tests.items() if outcome is Outcome.FAILED]
    absent = [each for each, outcome in tests.items() if outcome is Outcome.DID_NOT_RUN]
    if clause.fails or failed:
        why = clause.fails or f"This test failed: {', '.join(failed)}"
        return Judged(clause, Verdict.FAIL, why, tests)
    if clause.not_applicable:
        return Judged(clause, Verdict.NOT_APPLICABLE, clause.not_applicable)
    if clause.not_tested or absent:
        why = clause.not_tested or f"This test did not run: {', '.join(absent)}"
        return Judged(clause, Verdict.NOT_TESTED, why, tests)
    return Judged(clause, Verdict.PASS, clause.note, tests)


def _by_others(clause: Clause, judged: Mapping[str, Judged]) -> Judged:
    unknown = [each for each in clause.same_as if each not in judged]
    if unknown:
        raise ClauseError(f"clause {clause.number}: there is no clause {', '.join(unknown)}")
    others = [judged[each] for each in clause.same_as]
    worst = min(others, key=lambda each: WORST_FIRST.index(each.verdict))
    like = [each.clause.number for each in others if each.verdict is worst.verdict]
    why = f"As EN 301 549, {', '.join(like)}. {worst.why if len(like) == 1 else ''}".strip()
    tests = {test: outcome for each in others for test, outcome in each.tests.items()}
    return Judged(clause, worst.verdict, why, tests)
