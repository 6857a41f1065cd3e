"""The lock files held against a dump of advisories, with no network."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from central.advisories import AdvisoriesError, audit

CHECKOUT = Path(__file__).parents[2]


def advisory(name: str, *events: dict[str, str], **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges}
    affected["versions"] = more.pop("versions", [])
    record = {"id": "PYSEC-1", "modified": "2026-01-02T03:04:05Z", "summary": "A hole"}
    return record | {"affected": [affected]} | more


def dump_of(folder: Path, *records: object) -> Path:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, record in enumerate(records):
            text = record if isinstance(record, str) else json.dumps(record)
            archive.writestr(f"{number}.json", text)
    return path


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "one.lock"
    path.write_text("A_Package==1.10.0 \\\n    --hash=sha256:00\n    # via x\nother==2.0 ; y\n")
    return path


@pytest.mark.parametrize(
    ("events", "is_affected"),
    [
        ([{"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "1.9"}], False),
        ([{"introduced": "0"}, {"fixed": "1.10.0"}], False),
        ([{"introduced": "0"}, {"fixed": "1.10.1"}], True),
        ([{"introduced": "1.10.0"}], True),
        ([{"introduced": "1.11"}], False),
        ([{"introduced": "0"}, {"last_affected": "1.10.0"}], True),
        ([{"introduced": "0"}, {"last_affected": "1.9.9"}], False),
        ([{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "1.10"}], True),
        ([{"introduced": "1.10"}, {"fixed": "1.2"}, {"introduced": "0"}], True),
    ],
)
def test_a_range_is_read_by_versions_not_by_letters(
    tmp_path: Path, lock: Path, events: list[dict[str, str]], is_affected: bool
) -> None:
    found = audit([lock], dump_of(tmp_path, advisory("a.package", *events)))
    assert bool(found.vulnerabilities) is is_affected


def test_a_listed_version_counts_and_what_was_withdrawn_does_not(
    tmp_path: Path, lock: Path
) -> None:
    listed = advisory("Other", versions=["2.0"], aliases=["CVE-2026-1"])
    gone = advisory("other", versions=["2.0"], withdrawn="2026-01-01T00:00:00Z")
    elsewhere = advisory("other", versions=["2.0"])
    elsewhere["affected"][0]["package"]["ecosystem"] = "npm"
    (found,) = audit([lock], dump_of(tmp_path, listed, gone, elsewhere)).vulnerabilities
    assert str(found) == "other 2.0: PYSEC-1, CVE-2026-1: A hole; no mended version"


@pytest.mark.parametrize(
    "record", ["{", "[]", "[" * 100_000, '{"affected": 3}', '{"affected": [{"package": 3}]}']
)
def test_a_record_that_is_none_hides_no_other(tmp_path: Path, lock: Path, record: str) -> None:
    bad_version = advisory("other", {"introduced": "0"}, {"fixed": "no version"})
    good = advisory("other", {"introduced": "0"})
    found = audit([lock], dump_of(tmp_path, record, bad_version, good))
    assert len(found.vulnerabilities) == 1
    assert found.unreadable == ["0.json", "1.json"]


def test_a_dump_with_nothing_in_it_is_not_good_news(tmp_path: Path, lock: Path) -> None:
    with pytest.raises(AdvisoriesError, match="no advisory is in it"):
        audit([lock], dump_of(tmp_path))
    (tmp_path / "no.zip").write_bytes(b"PK no")
    with pytest.raises(AdvisoriesError, match="cannot be read"):
        audit([lock], tmp_path / "no.zip")
    empty = tmp_path / "empty.lock"
    empty.write_text("# nothing\n")
    with pytest.raises(AdvisoriesError, match="no package is pinned"):
        audit([empty], dump_of(tmp_path, advisory("other")))


def test_the_command_says_what_is_wrong_and_ends_with_one(tmp_path: Path) -> None:
    dump = dump_of(tmp_path, advisory("kivy", {"introduced": "0"}, {"fixed": "99"}))
    locks = [CHECKOUT / "requirements-kiosk.lock", CHECKOUT / "requirements-server.lock"]

    def run(*chosen: Path) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "central", "advisories", *map(str, (dump, *chosen))]
        return subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True)

    bad, good = run(*locks), run(locks[1])
    assert bad.returncode == 1, bad.stderr
    assert "kivy 2.3.1: PYSEC-1: A hole; mended in 99" in bad.stdout
    assert good.returncode == 0, good.stderr
    assert "0 match" in good.stdout
