"""Which packages of a lock file have a known vulnerability, by a dump that needs no network.

The dump is the one that OSV gives away for PyPI: one JSON record for each advisory, in a zip or a
folder (the OSV schema, https://ossf.github.io/osv-schema/). It is carried to wherever the check
runs; nothing is asked of anybody.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

LONGEST_RECORD = 4_000_000
"""Characters of one advisory; the longest of the real ones have some 200,000."""

PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
IS_BEFORE_ALL = "0"


class AdvisoriesError(Exception):
    """A dump or a lock file that cannot be used, with what would be right."""


@dataclass(frozen=True)
class Vulnerability:
    """One advisory that concerns one pinned package."""

    package: str
    version: str
    advisory: str
    aliases: tuple[str, ...]
    summary: str
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join((self.advisory, *self.aliases))
        fixed = (
            f"; mended in {', '.join(self.fixed_in)}" if self.fixed_in else "; no mended version"
        )
        return f"{self.package} {self.version}: {names}: {self.summary}{fixed}"


@dataclass
class Audit:
    """What came of a check."""

    packages: int
    advisories: int = 0
    newest: str = ""
    """When the newest record was changed (RFC 3339): how old the dump is."""
    vulnerabilities: list[Vulnerability] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    """Records that are no advisory: named, and never in the way of the others."""


def audit(locks: Iterable[Path], dump: Path) -> Audit:
    """Hold what is pinned in lock files against a dump.

    Raises `AdvisoriesError` where a file cannot be read, a lock pins nothing or the dump holds no
    advisory at all: an empty dump must not pass for "nothing is known".
    """
    versions: dict[str, set[str]] = {}
    for lock in locks:
        for name, version in _pinned(lock):
            versions.setdefault(name, set()).add(version)
    return held_against(versions, dump)


def held_against(versions: dict[str, set[str]], dump: Path) -> Audit:
    """Hold packages, by their canonical names, against a dump. Raises `AdvisoriesError`."""
    found = Audit(packages=sum(map(len, versions.values())))
    for source, text in _records(dump):
        try:
            record = json.loads(text)
            concerned = list(_concerned(record, versions))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            found.unreadable.append(source)
            continue
        found.advisories += 1
        found.newest = max(found.newest, str(record.get("modified", "")))
        found.vulnerabilities += concerned
    if not found.advisories:
        raise AdvisoriesError(
            f"{dump}: no advisory is in it. A dump is a zip or a folder of OSV records in JSON."
        )
    found.vulnerabilities.sort(key=lambda one: (one.package, one.version, one.advisory))
    return found


def _pinned(lock: Path) -> list[tuple[str, str]]:
    try:
        text = lock.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AdvisoriesError(f"{lock}: this lock file cannot be read: {error}") from error
    pinned = [(str(canonicalize_name(name)), version) for name, version in PINNED.findall(text)]
    if not pinned:
        raise AdvisoriesError(f"{lock}: no package is pinned in it (NAME==VERSION).")
    return pinned


def _records(dump: Path) -> Iterator[tuple[str, str]]:
    """Each record's name and text; what is too long or no text comes as an empty one."""
    try:
        if dump.is_dir():
            for path in sorted(dump.rglob("*.json")):
                is_short = path.stat().st_size <= LONGEST_RECORD
                yield path.name, _text(path.read_bytes() if is_short else b"")
            return
        with zipfile.ZipFile(dump) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".json"):
                    with archive.open(member) as file:
                        read = file.read(LONGEST_RECORD + 1)
                    yield member.filename, _text(read if len(read) <= LONGEST_RECORD else b"")
    except (OSError, zipfile.BadZipFile) as error:
        raise AdvisoriesError(f"{dump}: this dump cannot be read: {error}") from error


def _text(read: bytes) -> str:
    return read.decode("utf-8", errors="replace")


def _concerned(record: dict[str, Any], versions: dict[str, set[str]]) -> Iterator[Vulnerability]:
    if record.get("withdrawn"):
        return
    for affected in record.get("affected", []):
        package = affected.get("package", {})
        name = canonicalize_name(str(package.get("name", "")))
        if package.get("ecosystem") != "PyPI" or name not in versions:
            continue
        for version in sorted(versions[name]):
            if _is_affected(affected, version):
                yield Vulnerability(
                    package=name,
                    version=version,
                    advisory=str(record["id"]),
                    aliases=tuple(str(alias) for alias in record.get("aliases", [])),
                    summary=" ".join(str(record.get("summary") or record.get("details")).split()),
                    fixed_in=tuple(_fixed_in(affected)),
                )


def _fixed_in(affected: dict[str, Any]) -> Iterator[str]:
    for kept in affected.get("ranges", []):
        for event in kept.get("events", []):
            if kept.get("type") == "ECOSYSTEM" and "fixed" in event:
                yield str(event["fixed"])


def _is_affected(affected: dict[str, Any], version: str) -> bool:
    if version in affected.get("versions", []):
        return True
    return any(
        kept.get("type") == "ECOSYSTEM" and _is_within(kept.get("events", []), version)
        for kept in affected.get("ranges", [])
    )


def _is_within(events: list[dict[str, str]], version: str) -> bool:
    """Whether a version lies in a range, by OSV's own rule: the events in order of versions."""
    ours = Version(version)
    is_affected = False
    for event in sorted(events, key=_when):
        begins, ends, last = (event.get(key) for key in ("introduced", "fixed", "last_affected"))
        if begins is not None and ours >= _version(begins):
            is_affected = True
        if ends is not None and ours >= _version(ends):
            is_affected = False
        if last is not None and ours > _version(last):
            is_affected = False
    return is_affected


def _when(event: dict[str, str]) -> Version:
    return _version(next(iter(event.values())))


def _version(text: str) -> Version:
    """A version of a range; "0" is before all. One that is none makes its record unreadable:
    it is named, where a guess could hide what is vulnerable."""
    return Version("0.dev0" if text == IS_BEFORE_ALL else text)
