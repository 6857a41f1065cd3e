"""The laws of the house, read from the source: who imports whom, and what nobody may call."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.syntax import tree_of

ROOT = Path(__file__).parents[2]
OURS = ("kiosk", "drivers", "config", "assets", "central")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "kiosk.child_processes": (),
    "kiosk.csv_file": (),
    "kiosk.private_files": ("kiosk.private_files",),
    "kiosk.model": ("kiosk.model", "drivers.barcodes"),
    "kiosk.store": ("kiosk.store", "kiosk.model", "kiosk.private_files"),
    "kiosk.flows": ("kiosk.flows", "kiosk.store", "kiosk.model", "drivers"),
    "kiosk.sync": ("kiosk.sync", "kiosk.store", "kiosk.model"),
    "kiosk.updates": (
        "kiosk.updates",
        "kiosk.sync",
        "kiosk.store",
        "kiosk.model",
        "kiosk.private_files",
    ),
    "kiosk.ui": ("kiosk.ui", "kiosk.flows", "kiosk.store", "kiosk.model", "drivers", "assets"),
    "drivers.tools": ("drivers", "config"),
    "drivers": ("drivers", "assets"),
    "config": ("config", "drivers.boards", "drivers.door", "drivers.port_names"),
    "assets": (),
    "central": (
        "central",
        "config",
        "kiosk.child_processes",
        "kiosk.csv_file",
        "kiosk.model",
        "kiosk.private_files",
        "kiosk.sync.contract",
        "kiosk.sync.bodies",
    ),
}
"""For each room, the rooms of ours that it may import from."""

COMPOSITION_ROOTS = {
    "kiosk/command_line.py",
    "kiosk/console/announcements.py",
    "kiosk/app.py",
    "kiosk/server_link.py",
    "kiosk/demo/demo.py",
    "kiosk/demo/server.py",
    "kiosk/engine.py",
    "kiosk/new_machine.py",
    "kiosk/rescue.py",
    "kiosk/set_up_window.py",
    "kiosk/demo/player.py",
    "kiosk/rehearsing.py",
    "kiosk/update_link.py",
    "kiosk/site_model.py",
    "kiosk/demo/text.py",
    "drivers/__main__.py",
    "drivers/simulator/__main__.py",
    "central/command_line.py",
}
"""The files that join the parts, and so may know all of them."""

ADAPTERS = {
    "config/base/parcel_keeper.py": "waits beside the kiosk, a program of its own",
    "central/adapters.py": "the server's clock and its randomness",
    "kiosk/adapters.py": "the machine's clocks and its randomness",
    "kiosk/messages.py": "writes message files",
    "drivers/tools/terminal.py": "hands the real clock to the installer's tools",
    "drivers/runners.py": "the thread of a bus waits",
    "drivers/serial_port.py": "the real port",
    "drivers/simulator/handlers/protocol_sim.py": "runs a simulation for a port's name",
    "drivers/building.py": "hands the real clock to a bus on a real port",
}

FORBIDDEN_CALLS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "monotonic_ns"),
    ("time", "perf_counter"),
    ("time", "sleep"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("random", "random"),
    ("random", "choice"),
    ("random", "randrange"),
    ("random", "randint"),
    ("random", "shuffle"),
    ("uuid", "uuid4"),
}

MOST_LINES = 600


def sources() -> list[Path]:
    return sorted(
        path for room in OURS for path in (ROOT / room).rglob("*.py") if (ROOT / room).is_dir()
    )


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def imports_from_elsewhere(path: Path, tree: ast.Module) -> Iterator[str]:
    name = path.relative_to(ROOT).as_posix()
    if name in COMPOSITION_ROOTS:
        return
    module = module_of(path)
    if path.parent.name in ("kiosk", "console", "demo"):
        allowed: tuple[str, ...] = ("kiosk",)
    else:
        room = max((room for room in MAY_IMPORT if is_in(module, room)), key=len)
        allowed = MAY_IMPORT[room]
    for imported in imports_of(path, tree):
        is_ours = imported.split(".")[0] in OURS
        if is_ours and not any(is_in(imported, room) for room in allowed):
            yield f"{name} imports {imported}"


def own_clock_or_rng(path: Path, tree: ast.Module) -> Iterator[str]:
    name = path.relative_to(ROOT).as_posix()
    if name in ADAPTERS or name in COMPOSITION_ROOTS:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            call = (node.value.id, node.attr)
            if call in FORBIDDEN_CALLS:
                yield f"{name}:{node.lineno} uses {'.'.join(call)}"


def swallowed_errors(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            if node.type is None:
                yield f"{where} has a bare except"
            if len(node.body) == 1 and isinstance(node.body[0], ast.Pass):
                yield f"{where} swallows an error"


def asserts(path: Path, tree: ast.Module) -> Iterator[str]:
    """`python -O` runs no `assert`: what must hold says so by `require`, `present`, or a type."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield f"{path.relative_to(ROOT)}:{node.lineno} asserts"


SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM|INSERT\s(OR\s\w+\s)?INTO|UPDATE\s\w+\sSET|DELETE\sFROM|PRAGMA)\s",
    re.DOTALL,
)
ROWS_OF_A_WRITER = {"all", "db", "one"}


def tables_of_the_kiosk(path: Path, tree: ast.Module) -> Iterator[str]:
    parts = path.relative_to(ROOT).parts
    if parts[0] == "central" or parts[:2] == ("kiosk", "store"):
        return
    name = path.relative_to(ROOT).as_posix()
    for imported in imports_of(path, tree):
        if imported.split(".")[0] in ("sqlite3", "sqlite_utils"):
            yield f"{name} opens SQLite"
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield f"{name}:{node.lineno} has SQL"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            is_row = node.value.id == "writer" and node.attr in ROWS_OF_A_WRITER
            if is_row:
                yield f"{name}:{node.lineno} uses the rows of a writer"


def silent_modules(path: Path, tree: ast.Module) -> Iterator[str]:
    if tree.body and not ast.get_docstring(tree):
        yield f"{path.relative_to(ROOT)} has no docstring"


Law = Callable[[Path, ast.Module], Iterator[str]]
LAWS: tuple[Law, ...] = (
    imports_from_elsewhere,
    own_clock_or_rng,
    swallowed_errors,
    asserts,
    tables_of_the_kiosk,
    silent_modules,
)


@cache
def broken() -> dict[Law, list[str]]:
    """Where each law is broken; each file is read once."""
    found: dict[Law, list[str]] = {law: [] for law in LAWS}
    for path in sources():
        tree = tree_of(path)
        for law in LAWS:
            found[law] += law(path, tree)
    return found


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_no_source_breaks_a_law(law: Law) -> None:
    assert broken()[law] == []


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (imports_from_elsewhere, "from kiosk.ui.app import App"),
        (own_clock_or_rng, "import time\nprint(time.monotonic())"),
        (swallowed_errors, "try:\n    print()\nexcept ValueError:\n    pass"),
        (swallowed_errors, "try:\n    print()\nexcept:\n    print()"),
        (asserts, "assert True"),
        (tables_of_the_kiosk, "import sqlite3"),
        (tables_of_the_kiosk, "print('SELECT id FROM slot ')"),
        (tables_of_the_kiosk, "writer.all('slot')"),
        (silent_modules, "print()"),
    ],
)
def test_a_law_that_is_broken_is_found(law: Law, text: str) -> None:
    """The negative control."""
    assert list(law(ROOT / "drivers/door.py", tree_of(text)))


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    paths = [*sources(), *(ROOT / "tests").rglob("*.py")]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in paths
    }
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_the_packages_that_a_server_shares_import_nothing() -> None:
    for name in ("kiosk/__init__.py", "kiosk/sync/__init__.py"):
        assert (ROOT / name).read_text(encoding="utf-8").strip() == ""


def test_the_model_and_the_drivers_load_without_kivy() -> None:
    import subprocess

    script = (
        "import sys, kiosk.model.package, kiosk.store.store, kiosk.flows.session, drivers.bank,"
        " kiosk.app; sys.exit('kivy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
