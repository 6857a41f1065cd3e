"""Each folder's README names every file of it, and no document names what is not there."""

from __future__ import annotations

import ast
import fnmatch
import re
from functools import cache
from pathlib import Path, PurePosixPath

from drivers.boards import FAMILIES
from tests.support.syntax import tree_of

ROOT = Path(__file__).parents[2]
ROOMS = ("kiosk", "drivers", "central", "config", "assets", "tests", "docs")

NAMED_TOGETHER = (
    "assets/fonts/*",
    "assets/locale/*.po",
    "central/migrations/versions/*",
    "central/notify/texts/*.toml",
    "central/pages/templates/*",
    "docs/decisions/[0-9]*.md",
    "tests/goldens/pictures/*",
    "tests/journals/*/*",
)
"""Files of which there are many of one kind: their README names the kind."""

OF_FAMILIES = tuple(
    kind.format(family.replace("-", "_"))
    for kind in ("drivers/boards/{}.py", "drivers/simulator/boards/{}.py", "tests/vectors/{}.json")
    for family in FAMILIES
)
"""The files of a board family, which `docs/supported-boards.md` names."""

NEED_NO_NAME = ("__init__.py", "README.md", "py.typed", "conftest.py")

CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@cache
def files() -> tuple[str, ...]:
    """All files of the rooms and the documents beside them, but for caches."""
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    names = [path.relative_to(ROOT) for path in (*found, *ROOT.glob("*.md"))]
    return tuple(sorted(name.as_posix() for name in names if not is_cached(name)))


def is_cached(name: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in name.parts)


def documents() -> list[str]:
    return [name for name in files() if name.endswith(".md")]


def to_be_named() -> list[str]:
    return [
        name
        for name in files()
        if PurePosixPath(name).parts[0] in ROOMS
        and PurePosixPath(name).name not in NEED_NO_NAME
        and name not in OF_FAMILIES
        and not any(fnmatch.fnmatch(name, pattern) for pattern in NAMED_TOGETHER)
    ]


def readmes_above(name: str) -> list[str]:
    """The READMEs that may name a file, the nearest first; the repository's own names no files."""
    folders = list(PurePosixPath(name).parents)[:-1]
    found = [folder / "README.md" for folder in folders if (ROOT / folder / "README.md").is_file()]
    return [readme.as_posix() for readme in found]


@cache
def names_in(readme: str) -> frozenset[str]:
    """What stands in code spans and links of a README, as paths from its folder or bare names."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    return frozenset(CODE_SPAN.findall(text)) | frozenset(LINK.findall(text))


def is_named(name: str, readme: str) -> bool:
    inside = str(PurePosixPath(name).relative_to(PurePosixPath(readme).parent))
    kinds = [span for span in names_in(readme) if re.fullmatch(r"[\w./*-]*\w\w[\w./*-]*", span)]
    return any(fnmatch.fnmatch(inside, kind) for kind in kinds)


def row_for(name: str, readme: str) -> str:
    """What to put into the README: the file, and what it says of itself."""
    inside = PurePosixPath(name).relative_to(PurePosixPath(readme).parent)
    if not name.endswith(".py"):
        return f"| `{inside}` | … |"
    said = ast.get_docstring(tree_of(ROOT / name)) or "…"
    return f"| `{inside}` | {said.splitlines()[0].rstrip('.')} |"


def test_a_readme_names_every_file() -> None:
    lacking = []
    for name in to_be_named():
        above = readmes_above(name)
        if not above:
            lacking.append(f"{name}: there is no README.md in a folder above it")
        elif not any(is_named(name, readme) for readme in above):
            lacking.append(f"{above[0]} lacks a row: {row_for(name, above[0])}")
    assert lacking == []


def test_no_document_names_what_is_not_there() -> None:
    lacking = []
    for document in documents():
        text = (ROOT / document).read_text(encoding="utf-8")
        folder = (ROOT / document).parent
        lost = [link for link in LINK.findall(text) if is_lost_link(folder, link)]
        lost += [span for span in CODE_SPAN.findall(text) if is_lost_path(span)]
        lacking += [f"{document} names {each}" for each in lost]
    assert lacking == []


def is_lost_link(folder: Path, link: str) -> bool:
    return "://" not in link and not (folder / link).exists()


def is_lost_path(span: str) -> bool:
    """Whether a code span is a path from the repository's root at which nothing lies."""
    path = span.split("::")[0].split(":")[0].rstrip("/")
    is_path = re.fullmatch(rf"({'|'.join(ROOMS)})(/[\w.*-]+)+", path) is not None
    if not is_path or "*" in path:
        return False
    module, _, _ = path.rpartition(".")
    return not any(
        (ROOT / each).exists() for each in (path, f"{path}.py", f"{module}.py", f"{path}.md")
    )


def test_what_is_not_there_or_not_named_is_found() -> None:
    assert is_lost_path("kiosk/nowhere.py")
    assert is_lost_link(ROOT, "docs/nowhere.md")
    assert not is_named("kiosk/nowhere.py", "kiosk/README.md")
