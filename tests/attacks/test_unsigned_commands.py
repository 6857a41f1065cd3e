"""Somebody between a kiosk and its server, or with the server's database and not its key, puts
commands in: none counts that the server has not signed, each is answered, and the next goes on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from central import schema
from central.sync import commands, signing
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.commands import ListedStaff, ListStaff, SlotService
from kiosk.model.fields import NUMBER_MAX
from kiosk.model.location import Service
from kiosk.model.person import Role
from kiosk.store import commands as kiosk_commands
from kiosk.store import openings, slots
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status, command_text
from kiosk.sync.enrol import enrol, identity_in, keep
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, Server

KEY, NEXT, STRANGERS = (
    Ed25519PrivateKey.from_private_bytes(bytes([each]) * 32) for each in (1, 2, 3)
)
TECHNICIAN: dict[str, JsonValue] = {
    "staff": [{"number": "77", "name": "Eve", "role": "technician", "pin_hash": "x"}]
}


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


class Kiosk:
    """A kiosk's store and client, with answers put in its hands."""

    def __init__(self, folder: Path, *, signs_commands: bool = True) -> None:
        self.folder = folder
        self.journal = Journal(folder / "kiosk.db")
        self.identity = Identity(
            "https://server.example",
            LOCATION.id,
            "token",
            public(KEY),
            signs_commands=signs_commands,
        )
        keep(folder, self.identity)
        self.start()

    def start(self) -> None:
        """As a start of the kiosk does, with what was kept."""
        identity = identity_in(self.folder)
        assert identity is not None
        status = Status(clock_ms=self.journal.clock.wall_ms)
        self.client = SyncClient(
            self.journal.store,
            LOCATION,
            identity,
            lambda: status,
            random.Random(1),
            keep=lambda changed: keep(self.folder, changed),
        )

    def come(self, *sent: JsonValue) -> None:
        for command in sent:
            assert self.client._apply(command)

    @property
    def now_ms(self) -> int:
        return self.journal.clock.wall_ms

    @property
    def cursor(self) -> int:
        return int(self.journal.do(kiosk_commands.cursor))

    def numbers(self) -> set[str]:
        rows = self.journal.do(lambda writer: writer.all("SELECT number FROM staff"))
        return {row["number"] for row in rows}

    def reason(self) -> str:
        return str(self.journal.do(slots.record_of, "3").service_reason)

    def answers(self) -> list[dict[str, Any]]:
        events = [each for each in self.journal.events() if each.kind == "COMMAND_APPLIED"]
        return [json.loads(event.body) for event in events]


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    made = Kiosk(tmp_path)
    yield made
    made.journal.store.close()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Kiosk]:
    """A kiosk that enrolled at a server which did not sign its commands yet."""
    made = Kiosk(tmp_path, signs_commands=False)
    yield made
    made.journal.store.close()


def unsigned(n: JsonValue, kind: str, body: JsonValue) -> dict[str, JsonValue]:
    return {"n": n, "id": f"c-{n}", "type": kind, "body": body}


def signed(
    sent: dict[str, JsonValue],
    at_ms: int,
    key: Ed25519PrivateKey = KEY,
    location: str = LOCATION.id,
) -> dict[str, JsonValue]:
    named = (sent["n"], sent["id"], sent["type"], sent["body"])
    signature = key.sign(command_text(location, *named, at_ms)).hex()
    return {**sent, "signed_ms": at_ms, "whole_signature": signature}


def dirty(n: int, reason: str = "dirty") -> dict[str, JsonValue]:
    return unsigned(n, "slot_service", {"slot": "3", "service": "NO_DEPOSITS", "reason": reason})


def staff_command(n: int) -> dict[str, JsonValue]:
    return unsigned(n, "staff", TECHNICIAN)


def changed(field: str, value: JsonValue) -> Callable[[Kiosk], JsonValue]:
    """A command that was signed, and then changed."""
    return lambda kiosk: {**signed(staff_command(1), kiosk.now_ms), field: value}


