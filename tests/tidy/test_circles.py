"""No module imports itself by way of others, and no room another that imports it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from graphlib import CycleError, TopologicalSorter

from tests.support.syntax import tree_of
from tests.tidy.test_laws import COMPOSITION_ROOTS, MAY_IMPORT, ROOT, is_in, module_of, sources

Graph = dict[str, set[str]]

ROOMS = (*MAY_IMPORT, "kiosk", "kiosk.console", "kiosk.demo")


@cache
def imports() -> Graph:
    """Each module of ours with those that it imports anywhere, for types as well."""
    modules = {module_of(path): path for path in sources()}
    graph: Graph = {}
    for name, path in modules.items():
        found = graph.setdefault(name, set())
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                named = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {each if each in modules else node.module for each in named}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
        graph[name] = (found & set(modules)) - {name}
    return graph


def circle_in(graph: Graph) -> list[str]:
    """The names of one circle; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def room_of(module: str) -> str:
    return max((room for room in ROOMS if is_in(module, room)), key=len)


def between_rooms(graph: Graph, roots: Iterable[str]) -> Graph:
    """The rooms with those that they import; the files that join the parts belong to none."""
    rooms: Graph = {}
    for module, imported in graph.items():
        if module not in roots:
            room = room_of(module)
            rooms.setdefault(room, set()).update({room_of(each) for each in imported} - {room})
    return rooms


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle_in(imports()) == []


def test_no_room_imports_one_that_imports_it() -> None:
    roots = {module_of(ROOT / name) for name in COMPOSITION_ROOTS}
    assert circle_in(between_rooms(imports(), roots)) == []


def packages_of_the_server(graph: Graph) -> Graph:
    """The server's packages with those that they import; a file beside them is one of its own, and
    so are a package's tables, which `central.schema` names."""
    packages = {path.parent.name for path in (ROOT / "central").glob("*/__init__.py")}

    def package_of(module: str) -> str:
        if module.endswith(".tables"):
            return module
        first, name, *_ = *module.split("."), ""
        return f"{first}.{name}" if name in packages else module

    found: Graph = {}
    for module, imported in graph.items():
        if is_in(module, "central"):
            package = package_of(module)
            found.setdefault(package, set()).update(
                {package_of(each) for each in imported if is_in(each, "central")} - {package}
            )
    return found


def test_no_package_of_the_server_imports_one_that_imports_it() -> None:
    packages = packages_of_the_server(imports())
    assert {"central.notify", "central.operators", "central.sync"} <= packages.keys()
    assert circle_in(packages) == []


def test_a_circle_is_found() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) != []
