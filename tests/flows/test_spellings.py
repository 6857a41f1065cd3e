"""One package in two spellings, from its announcement to who has no code: always found."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from drivers.scanner import ScanAssembler
from kiosk.console.announcements import read_announcements
from kiosk.flows.events import Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ChooseSize, Receipt, ScanPackage
from kiosk.flows.views.customer import CodeAsked, EnterCode, EnterPhoneDigits, EnterTracking, First
from kiosk.flows.views.shared import DoorOpen, View
from kiosk.model.events import EventKind
from kiosk.model.package import PackageStatus
from kiosk.store import commands, journal, packages
from kiosk.sync.receiving import receive
from tests.support.flow_site import SITE, Running, World, require_sound, running
from tests.support.stories import POLICY
from tests.support.stories.people import press, shut, sign_in_courier

SPELLINGS: list[dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "labels" / "spellings.json").read_text("utf-8")
)["spellings"]
PHONE, LAST_DIGITS = "+491710001000", "1000"
rows = pytest.mark.parametrize("row", SPELLINGS, ids=lambda row: row["name"])


def scanned(text: str) -> Scanned:
    """What the kiosk hears when a scanner sends this label."""
    [read] = ScanAssembler().feed(text.encode("ascii") + b"\r", 1.0)
    assert not read.refused
    return Scanned(read.text, bool(read.warning))


async def command(kiosk: Running, barcode: str) -> str:
    """The server announces a package for Ada; the id under which it is here."""
    store = kiosk.kiosk.store
    number = await store.run(commands.cursor) + 1
    recipient: dict[str, Any] = {"id": "ada", "name": "Ada", "phone": PHONE}
    body: dict[str, Any] = {"package": f"announced-{number}", "barcode": barcode, "size": "S"}
    sent: dict[str, Any] = {"n": number, "id": f"c{number}", "type": "announce"}
    sent["body"] = {**body, "recipient": recipient}
    received = receive(sent)
    assert await store.run(commands.apply, received, "UTC")
    answer = (await store.run(journal.after, 0, 500, [EventKind.COMMAND_APPLIED]))[-1]
    return str(json.loads(answer.body)["package"])


def in_file(folder: Path, *barcodes: str) -> list[packages.Announcement]:
    """What a CSV file with these barcodes announces for Bo."""
    path = folder / "packages.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = [[barcode, "S", "Bo", PHONE] for barcode in barcodes]
        csv.writer(file).writerows([["barcode", "size", "name", "phone"], *lines])
    return list(read_announcements(path, SITE).expected.values())


async def put_in(kiosk: Running, event: Scanned | Entered) -> None:
    """The courier's run with one package whose size nobody has to choose."""
    await sign_in_courier(kiosk)
    kiosk.player.do(event)
    is_next = (DoorOpen, ChooseSize)
    view = await kiosk.player.until(
        View, lambda view: isinstance(view, is_next) or getattr(view, "refused", None) is not None
    )
    assert isinstance(view, DoorOpen), view
    await shut(kiosk, view.slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    await press(kiosk, Choice.DONE, Receipt)
    kiosk.player.do(Pressed(Choice.DONE))


async def asked_for(kiosk: Running, event: Scanned | Entered) -> str | None:
    """The package of which somebody is sent the code again who has none."""
    await kiosk.player.until(First)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    await press(kiosk, Choice.NO_CODE, EnterTracking)
    kiosk.player.do(event)
    await kiosk.player.until(EnterPhoneDigits)
    kiosk.player.do(Entered(LAST_DIGITS))
    await kiosk.player.until(CodeAsked)
    kiosk.player.do(Pressed(Choice.DONE))
    asked = await kiosk.kiosk.store.run(journal.after, 0, 500, [EventKind.CODE_ASKED])
    package: str | None = json.loads(asked[-1].body).get("package")
    return package


async def require_stored(kiosk: Running, package: str, name: str) -> None:
    """It is the only package here, and its recipient's."""
    store = kiosk.kiosk.store
    [only] = await store.run(lambda writer: writer.all("SELECT id FROM package"))
    assert only["id"] == package
    assert (await store.run(packages.package, package)).status is PackageStatus.STORED
    person = await store.run(packages.recipient_of, package)
    assert person is not None
    assert (person.name, person.phone) == (name, PHONE)
    require_sound(store)


@rows
async def test_announced_by_the_server_and_scanned(tmp_path: Path, row: dict[str, str]) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        package = await command(kiosk, row["announced"])
        assert await command(kiosk, row["read"]) == package
        await put_in(kiosk, scanned(row["read"]))
        await require_stored(kiosk, package, "Ada")
        assert await command(kiosk, row["read"]) == package
        assert await asked_for(kiosk, Entered(row["announced"])) == package
        assert await asked_for(kiosk, scanned(row["read"])) == package


@rows
async def test_announced_by_a_file_and_typed(tmp_path: Path, row: dict[str, str]) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        store = kiosk.kiosk.store
        [announced] = in_file(tmp_path, row["announced"], row["read"])
        assert await store.run(packages.announce, announced)
        [again] = in_file(tmp_path, row["read"])
        assert not await store.run(packages.announce, again)
        await put_in(kiosk, Entered(_as_typed(row["read"])))
        await require_stored(kiosk, announced.id, "Bo")
        assert await asked_for(kiosk, Entered(row["announced"].lower())) == announced.id


def _as_typed(text: str) -> str:
    """A label as a person types it: in groups of four, in lower case."""
    text = text.lower()
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))
