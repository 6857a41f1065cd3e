"""Line breaks, control characters and marks that turn text over: refused where people or programs
write them, and left out of all that people read where a kiosk sends them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import requests

from central import schema
from central.auth import Role
from central.errors import is_plain
from central.plain_texts import plain
from central.sync import enrolment
from kiosk.model.location import Location
from kiosk.store import slots
from kiosk.store.writer import Writer
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status
from tests.support.central_server import LOCATION, Journal, Mailbox, Server, announce, text_of
from tests.support.operators import Browser, obey, sync

SIGNS = (
    "\n",
    "\r\n",
    "\t",
    "\x00",
    "\x07",
    "\x1b[2J",
    "\x85",
    "\x9b",
    "\u2028",
    "\u202e",
    "\u2067",
)


def with_signs(sign: str) -> Location:
    """A location whose site file was written by hand, with this sign in all its names."""
    return replace(
        LOCATION,
        name=f"Mar{sign}ket",
        address=f"Square{sign}1",
        help_phone=f"+49 30{sign}123",
        time_zone=f"No{sign}where",
        sizes=tuple(replace(size, name=f"{size.name}{sign}x") for size in LOCATION.sizes),
        slots=tuple(
            replace(slot, label=f"{slot.label}{sign}d", size=f"{slot.size}{sign}x")
            for slot in LOCATION.slots
        ),
    )


def require_plain_texts(page: str) -> None:
    """Only the templates' own line breaks are on a page."""
    assert [each for each in page.splitlines() if not is_plain(each)] == []


@pytest.fixture(autouse=True)
def a_kiosk_writes_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a kiosk does that was given such a site file: it has a text with NUL."""
    monkeypatch.setattr(Writer, "refuses_undeclared", False)


@pytest.mark.parametrize("sign", SIGNS)
def test_what_a_kiosk_is_made_of_gets_onto_no_page_mail_or_file_as_it_is(
    server: Server, tmp_path: Path, sign: str
) -> None:
    odd = with_signs(sign)
    token = server.write(
        lambda c: enrolment.add_location(c, odd.id, "", "test", server.clock.wall_ms)
    )
    kiosk = Journal(tmp_path / "kiosk.db", odd)
    assert kiosk.enrol(server, token).ok
    identity = Identity(server.url, odd.id, kiosk.token, "")
    client = SyncClient(kiosk.store, odd, identity, Status, Random(1))
    while client.sync_once() == 0 or not server.rows(schema.location)[0].layout:
        pass
    (place,) = server.rows(schema.location)
    assert (place.name, place.address) == (plain(odd.name), plain(odd.address))
    assert (place.help_phone, place.time_zone) == (plain(odd.help_phone), "UTC")
    # A text with NUL is in no event that fits: those lie in quarantine, the rest is shown.
    labels = {plain(slot.label) for slot in odd.slots} if sign != "\0" else set()
    assert {row.label for row in server.rows(schema.slot)} == labels
    assert {row.size for row in server.rows(schema.location_size)} == {
        plain(size.name) for size in odd.sizes
    }
    assert len(server.rows(schema.quarantine)) == (len(odd.slots) if sign == "\0" else 0)

    size = plain(odd.sizes[0].name)
    assert announce(server, server.add_key(), "A1", size=size).status_code == 201
    admin = Browser(server, Role.ADMIN)
    for path in ("", f"/locations/{odd.id}", f"/locations/{odd.id}/live", "/packages", "/audit"):
        answer = admin.get(path)
        assert answer.status_code == 200, path
        require_plain_texts(answer.text)
    assert plain(odd.name) in admin.get("").text
    require_plain_texts(admin.get("/reports.csv").text)
    kiosk.store.close()


@pytest.mark.sqlite_only("an earlier version ran on SQLite alone")
@pytest.mark.parametrize("sign", SIGNS)
def test_what_stands_in_the_tables_already_is_read_without_it(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox], sign: str
) -> None:
    headers = server.add_key()
    assert announce(server, headers, "A1").status_code == 201
    obey(kiosk)
    kiosk.put_in("A1")
    kiosk.do(slots.set_service, "7", "DO_NOT_OPEN", f"door{sign}jams", "kiosk")
    with closing(sqlite3.connect(server.folder / "central.db", timeout=30)) as older, older:
        # As an older server wrote it, which let such signs in.
        older.execute("UPDATE location SET name = ?1, address = ?1", (f"Mar{sign}ket",))
    sync(kiosk)
    (mail,) = mailbox[1].wait_for(1)
    text = text_of(mail)
    assert plain(f"Mar{sign}ket") in text
    require_plain_texts(text.replace("\r\n", "\n"))
    assert is_plain(str(mail["subject"]))
    viewer = Browser(server, Role.VIEWER)
    for path in ("", f"/locations/{LOCATION.id}", "/packages", "/audit", "/quarantine"):
        require_plain_texts(viewer.get(path).text)
    (package,) = server.rows(schema.package)
    require_plain_texts(viewer.get(f"/packages/{package.id}").text)


@pytest.mark.parametrize("sign", ["\n", "\x07", "\u202e"])
def test_a_form_with_such_signs_is_refused_with_its_field(
    server: Server, kiosk: Journal, sign: str
) -> None:
    admin, odd = Browser(server, Role.ADMIN), f"Ha{sign}ll"
    place = f"/locations/{LOCATION.id}"
    forms: list[tuple[str, str, dict[str, str]]] = [
        ("/locations", "name", {"location": "new-01", "name": odd}),
        ("/locations", "address", {"location": "new-01", "address": odd}),
        (f"{place}/change", "title", {"title": odd}),
        (f"{place}/change", "address", {"title": "Hall", "address": odd}),
        (f"{place}/open", "why", {"slot": "1", "why": odd}),
        (f"{place}/service", "reason", {"slot": "1", "state": "DO_NOT_OPEN", "reason": odd}),
        ("/packages/none/cancel", "why", {"why": odd}),
        ("/staff", "name", {"number": "17", "name": odd, "role": "courier", "pin": "4711"}),
        ("/keys", "name", {"name": odd, "scopes": "packages:read"}),
    ]
    for path, field, form in forms:
        answer = admin.post(path, **form)
        assert answer.status_code == 422, (path, answer.url)
        assert f"{field}: " in answer.text, path
        assert "control character" in answer.text, path


def test_a_program_reads_which_field_it_is(server: Server, kiosk: Journal) -> None:
    refused: requests.Response = announce(server, server.add_key(), "A1", size="S\u202e")
    assert refused.status_code == 422
    (problem,) = refused.json()["problems"]
    assert problem["field"] == "size"
    assert "'S\\u202e'" in problem["problem"]


def test_a_blank_stands_for_a_break_and_nothing_for_a_mark() -> None:
    assert plain("Mar\u202eket\u2069\r\nHall\x07 1") == "Market Hall 1"
    assert plain("Köln  Messe (2) سوق") == "Köln  Messe (2) سوق"
