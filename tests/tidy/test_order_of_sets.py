"""No behaviour depends on the order of a set, which is another in each process.

Each start of Python hashes text differently. What walks over a set and does something for each
element does it in another order each time: a test that found a fault cannot be run again, and a
kiosk does not do today what it did yesterday. `sorted(…)` around the set is the way out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.syntax import tree_of

ROOT = Path(__file__).parents[2]
ROOMS = ("kiosk", "drivers", "config", "central", "tests/sim", "tests/support", "tests/crash")

SET_MAKERS = {"set", "frozenset"}
SET_TYPES = {"set", "frozenset", "Set", "AbstractSet", "MutableSet"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
ORDER_FREE = {"sorted", "any", "all", "sum", "min", "max", "len", "set", "frozenset", "Counter"}
"""What makes of its elements the same in whatever order they come."""
ORDERED = {"list", "tuple", "iter", "enumerate", "join", "extend", "fromkeys", "zip"}
"""What keeps the order in which its elements come."""


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def _name(node: ast.expr) -> str:
    """The last name of `a`, `a.b`, `a[b]`; empty for anything else."""
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _place(node: ast.expr) -> str:
    """A variable or an attribute of `self`, as text; empty for anything else."""
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


class _Sets:
    """Which expressions of one file are sets."""

    def __init__(self, tree: ast.AST) -> None:
        self.tree = tree
        self.functions = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.returns is not None
            and _name(node.returns) in SET_TYPES
        }
        self.annotated = set(self._annotated())

    def _annotated(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.AnnAssign) and _name(node.annotation) in SET_TYPES:
                yield _place(node.target)

    def _local(self, scope: ast.AST) -> set[str]:
        """The places of a function that hold sets: its arguments and what it assigns."""
        found = set(self.annotated)
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs]
            for each in arguments:
                if each.annotation is not None and _name(each.annotation) in SET_TYPES:
                    found.add(each.arg)
                elif each.annotation is not None:
                    found.discard(each.arg)
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if self.is_set(node.value, found):
                        found.add(_place(target))
                    else:
                        found.discard(_place(target))
        return found - {""}

    def is_set(self, node: ast.expr, places: set[str]) -> bool:
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.BinOp) and isinstance(
            node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor
        ):
            return any(self.is_set(each, places) for each in (node.left, node.right)) or (
                _is_keys(node.left) or _is_keys(node.right)
            )
        if isinstance(node, ast.Call):
            name = _name(node.func)
            return name in SET_MAKERS | SET_METHODS | self.functions
        if isinstance(node, ast.IfExp):
            return self.is_set(node.body, places) or self.is_set(node.orelse, places)
        return _place(node) in places

    def walked(self) -> Iterator[int]:
        """The lines in which a set is walked over and the order may matter."""
        scopes = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module)
        ]
        for scope in scopes:
            yield from self._walked(scope, self._local(scope))

    def _walked(self, scope: ast.AST, places: set[str]) -> Iterator[int]:
        free: set[int] = set()
        for node in _own_nodes(scope):
            if isinstance(node, ast.Call) and _name(node.func) in ORDER_FREE:
                free.update(id(each) for each in node.args)
            if isinstance(node, ast.For | ast.AsyncFor) and self.is_set(node.iter, places):
                yield node.lineno
            if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
                first = node.generators[0].iter
                if id(node) not in free and self.is_set(first, places):
                    yield node.lineno
            if isinstance(node, ast.Call) and id(node) not in free:
                keeps = _name(node.func) in ORDERED
                if keeps and any(self.is_set(each, places) for each in node.args):
                    yield node.lineno
                if self._takes_any(node, places):
                    yield node.lineno
            if isinstance(node, ast.Starred) and self.is_set(node.value, places):
                yield node.lineno

    def _takes_any(self, node: ast.Call, places: set[str]) -> bool:
        """Whether this is the `pop()` of a set, which takes whichever comes first."""
        function = node.func
        if not isinstance(function, ast.Attribute) or function.attr != "pop" or node.args:
            return False
        return self.is_set(function.value, places)


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) == "keys"


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module without those of the functions in it; callers first."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def test_nothing_is_done_in_the_order_of_a_set() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): sorted(set(_Sets(tree_of(path)).walked()))
        for path in sources()
    }
    walks = {name: lines for name, lines in found.items() if lines}
    assert not walks, "these lines walk over a set; sort it"


@pytest.mark.parametrize(
    "text",
    [
        "for each in {1, 2}: print(each)",
        "for each in set(names): print(each)",
        "def f(names: frozenset[str]) -> None:\n    for each in names: print(each)",
        "def f() -> set[str]: ...\ndef g() -> None:\n    return [each for each in f()]",
        "seen = {each for each in names}\nprint(list(seen))",
        "print(', '.join({'a', 'b'}))",
        "for each in a.keys() - b: print(each)",
        "class A:\n    def __init__(self) -> None:\n        self.x: set[str] = set()\n"
        "    def f(self) -> None:\n        for each in self.x: print(each)",
        "print(*{1, 2})",
        "x = next(iter({1, 2}))",
    ],
)
def test_the_law_finds_a_walk_over_a_set(text: str) -> None:
    assert list(_Sets(tree_of(text)).walked())


@pytest.mark.parametrize(
    "text",
    [
        "for each in sorted({1, 2}): print(each)",
        "print(any(each for each in {1, 2}))",
        "other = {each + 1 for each in {1, 2}}",
        "print(max({1, 2}), 1 in {1, 2})",
        "def f(names: list[str]) -> None:\n    for each in names: print(each)",
    ],
)
def test_the_law_leaves_alone_what_has_no_order(text: str) -> None:
    assert not list(_Sets(tree_of(text)).walked())
