"""Floods that cost money, patience or disk, and the honest neighbour beside each, unharmed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from central import auth, limits, retention, schema
from central.auth import Role
from central.notify import outbox
from central.notify.holding import mailbox_of
from central.settings import Limits, Notifications, Retention, Sms
from central.sync.ingest import DOUBTED_MAX
from kiosk.model.actor import CUSTOMER
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.event_bodies import CodeAsked
from kiosk.sync.contract import SyncAnswer
from tests.support.central_server import Journal, Mailbox, Server, announce, mail_server, wait_until
from tests.support.operators import Browser, obey, sync

RULES = Limits()
SMS_ONLY = {"channels": ["sms"], "user_id": "eva"}


@pytest.fixture
def mailbox() -> Iterator[tuple[int, Mailbox]]:
    with mail_server() as found:
        yield found


@pytest.fixture
def rules() -> Limits:
    return RULES


@pytest.fixture
def pager() -> Iterator[ThreadingHTTPServer]:
    """What operators are reached by: it takes everything."""

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield http
        http.shutdown()


@pytest.fixture
def server(
    tmp_path: Path, mailbox: tuple[int, Mailbox], rules: Limits, pager: ThreadingHTTPServer
) -> Iterator[Server]:
    spool = tmp_path / "sms"
    spool.mkdir()
    notifications = Notifications(
        undo_wait_s=0,
        quiet_from_h=0,
        quiet_until_h=0,
        operator_urls=(f"json://127.0.0.1:{pager.server_port}/",),
    )
    made = Server(
        tmp_path / "central",
        smtp_port=mailbox[0],
        sms=Sms(folder=spool),
        rules=notifications,
        limits=rules,
        is_public=True,
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def kiosk(tmp_path: Path, server: Server) -> Iterator[Journal]:
    journal = Journal(tmp_path / "kiosk.db")
    assert journal.enrol(server, server.add_location()).ok
    yield journal
    journal.store.close()


def spooled(server: Server) -> list[str]:
    return [path.read_text() for path in sorted((server.folder.parent / "sms").iterdir())]


def in_state(server: Server, status: str) -> list[Any]:
    return [row for row in server.rows(schema.notification) if row.status == status]


def nothing_is_due(server: Server) -> bool:
    now_ms = server.clock.wall_ms
    rows = server.rows(schema.notification)
    return not any(r.status in ("queued", "leased") and r.due_ms <= now_ms for r in rows)


def lying(server: Server, kiosk: Journal, key: dict[str, str], barcode: str, **person: Any) -> str:
    """A package that was announced, is stored, and whose recipient was notified."""
    answer = announce(server, key, barcode, recipient=person)
    assert answer.status_code == 201, answer.text
    obey(kiosk)
    kiosk.put_in(barcode)
    sync(kiosk)
    return str(answer.json()["id"])


def change(server: Server, key: dict[str, str], package: str, phone: str) -> requests.Response:
    return requests.put(
        f"{server.url}/v1/packages/{package}/recipient",
        json={"phone": phone, **SMS_ONLY},
        headers=key,
        timeout=20,
    )


def require_machine_readable(answer: requests.Response) -> None:
    """A refusal says what was exceeded and when it is free again, to programs and to people."""
    assert answer.status_code == 429
    said = answer.json()
    assert said["error"] == "limit_reached"
    assert said["limit"] in said["message"]
    assert said["limit"] in Limits.model_fields
    assert int(answer.headers["retry-after"]) >= said["retry_after_s"] > 0
    assert said["most"] >= 1


def test_one_package_sends_few_sms_to_numbers_of_somebodys_choice(
    server: Server, kiosk: Journal
) -> None:
    flooding, honest = server.add_key(), server.add_key()
    package = lying(server, kiosk, flooding, "A", phone="+49 171 0000001", **SMS_ONLY)
    answers = []
    for number in range(40):
        server.clock.wall_ms += 100
        answers.append(change(server, flooding, package, f"+49 171 1{number:06}"))
        wait_until(lambda: nothing_is_due(server))
    assert sum(each.ok for each in answers) == RULES.changes_by_package
    require_machine_readable(answers[-1])
    assert len(spooled(server)) <= RULES.messages_by_package_and_kind
    held = max(
        (row for row in in_state(server, "queued") if row.held), key=lambda row: row.created_ms
    )
    assert "messages_by_package_and_kind" in held.held
    assert held.due_ms > server.clock.wall_ms
    browser = Browser(server, Role.OPERATOR)
    for page in ("/notifications", f"/packages/{package}"):
        assert "held, too many messages" in browser.get(page).text
    # An honest sender's code comes meanwhile, and so does a new one.
    other = lying(server, kiosk, honest, "B", phone="+49 171 0000002", **SMS_ONLY)
    wait_until(lambda: any("491710000002" in text for text in spooled(server)))
    url = f"{server.url}/v1/packages/{other}/code"
    assert requests.post(url, json={"user_id": "eva"}, headers=honest, timeout=20).ok
    wait_until(lambda: sum("491710000002" in text for text in spooled(server)) == 2)
    # What was held goes when there is room.
    server.clock.wall_ms = held.due_ms
    wait_until(lambda: any("491711000019" in text for text in spooled(server)))
    assert change(server, flooding, package, "+49 171 0000009").ok


def test_many_events_make_few_mails_and_a_new_code_still_comes(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    key, email = server.add_key(), "eva@example.org"
    package = lying(server, kiosk, key, "A", email=email, user_id="eva", phone="+491710000001")
    mailbox[1].wait_for(1)
    for _ in range(10):
        known = kiosk.head().seq
        for _ in range(50):
            kiosk.do(lambda writer: writer.record(CodeAsked(actor=CUSTOMER, package=package)))
        sync(kiosk, known)
        wait_until(lambda: nothing_is_due(server))
    kinds = RULES.messages_by_package_and_kind
    assert len(mailbox[1].mails) <= 1 + kinds
    waiting = [row for row in in_state(server, "queued") if row.held]
    assert [row.kind for row in waiting] == ["code"]
    assert sum(row.times for row in server.rows(schema.notification) if row.kind == "code") == 500
    url = f"{server.url}/v1/packages/{package}/code"
    before = len(mailbox[1].mails)
    assert requests.post(url, json={"user_id": "eva"}, headers=key, timeout=20).ok
    assert len(mailbox[1].wait_for(before + 1)) == before + 1


def test_one_address_is_not_flooded_from_many_packages_and_hears_of_others(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    flooding, honest = server.add_key(), server.add_key()
    for number in range(3):
        lying(server, kiosk, flooding, f"F{number}", email="Eva@example.org")
    for row in server.rows(schema.package):
        for _ in range(20):
            server.write(again, server, row.id)
    wait_until(lambda: nothing_is_due(server))
    sent = len(mailbox[1].mails)
    assert sent <= 3 * (RULES.messages_by_package_and_kind * 2)
    lying(server, kiosk, honest, "H", email="eva@example.org")
    assert len(mailbox[1].wait_for(sent + 1)) == sent + 1


def again(connection: Any, server: Server, package: str) -> None:
    """A message of its own each time, as something may find a way to make."""
    for kind in (outbox.Kind.REMINDER, outbox.Kind.REISSUED):
        outbox.tell(connection, server.rules, kind, package, server.clock.wall_ms)


def test_budgets_leave_some_to_what_matters_and_say_when_there_is_room(server: Server) -> None:
    budget = limits.Budget("sms", "x", 10)

    def taken(count: int, share: float) -> int:
        def take(connection: Any) -> int:
            now_ms = server.clock.wall_ms
            found = [limits.take(connection, [budget], now_ms, share) for _ in range(count)]
            return sum(each is None for each in found)

        return int(server.write(take))

    assert taken(100, 0.7) == 7
    assert taken(100, 1.0) == 3
    full = server.write(lambda c: limits.take(c, [budget], server.clock.wall_ms))
    assert 0 < full.free_ms - server.clock.wall_ms <= HOUR_MS / 10 + 1
    server.clock.wall_ms = full.free_ms
    assert taken(1, 1.0) == 1
    server.clock.wall_ms += 2 * HOUR_MS
    assert taken(100, 1.0) == 10


def test_phantoms_do_not_fill_a_location_for_the_others(server: Server, kiosk: Journal) -> None:
    server.write(
        lambda c: c.execute(schema.location.update().values(latitude=52.5, longitude=13.4))
    )
    flooding, honest = server.add_key(), server.add_key()
    sync(kiosk)
    here = f"{server.url}/v1/locations/{kiosk.location.id}"

    def left(key: dict[str, str]) -> int:
        sizes = requests.get(here, headers=key, timeout=20).json()["sizes"]
        return sum(each["free"] for each in sizes)

    doors = left(honest)
    answers = [announce(server, flooding, f"F{number}", size=None) for number in range(doors)]
    answers += [announce(server, flooding, f"S{number}") for number in range(300)]
    refused = [each for each in answers if not each.ok]
    assert refused
    require_machine_readable(refused[-1])
    assert left(honest) >= doors // 2
    where = {"lat": "52.5", "lon": "13.4"}
    nearest = f"{server.url}/v1/locations/nearest"
    found = requests.get(nearest, params=where, headers=honest, timeout=20).json()
    assert [each["id"] for each in found] == [kiosk.location.id]
    answer = announce(server, honest, "H").json()
    assert answer["doors_left"] > 0
    assert requests.get(nearest, params=where, headers=flooding, timeout=20).json() == []


@pytest.mark.parametrize("rules", [Limits(commands_by_location_and_sender=30)])
def test_one_key_fills_no_kiosks_disk(server: Server, kiosk: Journal) -> None:
    flooding, honest = server.add_key(), server.add_key()

    def there_and_back(number: int) -> requests.Response:
        answer = announce(server, flooding, f"F{number}")
        if answer.ok:
            url = f"{server.url}/v1/packages/{answer.json()['id']}/cancel"
            requests.post(url, json={}, headers=flooding, timeout=20)
            server.write(
                lambda c: c.execute(schema.package.update().values(status="CANCELLED"))
            )  # as its kiosk tells at once
        return answer

    with ThreadPoolExecutor(4) as several:
        answers = list(several.map(there_and_back, range(30)))
    refused = [each for each in answers if not each.ok]
    require_machine_readable(refused[-1])
    assert len(server.rows(schema.command)) <= 30
    assert announce(server, honest, "H").status_code == 201


def waiting(kiosk: Journal) -> list[Any]:
    answer = kiosk.send(kiosk.events())
    assert answer.ok, answer.text
    return list(SyncAnswer.model_validate_json(answer.content).commands)


def test_an_opening_beside_a_flood_of_commands_comes_first(server: Server, kiosk: Journal) -> None:
    key = server.add_key()
    for number in range(60):
        assert announce(server, key, f"F{number}").ok
        if number == 30:
            assert len(waiting(kiosk)) == 31  # handed out, and not carried out yet
    browser = Browser(server, Role.OPERATOR)
    slot = kiosk.location.slots[0].label
    place = f"/locations/{kiosk.location.id}"
    assert browser.post(f"{place}/open", slot=slot, why="stuck").ok
    kinds = [each["type"] for each in waiting(kiosk)]
    assert kinds.index("open") == 31
    numbers = [row.n for row in server.rows(schema.command)]
    assert sorted(numbers) == list(range(1, 62))
    # As the kiosk numbers them, nothing is lost: the opening is applied between the two parts.
    assert waiting(kiosk)[31]["body"]["slot"] == slot


def test_a_link_and_a_key_queue_one_command_of_a_kind(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    key = server.add_key()
    package = lying(server, kiosk, key, "A", email="eva@example.org", user_id="eva")
    [part] = [p for p in mailbox[1].wait_for(1)[0].walk() if p.get_content_type() == "text/plain"]
    text = part.get_payload(decode=True)
    assert isinstance(text, bytes)
    [link] = re.findall(r"http://\S+/mine/\S+", text.decode())
    before = len(server.rows(schema.command))
    for _ in range(25):
        requests.post(f"{link}/extend", timeout=20)
        requests.post(f"{link}/code", timeout=20)
    made = server.rows(schema.command)[before:]
    assert sorted(row.type for row in made) == ["extend", "reissue"]
    # The key's own changes are its own.
    url = f"{server.url}/v1/packages/{package}/code"
    assert requests.post(url, json={"user_id": "eva"}, headers=key, timeout=20).ok
    obey(kiosk)
    days = {row.type: row for row in server.rows(schema.command)}["extend"]
    assert days.state == "APPLIED"


# --- what a kiosk sends -------------------------------------------------------------------------


def ask(kiosk: Journal, count: int) -> int:
    """So many events; the number of the last one before."""
    known = int(kiosk.head().seq)
    for _ in range(count):
        kiosk.do(lambda writer: writer.record(CodeAsked(actor=CUSTOMER, package=None)))
    return known


@pytest.mark.parametrize("rules", [Limits(events_by_location=60)])
def test_a_kiosk_that_floods_sends_later_and_loses_nothing(
    server: Server, kiosk: Journal, tmp_path: Path
) -> None:
    other = Journal(tmp_path / "other.db", replace(kiosk.location, id="other"))
    assert other.enrol(server, server.add_location("other")).ok
    assert kiosk.send(kiosk.events()).ok
    known = ask(kiosk, 50)
    refused = kiosk.send(kiosk.events(known))
    require_machine_readable(refused)
    assert server.alarms().count("alarm:events-flood") == 1
    assert other.send(other.events()).ok
    assert kiosk.send([]).ok, "without events its commands still come"
    server.clock.wall_ms += int(1000 * float(refused.json()["retry_after_s"])) + 1
    assert kiosk.send(kiosk.events(known)).ok
    assert len([row for row in server.rows(schema.event) if row.location != "other"]) == known + 50
    other.store.close()


@pytest.mark.parametrize("rules", [Limits(quarantine_by_location=20)])
def test_a_quarantine_has_an_end_and_the_journal_goes_on(server: Server, kiosk: Journal) -> None:
    known = ask(kiosk, 100)
    good = kiosk.events()
    for turn in range(3):
        bad = [
            event.model_copy(update={"hash": f"{turn}{event.hash[1:]}"})
            for event in kiosk.events(known)
        ]
        for _ in range(2):
            assert kiosk.send(good if turn == 0 else good[:known]).ok
            assert kiosk.send(bad).ok
    rows = server.rows(schema.quarantine)
    assert len(rows) <= 2 * 20 + 1
    assert sum("not kept" not in row.payload for row in rows) <= 20
    assert sum(row.times for row in rows) >= 500
    assert server.alarms().count("alarm:quarantine-full") == 1
    assert kiosk.send(good).ok
    assert len(server.rows(schema.event)) == len(good)


def test_journals_that_nobody_knows_begin_without_end_and_hurt_nobody(
    server: Server, kiosk: Journal
) -> None:
    assert kiosk.send(kiosk.events()).ok
    first = kiosk.events()[0]
    for turn in range(4):
        made_up = [
            first.model_copy(update={"epoch": f"{turn:04x}{number:012x}"}) for number in range(100)
        ]
        assert kiosk.send(made_up).ok
    assert len(server.rows(schema.location_epoch)) <= 1 + DOUBTED_MAX
    assert len(server.alarms()) <= DOUBTED_MAX + 5
    assert len(server.rows(schema.quarantine)) == 400
    ask(kiosk, 1)
    assert kiosk.send(kiosk.events()).ok
    assert len(server.rows(schema.event)) == len(kiosk.events())


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("Eva@example.org", "eva+spam@EXAMPLE.org", True),
        ("eva@example.org", "eve@example.org", False),
        ("eva@example.org", "eva@example.com", False),
        ("+491710000001", "+491710000002", False),
        ("+x@example.org", "+y@example.org", False),
    ],
)
def test_a_mailbox_is_known_by_any_spelling(one: str, other: str, are_same: bool) -> None:
    assert (mailbox_of(one) == mailbox_of(other)) is are_same


def test_what_is_old_is_deleted_in_small_parts_and_evidence_stays(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    key = server.add_key()
    gone = lying(server, kiosk, key, "G", email="eva@example.org")
    stays = lying(server, kiosk, key, "S", email="kim@example.org")
    kiosk.take_out(gone)
    ask(kiosk, 1)
    sync(kiosk)
    mailbox[1].wait_for(3)
    wait_until(lambda: nothing_is_due(server))
    before = len(server.rows(schema.event))
    days = Retention().events_days

    def prune() -> dict[str, int]:
        now_ms = server.clock.wall_ms
        return {
            table: server.write(some, Retention(), now_ms)
            for table, some in retention.PRUNED.items()
        }

    assert not any(count for table, count in prune().items() if table != "budget")
    server.clock.wall_ms += (days + 1) * DAY_MS
    assert prune()["event"] > 0
    kept = server.rows(schema.event)
    assert {row.package for row in kept} >= {stays}
    assert gone not in {row.package for row in kept}
    assert max(row.seq for row in kept) == before, "the last one stays"
    assert {row.package for row in in_state(server, "sent")} == {stays}
    assert {row.package for row in server.rows(schema.command)} >= {stays}
    assert any(row.action == "package.announce" for row in server.rows(schema.audit))
    # A kiosk that sends its old events again is no second journal, and goes on.
    assert kiosk.send(kiosk.events()).ok
    ask(kiosk, 1)
    assert kiosk.send(kiosk.events()).ok
    assert server.rows(schema.quarantine) == []
    assert max(row.seq for row in server.rows(schema.event)) == before + 1


def test_operators_hear_once_of_what_comes_many_times(server: Server, kiosk: Journal) -> None:
    def fault(connection: Any, number: int, slot: str) -> None:
        details = {"slot": slot, "what": "JAMMED", "reference": number}
        now_ms = server.clock.wall_ms
        place = kiosk.location.id
        kind = outbox.Kind.DOOR_FAULT
        outbox.tell_operators(connection, server.rules, kind, place, details, now_ms)

    def many(connection: Any) -> None:
        for number in range(500):
            fault(connection, number, "1")

    server.write(many)
    [row] = server.rows(schema.notification)
    assert row.times == 500
    wait_until(lambda: nothing_is_due(server))
    for number in range(2 * RULES.operator_messages):
        server.write(fault, number, f"door {number}")
    wait_until(lambda: nothing_is_due(server))
    rows = server.rows(schema.notification)
    assert 0 < sum(row.status == "sent" for row in rows) <= RULES.operator_messages
    assert any("operator_messages" in row.held for row in rows)
    # Something else is heard of all the same.
    server.write(
        lambda c: outbox.tell_operators(
            c, server.rules, outbox.Kind.SILENT, kiosk.location.id, {}, server.clock.wall_ms
        )
    )
    wait_until(lambda: nothing_is_due(server))
    [other] = [row for row in server.rows(schema.notification) if row.kind == "silent"]
    assert not other.held


def test_buckets_of_those_who_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(auth, "monotonic_s", lambda: now_s[0])
    limit = auth.RateLimit()
    for number in range(5 * auth.KEPT_BUCKETS):
        now_s[0] += 0.01
        limit.take(f"somebody {number}", 60)
    assert len(limit) <= auth.KEPT_BUCKETS
    waits = [limit.take("the same", 6) for _ in range(7)]
    assert waits[5] == 0
    assert waits[6] > 0
