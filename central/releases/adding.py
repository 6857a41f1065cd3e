"""What the release maker's folder holds is taken in: the files, then what is signed about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.metadata import TargetFile

from central.context import Central
from central.errors import CannotServeError
from central.releases import files, publishing
from central.releases.publishing import Offered

DIGEST_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Added:
    """What came of it."""

    copied: list[str]
    deleted: list[str]
    signed: int


def add(central: Central, paths: Iterable[Path], by: str) -> Added:
    """Take in files and folders of files. Raises `CannotServeError`, and nothing counts then."""
    found = [each for path in paths for each in _within(path)]
    offered = [
        Offered(each.name, each.read_bytes())
        for each in found
        if each.name.endswith((".root.json", ".targets.json"))
    ]
    before = central.database.read(publishing.signed_files)
    copied = _copy(central, found, {**before, **publishing.list_offered(offered)})
    try:
        after = central.database.submit(publishing.publish, central, offered, copied, by).result()
    except BaseException:
        files.forget(central.settings, _stored(before))
        raise
    return Added(copied, files.forget(central.settings, _stored(after)), len(after))


def _stored(listed: Mapping[str, TargetFile]) -> set[str]:
    """How these files are named on the disk."""
    return {f"{each.hashes['sha256']}.{name}" for name, each in listed.items()}


def _within(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(each for each in path.rglob("*") if each.is_file())
    else:
        yield path


def _copy(central: Central, found: Iterable[Path], listed: Mapping[str, TargetFile]) -> list[str]:
    """Copy the files that are listed, each under its hash; their names."""
    copied = []
    for path in found:
        # As the release maker's folder has it, and as it was built.
        digest, _, rest = path.name.partition(".")
        name = rest if len(digest) == DIGEST_DIGITS and rest in listed else path.name
        if name not in listed:
            continue
        wanted = listed[name].hashes["sha256"]
        if files.digest_of(path) != wanted:
            raise CannotServeError(f"{path}: this is not the file that was signed under this name")
        files.take_in(central.settings, path, name, wanted)
        copied.append(name)
    return copied
