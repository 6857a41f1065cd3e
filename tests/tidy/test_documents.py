"""The documents say what the program says: every trouble, every refusal, every setting."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from central.command_line import cli as central_commands
from central.settings import ConnectionLimits, Limits, Retention
from config import loader
from config.schema import Policy, Site
from kiosk.command_line import main as kiosk_commands
from kiosk.flows.views.choices import Problem, Refusal, Refused
from kiosk.flows.views.shared import Answer, Trouble
from kiosk.model.location import Location, Rectangle, ServiceReason, Size, Slot, SuspectReason
from kiosk.model.scanner_test import ScannerFinding
from kiosk.ui.texts import words_for
from tests.support.syntax import tree_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

REFUSING = {
    "CannotOpenError",
    "CannotRunError",
    "CannotServeError",
    "ConsoleError",
    "DamagedError",
    "EnrolError",
    "InUseError",
    "LocationKeyError",
    "NewerVersionError",
    "NoDisplayError",
    "RecallError",
    "SnapshotError",
}
"""The errors with which the kiosk, the server or a command of theirs ends, or does not start."""

SHORTEST = 12
"""A message with no words of its own this long hands on another's."""


def flat(text: str) -> str:
    """A text in one line, for a document may break its lines anywhere."""
    return " ".join(text.split())


@cache
def document(name: str) -> str:
    return flat((DOCS / name).read_text(encoding="utf-8"))


def own_words(message: ast.expr) -> str:
    """The longest run of a message's own words, between what is put into it."""
    parts: list[str] = []
    for node in ast.walk(message):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts += node.value.split("\n")
    return max((flat(part).strip(' ;:.,()"') for part in parts), key=len, default="")


def calls_in(path: Path, names: set[str]) -> Iterator[ast.Call]:
    """Each call of one of these in a file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called in names:
                yield node


def said_in(folder: str, names: set[str], place: int) -> Iterator[tuple[str, str]]:
    """Where one of these is called, and the own words of the argument at `place`."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for call in calls_in(path, names):
            words = own_words(call.args[place]) if len(call.args) > place else ""
            if len(words) >= SHORTEST:
                yield f"{path.relative_to(ROOT).as_posix()}:{call.lineno}", words


@cache
def refusals() -> tuple[tuple[str, str], ...]:
    """Where each is, and its own words."""
    return (
        *said_in("kiosk", REFUSING, 0),
        *said_in("central", REFUSING, 0),
        *said_in("config", {"Finding"}, 1),
        *said_in("config", {"ValueError"}, 0),
    )


MISTAKES = tuple(loader._PROBLEMS.values())
"""What `kiosk check` says of a value of the wrong kind."""

LOCATION = Location(
    id="demo",
    name="Demo",
    address="Lindenplatz 1",
    time_zone="Europe/Berlin",
    languages=("en",),
    help_phone="112",
    sizes=(Size("S", 360, 100, 600, 2.0),),
    lockers=(),
    slots=(Slot("7", "A", "S", "left", 1, Rectangle(0, 0, 400, 240)),),
    screen=Rectangle(0, 0, 268, 476),
)


def test_the_refusals_are_found() -> None:
    assert len(refusals()) > 80


def test_a_refusal_stands_in_troubleshoot() -> None:
    said = document("troubleshoot.md")
    assert {where: words for where, words in refusals() if words not in said} == {}


@pytest.mark.parametrize("problem", MISTAKES)
def test_a_mistake_of_a_site_file_stands_in_troubleshoot(problem: str) -> None:
    assert problem in document("troubleshoot.md")


@pytest.mark.parametrize("problem", Problem)
def test_a_trouble_on_the_screen_stands_in_troubleshoot(problem: Problem) -> None:
    title = words_for(Trouble(problem=problem, slot="7", wrong_slot="9"), LOCATION).title
    assert f"`{problem}`" in document("troubleshoot.md")
    assert flat(title) in document("troubleshoot.md")


@pytest.mark.parametrize("refusal", Refusal)
def test_a_refused_entry_stands_in_troubleshoot(refusal: Refusal) -> None:
    title = words_for(Answer(refused=Refused(refusal)), LOCATION).title
    assert flat(title) in document("troubleshoot.md")


@pytest.mark.parametrize("reason", [*SuspectReason, *ServiceReason, *ScannerFinding])
def test_a_state_that_staff_see_stands_in_troubleshoot(reason: str) -> None:
    assert f"`{reason}`" in document("troubleshoot.md")


def settings_of(model: type[BaseModel]) -> Iterator[str]:
    """Each key that a table of the site file may have, those of the tables in it among them."""
    for name, field in model.model_fields.items():
        yield name
        for part in [field.annotation, *nested(field.annotation)]:
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from settings_of(part)


def nested(annotation: object) -> Iterator[object]:
    for part in get_args(annotation):
        yield part
        yield from nested(part)


@pytest.mark.parametrize("name", sorted(set(settings_of(Site))))
def test_a_setting_of_the_site_file_stands_in_the_readme(name: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shape = text.partition("## The shape of the config")[2].partition("\n## ")[0]
    assert re.search(rf"\b{name}\b", shape), f"README.md lacks {name!r} in the config's shape"


@pytest.mark.parametrize("name", Policy.model_fields)
def test_what_the_owner_decides_stands_in_operate(name: str) -> None:
    assert f"| `{name}` |" in document("operate.md")


@pytest.mark.parametrize("name", [name for name in kiosk_commands.commands if name != "demo"])
def test_a_command_of_the_kiosk_is_documented(name: str) -> None:
    assert f"kiosk {name}" in document("operate.md") + document("install-a-locker.md")


@pytest.mark.parametrize("name", central_commands.commands)
def test_a_command_of_the_server_is_documented(name: str) -> None:
    assert re.search(rf"central [^`]*{name}", document("run-a-server.md"))


def codes_of_refusals() -> set[str]:
    """The codes with which the API for carriers and shops refuses, as its sources have them."""
    central = ROOT / "central"
    beside = [central / name for name in ("auth.py", "app.py", "errors.py")]
    return {
        call.args[1].value
        for path in (*beside, *sorted((central / "packages").glob("*.py")))
        for call in calls_in(path, {"RequestError"})
        if len(call.args) > 1
        and isinstance(call.args[1], ast.Constant)
        and isinstance(call.args[1].value, str)
    }


@pytest.mark.parametrize("code", sorted(codes_of_refusals()))
def test_a_code_of_the_api_stands_in_integrate(code: str) -> None:
    assert f"`{code}`" in document("integrate.md")


@pytest.mark.parametrize(
    "name", sorted({*Limits.model_fields, *ConnectionLimits.model_fields, *Retention.model_fields})
)
def test_a_ceiling_stands_in_the_documents(name: str) -> None:
    assert f"`{name}`" in document("run-a-server.md")
