"""`make accessibility`: runs every test that a clause names, and writes what they say as a report.

Ends with 1 when a test failed or did not run; what is known not to conform is in the report.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.accessibility.clauses import Outcome, all_tests, judge, load_chapters
from tests.accessibility.report import write_report

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "accessibility"


class Recorder:
    """Hears from pytest what becomes of each test; one that was left out did not run."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid.split("[")[0]
        before = self.outcomes.get(test)
        if report.failed:
            self.outcomes[test] = Outcome.FAILED
        elif before is not Outcome.FAILED and report.skipped:
            self.outcomes[test] = Outcome.DID_NOT_RUN
        elif before is None and report.when == "call":
            self.outcomes[test] = Outcome.PASSED


def run(tests: list[str], root: Path = ROOT, *options: str) -> dict[str, Outcome]:
    """Run these tests with all their cases; what became of each, by its id from `root`."""
    recorder = Recorder()
    # One that is not there would keep pytest from running all others.
    there = [each for each in tests if _is_there(root, each)]
    if there:
        places = [f"{root}/{each}" for each in there]
        pytest.main([*places, "-p", "no:xdist", "-q", f"--rootdir={root}", *options], [recorder])
    return recorder.outcomes


def _is_there(root: Path, test: str) -> bool:
    file, _, name = test.partition("::")
    path = root / file
    return path.is_file() and f"def {name}(" in path.read_text("utf-8")


def main() -> int:
    os.environ["TEST_BUDGET"] = "nightly"
    chapters = load_chapters()
    judged = judge(chapters, run(all_tests(chapters)))
    write_report(FOLDER, chapters, judged, datetime.now(UTC).date())
    for verdict, count in sorted(Counter(each.verdict for each in judged.values()).items()):
        print(f"{count:4} {verdict}")
    print(f"The report: {FOLDER / 'report.html'}")
    bad = {
        f"{test}: {outcome}"
        for each in judged.values()
        for test, outcome in each.tests.items()
        if outcome is not Outcome.PASSED
    }
    print("\n".join(sorted(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
