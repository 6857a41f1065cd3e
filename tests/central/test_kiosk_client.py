"""The kiosk's own client against the real server: it sends all, and carries out its commands."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, insert, select

from central import schema
from central.areas.visible import NETWORK
from central.auth import Role
from central.pages.queries import location
from central.sync import commands
from kiosk.model.clock import HOUR_MS
from kiosk.model.commands import (
    STAFF_MAX,
    Announce,
    Cancel,
    Extend,
    ListedStaff,
    ListStaff,
    Open,
    OpeningOutcome,
    SlotService,
)
from kiosk.model.fields import YEAR_2000_MS
from kiosk.model.location import Service
from kiosk.model.pickup_code import make_code
from kiosk.store import codes, departures, intents, journal, openings, packages, slots
from kiosk.store import commands as kiosk_commands
from kiosk.store.codes import CodePolicy, Granted, NotKnown
from kiosk.store.intents import IntentPurpose
from kiosk.sync.client import SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.enrol import EnrolError, enrol, identity_in
from tests.support.central_server import (
    LOCATION,
    LOCATION_KEY,
    Journal,
    Mailbox,
    Server,
    announce,
    text_of,
    wait_until,
)
from tests.support.operators import Browser


class Site:
    """An enrolled kiosk's store with its client, as `kiosk run` has them."""

    def __init__(self, folder: Path, server: Server) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.server = folder, server
        # In a thread of its own, as in the kiosk: the client's thread asks it beside the test's.
        self.journal = Journal(folder / "kiosk.db", threaded=True)
        if identity_in(folder) is None:
            token = server.add_location()
            enrol(folder, LOCATION, LOCATION_KEY, server.url, token)
        self.lock = threading.Lock()

    def client(self, doors: Hatch | None = None) -> SyncClient:
        identity = identity_in(self.folder)
        assert identity is not None
        status = Status(clock_ms=self.journal.clock.wall_ms)
        rng = random.Random(1)
        return SyncClient(self.journal.store, LOCATION, identity, lambda: status, rng, doors)

    def sync(self, times: int = 1) -> None:
        """Exchange until nothing waits."""
        client = self.client()
        for _ in range(times):
            while client.sync_once() == 0:
                pass

    def is_equal(self) -> bool:
        """Whether the server's journal is the kiosk's."""
        rows = sorted(self.server.rows(schema.event), key=lambda row: row.seq)
        return [row.hash for row in rows] == [event.hash for event in self.journal.events()]

    def answers(self) -> list[tuple[str, str]]:
        return [(row.type, row.state) for row in self.server.rows(schema.command)]


