"""Known vulnerabilities of releases: a release's bill of materials, held against a dump.

Nothing is asked of the network: the dump is carried here (`central/advisories.py`), and what was
found is kept with how old it was, for the page of the fleet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from sqlalchemy import Connection, delete, insert

from central.advisories import AdvisoriesError, Audit, held_against
from central.context import Central, audit
from central.database.bulk import upsert
from central.rollouts.tables import release_advisory, release_checked

SUMMARY_MAX = 300
Packages = dict[str, set[str]]


def packages_in(files: Iterable[Path]) -> Packages:
    """The packages, with their versions, that bills of materials (CycloneDX, JSON) name. Raises
    `AdvisoriesError`: one that names none must not pass for "nothing is known"."""
    found: Packages = {}
    for file in files:
        try:
            read = json.loads(file.read_text(encoding="utf-8"))
            named = [(each["name"], each["version"]) for each in read["components"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            right = "a bill of materials in CycloneDX's JSON, with name and version of each"
            raise AdvisoriesError(f"{file}: this is none ({error}); {right}") from error
        if not named:
            raise AdvisoriesError(f"{file}: no component is named in it")
        for name, version in named:
            found.setdefault(str(canonicalize_name(str(name))), set()).add(str(version))
    return found


def look(files: Iterable[Path], dump: Path) -> Audit:
    """What a dump says of what these bills of materials name. Raises `AdvisoriesError`."""
    return held_against(packages_in(files), dump)


def keep(connection: Connection, central: Central, by: str, release: str, found: Audit) -> None:
    """Write down what was found of a release, in the place of what was found before."""
    now_ms = central.clock.now_ms()
    connection.execute(delete(release_advisory).where(release_advisory.c.release == release))
    rows = {
        (each.advisory, each.package): {
            "release": release,
            "advisory": each.advisory,
            "package": each.package,
            "version": each.version,
            "summary": each.summary[:SUMMARY_MAX],
            "fixed_in": ", ".join(each.fixed_in),
        }
        for each in found.vulnerabilities
    }
    if rows:
        connection.execute(insert(release_advisory), list(rows.values()))
    values = {
        "packages": found.packages,
        "dump_newest": found.newest,
        "checked_ms": now_ms,
    }
    upsert(connection, release_checked, {"release": release}, values)
    said: dict[str, Any] = {"matches": len(rows), "dump": found.newest}
    audit(connection, now_ms, by, "release.checked", release, **said)
