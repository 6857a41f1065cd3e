"""The operator's report: the same figures as a table, CSV and JSON; counted from an earlier one."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from kiosk.console import report
from kiosk.console.report import Line, SnapshotError

COUNTERS = {
    "stored": {"S": 10, "M": 2},
    "retrieved": {"S": 8},
    "expired": {"S": 1},
    "pickups_timed": {"": 8},
    "pickup_ms": {"": 96_000},
    "sampled_slots": {"S 08": 100, "S 09": 100, "M 08": 40},
    "sampled_taken": {"S 08": 25, "S 09": 75},
    "fault.JAMMED": {"7": 3, "12": 5},
    "fault.FORCED": {"3": 1},
}


def test_what_happened_is_reported_in_figures() -> None:
    found = {(line.figure, line.of): line.value for line in report.lines(COUNTERS)}
    assert found["stored", "S"] == 10
    assert found["retrieved", "M"] == 0
    assert found["time per pickup", ""] == 12.0
    assert found["utilisation", "S"] == 50.0
    assert found["utilisation", "S 08:00"] == 25.0
    assert found["utilisation", "M"] == 0.0
    assert found["fault JAMMED", "12"] == 5


def test_the_door_that_fails_most_comes_first() -> None:
    jams = [line.of for line in report.lines(COUNTERS) if line.figure == "fault JAMMED"]
    assert jams == ["12", "7"]


def test_a_report_can_count_from_an_earlier_one_on(tmp_path: Path) -> None:
    text = report.as_text("json", {"counters": COUNTERS}, report.lines(COUNTERS))
    path = tmp_path / "monday.json"
    path.write_text(text)
    now = {**COUNTERS, "stored": {"S": 15, "M": 2, "L": 1}}
    week = report.since(now, report.read_snapshot(path))
    found = {(line.figure, line.of): line.value for line in report.lines(week)}
    assert (found["stored", "S"], found["stored", "M"], found["stored", "L"]) == (5, 0, 1)
    assert ("time per pickup", "") not in found
    assert not [key for key in found if key[0].startswith("fault")]


def test_all_forms_say_the_same() -> None:
    figures = report.lines(COUNTERS)
    table = report.as_text("table", {}, figures).splitlines()
    rows = list(csv.DictReader(io.StringIO(report.as_text("csv", {}, figures))))
    objects = json.loads(report.as_text("json", {"counters": COUNTERS}, figures))["figures"]
    assert len(table) == len(rows) == len(objects) == len(figures)
    for line, row, each in zip(table, rows, objects, strict=True):
        assert row["value"] in line
        assert float(row["value"]) == each["value"]


def test_a_new_machine_has_an_empty_report() -> None:
    assert report.lines({}) == []
    assert "nothing" in report.as_text("table", {}, [])
    assert Line("stored", "S", 1, "packages") not in report.lines({})


@pytest.mark.parametrize("text", [None, "not json", "[]", "{}", '{"counters": {"stored": 5}}'])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "snapshot.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SnapshotError, match="kiosk report --format json"):
        report.read_snapshot(path)


def test_a_report_that_a_shell_wrote_as_utf_16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    text = report.as_text("json", {"counters": COUNTERS}, [])
    for coding in ("utf-16", "utf-8-sig"):
        path.write_text(text, encoding=coding)
        assert report.read_snapshot(path) == COUNTERS


def test_a_figure_that_begins_like_a_formula_is_marked_as_text() -> None:
    text = report.as_text("csv", {}, [Line("=1+1", "@A1", -2, "times")])
    assert text.splitlines()[1] == "'=1+1,'@A1,-2,times"