def write_row(server: Server, kind: str, body: object) -> None:
    """A command as it may stand in the server's table, whatever wrote it."""

    def write(connection: Connection) -> None:
        table = schema.command
        last = connection.execute(select(func.max(table.c.n))).scalar() or 0
        row = {"location": LOCATION.id, "n": last + 1, "id": f"row-{last + 1}", "type": kind}
        connection.execute(insert(table).values(**row, body=json.dumps(body)))

    server.write(write)


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[Site]:
    made = Site(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def test_enrolment_keeps_its_token_for_the_owner_only(site: Site, server: Server) -> None:
    path = site.folder / "centre.json"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(EnrolError, match="not known, was used"):
        enrol(site.folder, LOCATION, LOCATION_KEY, server.url, "enrol_made_up")
    with pytest.raises(EnrolError, match="not reached"):
        enrol(site.folder, LOCATION, LOCATION_KEY, "http://127.0.0.1:9", "enrol_made_up")
    assert identity_in(site.folder) is not None


def test_everything_that_happened_before_is_sent_in_order(site: Site) -> None:
    for number in range(200):
        site.journal.take_out(site.journal.put_in(f"P{number}"))
    site.sync()
    assert site.is_equal()
    assert site.journal.do(kiosk_commands.cursor) == 0


def test_the_commands_of_the_server_are_carried_out_once_and_answered(
    site: Site, server: Server, mailbox: tuple[int, Mailbox]
) -> None:
    headers = server.add_key()
    package = announce(server, headers, "A").json()["id"]
    site.sync(2)
    assert site.answers() == [("announce", "APPLIED")]
    known = site.journal.do(packages.recipient_of, package)
    assert (known.name, known.phone) == ("Eva", "+491710000001")
    assert site.journal.put_in("A") == package
    site.sync()
    url = f"{server.url}/v1/packages/{package}"
    assert requests.post(f"{url}/extend", json={"days": 1}, headers=headers, timeout=20).ok
    too_long = requests.post(f"{url}/extend", json={"days": 7}, headers=headers, timeout=20)
    assert too_long.status_code == 409
    until_ms = site.journal.do(packages.package, package).hold_until_ms
    assert requests.post(f"{url}/code", json={"user_id": "eva"}, headers=headers, timeout=20).ok
    assert requests.post(f"{url}/cancel", json={}, headers=headers, timeout=20).ok
    site.sync(3)
    after = site.journal.do(packages.package, package)
    assert after.status == "CANCELLED"
    assert after.code_counter == 2
    assert after.hold_until_ms > until_ms
    assert site.answers() == [
        ("announce", "APPLIED"),
        ("extend", "APPLIED"),
        ("reissue", "APPLIED"),
        ("cancel", "APPLIED"),
    ]
    assert site.is_equal()


def test_one_code_opens_the_packages_of_one_person_at_one_sender_and_no_others(
    site: Site, server: Server
) -> None:
    one, other = server.add_key(), server.add_key()
    announce(server, one, "A")
    announce(server, one, "B")
    announce(server, other, "C")  # another shop, whose "eva" is somebody else
    site.sync(2)
    rows = site.journal.do(journal.tables)["package"].values()
    owners = {row["barcode"]: row["owner"] for row in rows}
    assert owners["A"] == owners["B"]
    assert owners["A"] != owners["C"]
    assert "eva" not in "".join(event.body for event in site.journal.events())


def test_a_command_that_cannot_be_is_refused_with_its_reason_and_the_rest_goes_on(
    site: Site, server: Server
) -> None:
    now_ms = server.clock.wall_ms
    for command in (
        Extend(package="unknown", days=1),
        SlotService(slot="no such", service=Service.NO_DEPOSITS, reason="dirty"),
        SlotService(slot="3", service=Service.NO_DEPOSITS, reason="dirty"),
        SlotService(slot="4", service=Service.NO_DEPOSITS),
    ):
        server.write(commands.queue, LOCATION.id, command, "test", now_ms)
    write_row(server, "staff", {"staff": "nobody"})
    site.sync(2)
    states = [state for _, state in site.answers()]
    assert states == ["REFUSED", "REFUSED", "APPLIED", "REFUSED", "REFUSED"]
    assert site.journal.do(slots.record_of, "3").service == "NO_DEPOSITS"
    rows = {row.label: row.service for row in server.rows(schema.slot)}
    assert rows["3"] == "NO_DEPOSITS"


def test_a_recall_of_what_is_in_somebodys_hands_waits(site: Site, server: Server) -> None:
    package = site.journal.put_in("A")
    site.sync()
    slot = site.journal.do(packages.package, package).slot
    intent = site.journal.new_id()
    site.journal.do(intents.intend, intent, slot, IntentPurpose.PICKUP, "customer", package)
    command = Cancel(package=package, barcode="A", why="recalled")
    server.write(commands.queue, LOCATION.id, command, "test", 0)
    site.sync(2)
    assert site.answers() == [("cancel", "QUEUED")]
    site.journal.do(departures.retrieve, package, intent)
    site.sync(2)
    assert site.answers() == [("cancel", "REFUSED")]


def test_a_recall_that_overtakes_its_announcement_is_remembered(site: Site, server: Server) -> None:
    for command in (
        Cancel(package="p-1", barcode="A", why="recalled"),
        Announce(package="p-1", barcode="A"),
    ):
        server.write(commands.queue, LOCATION.id, command, "test", 0)
    site.sync(2)
    assert [state for _, state in site.answers()] == ["APPLIED", "REFUSED"]


def test_a_package_stored_while_the_network_was_cut_is_joined_by_its_announcement(
    site: Site, server: Server, mailbox: tuple[int, Mailbox]
) -> None:
    site.sync()
    lying = site.journal.put_in("A")  # the server does not know yet
    announced = announce(server, server.add_key(), "A").json()["id"]
    assert announced != lying
    site.sync(2)
    mail = mailbox[1].wait_for(1)[0]
    stored = site.journal.do(packages.package, lying)
    code = make_code(LOCATION_KEY, lying, stored.locator, stored.code_counter)
    assert code in re.sub(r"\s", "", text_of(mail))
    rows = {row.id: row for row in server.rows(schema.package)}
    assert rows[lying].recipient is not None
    assert rows[announced].status == "CANCELLED"


def test_a_code_issued_again_while_the_kiosk_was_cut_off_opens(site: Site, server: Server) -> None:
    headers = server.add_key()
    package = announce(server, headers, "A").json()["id"]
    site.sync(2)
    site.journal.put_in("A")
    site.sync()
    url = f"{server.url}/v1/packages/{package}/code"
    assert requests.post(url, json={"user_id": "eva"}, headers=headers, timeout=20).ok
    stored = site.journal.do(packages.package, package)
    code = make_code(LOCATION_KEY, package, stored.locator, 2)
    strict = CodePolicy(LOCATION_KEY, len(LOCATION.slots))
    cut_off = CodePolicy(LOCATION_KEY, len(LOCATION.slots), look_ahead=2)
    assert isinstance(site.journal.do(codes.check_code, strict, code), NotKnown)
    assert isinstance(site.journal.do(codes.check_code, cut_off, code), Granted)
    old = make_code(LOCATION_KEY, package, stored.locator, 1)
    assert isinstance(site.journal.do(codes.check_code, cut_off, old), NotKnown)


def test_the_thread_sends_what_happens_and_outlives_a_server_that_is_away(
    tmp_path: Path, server: Server, site: Site
) -> None:
    with site.client() as client:
        wait_until(lambda: client.state.is_reached)
        site.journal.put_in("A")
        wait_until(site.is_equal)
        server.stop()
        site.journal.put_in("B")
        wait_until(lambda: not client.state.is_reached)
        assert client.state.message
        again = Server(server.folder, server.clock, port=server.port)
        again.start()
        site.server = again
        wait_until(lambda: client.state.is_reached and site.is_equal())
    server.central, server._server, server._thread = again.central, again._server, again._thread


# --- doors opened remotely -----------------------------------------------------------------------


class Hatch:
    """The doors of a kiosk, as the sync opens them."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.is_busy = False

    def is_free(self) -> bool:
        return not self.is_busy

    def open(self, slot: str, command_id: str) -> None:
        self.opened.append(slot)


def ask_for_opening(server: Server, slot: str) -> None:
    server.write(
        lambda c: commands.queue(
            c, LOCATION.id, Open(slot=slot), "op@example.org", server.clock.wall_ms
        )
    )


Sent = dict[str, Any]
"""A command as it goes over the wire."""
Change = Callable[[Sent], Sent]


def exchange(site: Site, hatch: Hatch, change: Change) -> None:
    """One exchange whose openings are changed on their way, and one that answers."""
    client = site.client(hatch)
    carried_out = client._apply

    def changed(command: Any) -> bool:
        return carried_out(change(command))

    client._apply = changed  # type: ignore[method-assign,assignment]
    client.sync_once()
    site.sync()


def as_it_is(command: Sent) -> Sent:
    return command


def answers_of(site: Site) -> list[str]:
    rows = site.server.rows(schema.command)
    return [row.answer if row.state == "REFUSED" else row.state for row in rows]


def test_a_door_opens_by_the_servers_signature_once(site: Site, server: Server) -> None:
    site.sync()
    hatch = Hatch()
    ask_for_opening(server, "7")
    exchange(site, hatch, as_it_is)
    exchange(site, hatch, as_it_is)
    assert hatch.opened == ["7"]
    assert answers_of(site) == ["APPLIED"]


def with_body(**values: object) -> Change:
    return lambda command: {**command, "body": {**command["body"], **values}}


def with_fields(**values: object) -> Change:
    return lambda command: {**command, **values}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (with_body(slot="8"), "not signed"),
        (with_body(signed_ms=YEAR_2000_MS), "not signed"),
        (with_body(signed_ms=1), "signed_ms 1: it should be greater than"),
        (with_body(signed_ms=None), "does not say when it was signed"),
        (with_body(slot=None), "slot None: it should be a valid string"),
        (with_fields(id="another"), "not signed"),
        (with_fields(signature=""), "not signed"),
        (with_fields(signature="zz"), "not signed"),
        (with_fields(signature="00" * 64), "not signed"),
    ],
)
def test_what_was_changed_on_its_way_opens_nothing(
    site: Site, server: Server, change: Change, why: str
) -> None:
    site.sync()
    hatch = Hatch()
    ask_for_opening(server, "7")
    exchange(site, hatch, change)
    assert hatch.opened == []
    answers = [e.body for e in site.journal.events() if e.kind == "COMMAND_APPLIED"]
    assert why in answers[0]


def test_another_servers_signature_opens_nothing(site: Site, server: Server) -> None:
    site.sync()
    path = site.folder / "centre.json"
    other = json.loads(path.read_text())
    other["public_key"] = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    path.write_text(json.dumps(other))
    hatch = Hatch()
    ask_for_opening(server, "7")
    exchange(site, hatch, as_it_is)
    assert hatch.opened == []
    assert "not signed" in answers_of(site)[0]


@pytest.mark.parametrize("late_s", [-90, 90])
def test_an_opening_that_comes_late_opens_nothing(site: Site, server: Server, late_s: int) -> None:
    site.sync()
    hatch = Hatch()
    ask_for_opening(server, "7")
    site.journal.clock.wall_ms += late_s * 1000
    exchange(site, hatch, as_it_is)
    assert hatch.opened == []
    assert "signed" in answers_of(site)[0]


def test_an_opening_that_was_not_fetched_within_a_minute_is_not_sent(
    site: Site, server: Server
) -> None:
    site.sync()
    ask_for_opening(server, "7")
    server.clock.wall_ms += 61_000
    hatch = Hatch()
    exchange(site, hatch, as_it_is)
    assert hatch.opened == []
    assert [row.state for row in server.rows(schema.command)] == ["EXPIRED"]


def test_no_door_opens_remotely_while_somebody_is_busy_or_too_often(
    site: Site, server: Server
) -> None:
    site.sync()
    hatch = Hatch()
    hatch.is_busy = True
    ask_for_opening(server, "7")
    exchange(site, hatch, as_it_is)
    assert "busy" in answers_of(site)[0]
    hatch.is_busy = False
    for _ in range(openings.PER_HOUR_MAX + 2):
        ask_for_opening(server, "7")
        exchange(site, hatch, as_it_is)
    assert len(hatch.opened) == openings.PER_HOUR_MAX
    assert "within an hour" in answers_of(site)[-1]
    site.journal.clock.wall_ms += HOUR_MS + 1
    server.clock.wall_ms += HOUR_MS + 1
    ask_for_opening(server, "7")
    exchange(site, hatch, as_it_is)
    assert len(hatch.opened) == openings.PER_HOUR_MAX + 1


def test_a_door_that_must_stay_shut_or_is_not_there_opens_for_nobody(
    site: Site, server: Server
) -> None:
    site.sync()
    site.journal.do(slots.set_service, "7", Service.DO_NOT_OPEN, "broken hinge", "staff:99")
    hatch = Hatch()
    for slot in ("7", "700"):
        ask_for_opening(server, slot)
        exchange(site, hatch, as_it_is)
    assert hatch.opened == []
    assert "must not be opened" in answers_of(site)[0]
    assert "no slot '700'" in answers_of(site)[1]


class Stepping:
    """A machine to which somebody steps up between the command and the door."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def is_free(self) -> bool:
        return True

    def open(self, slot: str, command_id: str) -> None:
        self.site.journal.do(openings.end, command_id, OpeningOutcome.MISSED)


def test_an_opening_that_somebody_stepped_before_is_shown_to_its_operator(
    site: Site, server: Server
) -> None:
    site.sync()
    ask_for_opening(server, "7")
    client = site.client(Stepping(site))  # type: ignore[arg-type]
    while client.sync_once() == 0:
        pass
    site.sync()
    assert answers_of(site) == ["MISSED"]
    [row] = server.rows(schema.command)
    assert "somebody stepped up to the machine" in row.answer


class Jamming(Stepping):
    """A machine whose door jams, or as `outcome` says."""

    outcome = "JAMMED"

    def open(self, slot: str, command_id: str) -> None:
        if self.outcome:
            do, purpose = self.site.journal.do, IntentPurpose.MAINTENANCE
            do(intents.intend, command_id, slot, purpose, openings.ACTOR)
            do(intents.door_outcome, command_id, intents.IntentState.FAILED, self.outcome)
            do(openings.end, command_id, OpeningOutcome(self.outcome))


@pytest.mark.parametrize(
    ("outcome", "state", "look", "why"),
    [
        ("OPENED", "OPENED", "done", ""),
        ("JAMMED", "JAMMED", "failed", "the door did not open"),
        ("UNREACHABLE", "UNREACHABLE", "failed", "its lock board does not answer"),
        ("", "ASKED", "waiting", "the kiosk is at it"),
    ],
)
def test_the_page_says_of_an_opening_what_came_of_it(
    site: Site, server: Server, outcome: str, state: str, look: str, why: str
) -> None:
    site.sync()
    ask_for_opening(server, "7")
    machine = Jamming(site)
    machine.outcome = outcome
    client = site.client(machine)  # type: ignore[arg-type]
    while client.sync_once() == 0:
        pass
    site.sync()
    place = server.central.database.read(
        location, NETWORK, LOCATION.id, server.clock.wall_ms, server.central.settings
    )
    [shown] = place["commands"]
    assert (shown["state"], why in shown["answer"]) == (state, True)
    page = Browser(server, Role.OPERATOR).get(f"/locations/{LOCATION.id}").text
    words = state.replace("_", " ").lower()
    assert f'<span class="tag {look}">{words}</span>' in page.replace(words.capitalize(), words)
    assert "tag done" not in page or look == "done"


def test_of_an_opening_that_was_begun_and_never_reported_nobody_says_that_it_is_done(
    site: Site, server: Server
) -> None:
    site.sync()
    ask_for_opening(server, "7")
    exchange(site, Hatch(), as_it_is)
    later_ms = server.clock.wall_ms + commands.OPENING_REPORTED_MS + 1
    place = server.central.database.read(
        location, NETWORK, LOCATION.id, later_ms, server.central.settings
    )
    assert place["commands"][0]["state"] == "UNKNOWN"
    assert place["commands"][0]["answer"] == "the kiosk has not reported what came of it"


def test_many_long_commands_come_in_answers_that_a_kiosk_reads(site: Site, server: Server) -> None:
    """A kiosk that was away while its staff was listed again and again, each list a long one."""
    rng = random.Random(7)
    for _ in range(commands.COMMANDS_MAX):
        staff = tuple(
            ListedStaff(
                number=f"{number:02d}",
                name=rng.randbytes(50).hex(),
                role="courier",
                pin_hash=rng.randbytes(200).hex(),
                badge_hash=rng.randbytes(200).hex(),
            )
            for number in range(STAFF_MAX)
        )
        server.write(commands.queue, LOCATION.id, ListStaff(staff=staff), "test", 0)
    while "QUEUED" in {state for _, state in site.answers()}:
        site.sync()
    assert set(site.answers()) == {("staff", "APPLIED")}