FORGERIES: dict[str, Callable[[Kiosk], JsonValue]] = {
    "not signed": lambda kiosk: staff_command(1),
    "empty signature": lambda kiosk: {**staff_command(1), "whole_signature": "", "signed_ms": None},
    "signature of an opening": lambda kiosk: {
        **staff_command(1),
        "signature": KEY.sign(b"open\n").hex(),
    },
    "a stranger's key": lambda kiosk: signed(staff_command(1), kiosk.now_ms, STRANGERS),
    "another location's": lambda kiosk: signed(staff_command(1), kiosk.now_ms, KEY, "elsewhere"),
    "another number": changed("n", 2),
    "another id": changed("id", "c-2"),
    "another type": changed("type", "slot_service"),
    "another body": changed("body", {"staff": []}),
    "another time": changed("signed_ms", 1_798_761_600_001),
    "no time": changed("signed_ms", None),
    "a time that is none": changed("signed_ms", {"a": [1]}),
    "no hexadecimal": changed("whole_signature", "zz"),
    "a signature that is none": changed("whole_signature", ["00"]),
    "of last week": lambda kiosk: signed(staff_command(1), kiosk.now_ms - 7 * DAY_MS),
    "of next week": lambda kiosk: signed(staff_command(1), kiosk.now_ms + 7 * DAY_MS),
    "the last number there is": lambda kiosk: staff_command(NUMBER_MAX),
    "no command": lambda kiosk: "command",
    "a list": lambda kiosk: [1],
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_not_the_servers_is_answered_and_the_next_goes_on(kiosk: Kiosk, name: str) -> None:
    forged = FORGERIES[name](kiosk)
    kiosk.come(forged, signed(dirty(1), kiosk.now_ms))
    assert "77" not in kiosk.numbers()
    assert kiosk.reason() == "dirty"
    assert [each["outcome"] for each in kiosk.answers()] == ["REFUSED", "APPLIED"]
    assert kiosk.cursor == 1
    # Again and again it is answered once: the journal does not grow.
    kiosk.come(*[FORGERIES[name](kiosk)] * 5)
    assert len(kiosk.answers()) == 2


def test_a_signed_command_that_comes_again_changes_nothing(kiosk: Kiosk) -> None:
    first, second = signed(dirty(1), kiosk.now_ms), signed(dirty(2, "wet"), kiosk.now_ms)
    kiosk.come(first, second, first)
    assert kiosk.reason() == "wet"
    assert len(kiosk.answers()) == 2


def test_a_signed_command_from_before_a_restore_comes_too_late(kiosk: Kiosk) -> None:
    file = kiosk.journal.back_up("copy")
    first = signed(dirty(1), kiosk.now_ms)
    kiosk.come(first)
    kiosk.journal.restore(file, None)
    kiosk.journal.clock.wall_ms += 2 * DAY_MS
    kiosk.start()
    kiosk.come(first)
    assert kiosk.reason() == ""
    assert "comes again" in kiosk.answers()[-1]["detail"]


def test_a_false_opening_does_not_stand_in_the_way_of_the_true_one(kiosk: Kiosk) -> None:
    kiosk.come(unsigned(1, "open", {"slot": "3"}))
    kiosk.journal.do(openings.require_may_open, "c-1")


# --- a server that began to sign ----------------------------------------------------------------


def test_until_the_first_signed_command_unsigned_ones_count_and_then_never_again(
    old: Kiosk,
) -> None:
    old.come(dirty(1))
    assert old.reason() == "dirty"
    old.come(signed(dirty(2, "wet"), old.now_ms), dirty(3, "noisy"))
    assert old.reason() == "wet"
    assert old.answers()[-1]["outcome"] == "REFUSED"
    old.start()
    old.come(dirty(3, "loud"))
    assert old.reason() == "wet"


def test_a_false_signature_never_counts_and_makes_no_kiosk_strict(old: Kiosk) -> None:
    old.come(signed(dirty(1), old.now_ms, STRANGERS))
    assert old.reason() == ""
    old.come(dirty(1, "wet"))
    assert old.reason() == "wet"


@pytest.mark.parametrize("lost", ["database", "identity"])
def test_that_the_server_signs_is_remembered_whatever_is_brought_back(
    old: Kiosk, lost: str
) -> None:
    file = old.journal.back_up("copy")
    old.come(signed(dirty(1, "wet"), old.now_ms))
    if lost == "database":
        old.journal.restore(file, None)
    else:
        keep(old.folder, replace(old.identity, signs_commands=False))
    old.start()
    old.come(dirty(5))
    assert old.reason() in ("", "wet")
    assert old.answers()[-1]["outcome"] == "REFUSED"


# --- another key --------------------------------------------------------------------------------


def trust(n: int, key: Ed25519PrivateKey) -> dict[str, JsonValue]:
    return unsigned(n, "trust_key", {"public_key": public(key)})


def test_a_key_is_announced_by_the_one_before_and_ends_it_when_it_is_used(kiosk: Kiosk) -> None:
    now_ms = kiosk.now_ms
    kiosk.come(signed(trust(1, NEXT), now_ms))
    kiosk.start()
    kiosk.come(signed(dirty(2), now_ms))  # the server has not heard of it yet
    assert kiosk.reason() == "dirty"
    kiosk.come(signed(dirty(3, "wet"), now_ms, NEXT))
    assert kiosk.reason() == "wet"
    kiosk.start()
    kiosk.come(signed(dirty(4, "noisy"), now_ms))
    assert kiosk.reason() == "wet"


@pytest.mark.parametrize("key", [None, NEXT, STRANGERS])
def test_no_key_is_announced_by_anybody_else(kiosk: Kiosk, key: Ed25519PrivateKey | None) -> None:
    sent = trust(1, STRANGERS)
    kiosk.come(sent if key is None else signed(sent, kiosk.now_ms, key))
    kiosk.come(signed(dirty(1), kiosk.now_ms, STRANGERS))
    assert kiosk.reason() == ""
    kiosk.come(signed(dirty(1), kiosk.now_ms))
    assert kiosk.reason() == "dirty"


def test_an_unsigned_key_is_not_trusted_by_a_kiosk_that_takes_unsigned_commands(
    old: Kiosk,
) -> None:
    old.come(trust(1, STRANGERS), signed(dirty(2), old.now_ms, STRANGERS))
    assert old.reason() == ""
    assert "only by a command that is signed" in old.answers()[0]["detail"]


def test_a_key_that_was_announced_before_is_not_trusted_again(kiosk: Kiosk) -> None:
    first = signed(trust(1, STRANGERS), kiosk.now_ms)
    kiosk.come(first, signed(trust(2, NEXT), kiosk.now_ms), first)
    kiosk.come(signed(dirty(3), kiosk.now_ms, STRANGERS))
    assert kiosk.reason() == ""


# --- with a real server -------------------------------------------------------------------------


class Site:
    """A kiosk that is enrolled at a real server."""

    def __init__(self, folder: Path, server: Server) -> None:
        folder.mkdir()
        self.folder, self.server = folder, server
        self.journal = Journal(folder / "kiosk.db")
        enrol(folder, LOCATION, LOCATION_KEY, server.url, server.add_location())

    def sync(self) -> None:
        identity = identity_in(self.folder)
        assert identity is not None
        status = Status(clock_ms=self.journal.clock.wall_ms)
        client = SyncClient(
            self.journal.store,
            LOCATION,
            identity,
            lambda: status,
            random.Random(1),
            keep=lambda changed: keep(self.folder, changed),
        )
        for _ in range(2):
            while client.sync_once() == 0:
                pass

    def reason(self) -> str:
        return str(self.journal.do(slots.record_of, "3").service_reason)


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[Site]:
    made = Site(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def queue(server: Server, reason: str) -> None:
    command = SlotService(slot="3", service=Service.NO_DEPOSITS, reason=reason)
    server.write(commands.queue, LOCATION.id, command, "operator", server.clock.wall_ms)


def test_every_command_of_the_server_is_signed_and_carried_out(site: Site, server: Server) -> None:
    listed = ListedStaff(number="55", name="Käthe 🚪", role=Role.COURIER, pin_hash="x")
    command = ListStaff(staff=(listed,))
    server.write(commands.queue, LOCATION.id, command, "operator", server.clock.wall_ms)
    queue(server, "dirty")
    site.sync()
    assert {row.state for row in server.rows(schema.command)} == {"APPLIED"}
    assert site.reason() == "dirty"
    assert server.alarms() == []


def test_a_rotated_key_comes_to_the_kiosk_and_commands_go_on(site: Site, server: Server) -> None:
    for reason in ("wet", "noisy"):
        key, count = server.write(signing.rotate, server.central, "operator")
        assert count == 1
        queue(server, reason)
        site.sync()
        assert site.reason() == reason
        queue(server, f"{reason} again")
        site.sync()
        assert site.reason() == f"{reason} again"
        site.sync()
        newest, known = server.central.database.read(signing.states, server.central.secrets)
        assert newest == key and known == [(LOCATION.id, key)]
    assert server.alarms() == []


def test_a_server_that_lost_a_rotated_key_is_warned(site: Site, server: Server) -> None:
    server.write(signing.rotate, server.central, "operator")
    queue(server, "wet")
    site.sync()
    queue(server, "noisy")
    site.sync()
    site.sync()
    server.write(lambda c: c.execute(schema.signing_key.delete()))
    server.write(lambda c: c.execute(schema.location.update().values(signing_key="")))
    queue(server, "dirty")
    site.sync()
    site.sync()
    assert site.reason() == "noisy"
    assert set(server.alarms()) == {"alarm:signing-key-unknown", "alarm:command-not-proven"}


def test_a_false_command_changes_nothing_of_what_came_of_the_true_one(
    site: Site, server: Server
) -> None:
    queue(server, "dirty")
    site.sync()
    (true,) = server.rows(schema.command)
    assert true.state == "APPLIED"
    forged = unsigned(9, "staff", TECHNICIAN) | {"id": true.id}
    identity = identity_in(site.folder)
    assert identity is not None
    client = SyncClient(site.journal.store, LOCATION, identity, Status, random.Random(1))
    client._apply(forged)
    site.sync()
    assert [row.state for row in server.rows(schema.command)] == ["APPLIED"]
    assert server.alarms() == ["alarm:command-not-proven"]


def test_a_kiosk_whose_clock_is_an_hour_wrong_takes_its_commands(
    site: Site, server: Server
) -> None:
    site.journal.clock.wall_ms += HOUR_MS
    queue(server, "dirty")
    site.sync()
    assert site.reason() == "dirty"
