"""The bills of materials: what a machine in the field carries, all of it, and nothing for tests."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
USES = {"kiosk": "kiosk", "server": "central"}
"""A lock file's use, and the extra of the project it is made from."""


def pinned(lock: str) -> dict[str, str]:
    text = (CHECKOUT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-zA-Z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def make(folder: Path) -> dict[str, bytes]:
    subprocess.run([CHECKOUT / ".ci" / "bom", folder], check=True, capture_output=True)
    return {use: (folder / f"{use}.cdx.json").read_bytes() for use in USES}


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return make(tmp_path_factory.mktemp("bom"))


def test_the_same_commit_gives_the_same_bytes(bills: dict[str, bytes], tmp_path: Path) -> None:
    assert make(tmp_path) == bills


@pytest.mark.parametrize("use", USES)
def test_a_bill_names_each_package_with_its_hashes(bills: dict[str, bytes], use: str) -> None:
    bill = json.loads(bills[use])
    assert bill["bomFormat"] == "CycloneDX"
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert bill["metadata"]["component"]["version"] == project["version"]
    named = {one["name"]: one["version"] for one in bill["components"]}
    assert named == pinned(f"requirements-{use}.lock")
    for one in bill["components"]:
        assert one["externalReferences"][0]["hashes"], one["name"]


@pytest.mark.parametrize("use", USES)
def test_a_lock_has_its_own_packages_and_no_test_tool(use: str) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own, everything = pinned(f"requirements-{use}.lock"), pinned("requirements.lock")
    assert own.items() <= everything.items(), "the tests run what the field runs"
    wanted = project["dependencies"] + project["optional-dependencies"][USES[use]]
    names = {re.split(r"[><=\[]", line)[0] for line in wanted}
    assert names <= own.keys(), "run .ci/lock"
    for_tests = {re.split(r"[><=\[]", line)[0] for line in project["optional-dependencies"]["test"]}
    assert not (for_tests - names) & own.keys()
