"""What people are sent, when, and by which way; what becomes of messages when all goes wrong."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import apprise
import pytest
import zxingcpp
from aiosmtpd.controller import Controller
from PIL import Image

from central import housekeeping, schema
from central.notify import health, leasing, worker
from central.notify import message as message_module
from central.notify.outbox import Kind
from central.notify.senders import email_of
from central.notify.worker import quiet_until_ms
from central.settings import Notifications, Smtp
from kiosk.model.allocation import FirstAvailable
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.location import Service
from kiosk.model.person import Role
from kiosk.store import departures, deposits, holds, intents, packages, slots, staff
from kiosk.store.deposits import DepositRequest
from kiosk.store.intents import IntentPurpose
from tests.support.central_server import (
    LOCATION,
    Journal,
    Mailbox,
    Server,
    announce,
    text_of,
    wait_until,
)
from tests.support.exposition import value
from tests.support.operators import obey, sync


def expect(server: Server, kiosk: Journal, barcode: str = "A", **more: Any) -> str:
    """Announced, and known at the kiosk."""
    package = str(announce(server, server.add_key(), barcode, **more).json()["id"])
    obey(kiosk)
    return package


def subjects(mails: list[Message]) -> list[str]:
    return [str(mail["Subject"]) for mail in mails]


def messages(server: Server, kind: str) -> list[Any]:
    return [row for row in server.rows(schema.notification) if row.kind == kind]


def later(server: Server, kiosk: Journal, ms: int) -> None:
    """Time passes on both sides."""
    server.pass_time(ms)
    kiosk.clock.wall_ms += ms


# --- when and what -----------------------------------------------------------------------------


@pytest.fixture
def waiting(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[tuple[Server, Journal]]:
    """A server that waits two minutes for an undo, as it does unless set otherwise."""
    server = Server(tmp_path / "waiting", smtp_port=mailbox[0], rules=Notifications())
    server.start()
    kiosk = Journal(tmp_path / "waiting.db")
    assert kiosk.enrol(server, server.add_location()).ok
    yield server, kiosk
    kiosk.store.close()
    server.stop()


def test_a_deposit_that_is_undone_tells_nobody(
    waiting: tuple[Server, Journal], mailbox: tuple[int, Mailbox]
) -> None:
    server, kiosk = waiting
    package = expect(server, kiosk)
    request = DepositRequest(package, "A", "S", kiosk.new_id(), "11")
    deposit = kiosk.do(deposits.begin_deposit, request, kiosk.location, FirstAvailable())
    kiosk.do(deposits.store_package, deposit, kiosk.location, 5, kiosk.rng)
    sync(kiosk)
    assert [row.status for row in messages(server, "stored")] == ["queued"]
    slot, intent = kiosk.do(packages.package, package).slot, kiosk.new_id()
    kiosk.do(intents.intend, intent, slot, IntentPurpose.UNDO, "11", package)
    kiosk.do(deposits.undo_deposit, package, intent, "11")
    sync(kiosk)
    later(server, kiosk, 180_000)
    wait_until(lambda: messages(server, "stored")[0].status == "dropped")
    assert "PENDING" in messages(server, "stored")[0].reason
    assert mailbox[1].mails == []


def test_when_the_courier_has_left_the_mail_need_not_wait(
    waiting: tuple[Server, Journal], mailbox: tuple[int, Mailbox]
) -> None:
    server, kiosk = waiting
    expect(server, kiosk)
    visit = kiosk.do(staff.begin_visit, kiosk.new_id(), "11", Role.COURIER)
    kiosk.put_in("A")
    sync(kiosk)
    time.sleep(0.3)
    assert mailbox[1].mails == []
    kiosk.do(staff.end_visit, visit, True)
    sync(kiosk)
    assert subjects(mailbox[1].wait_for(1)) == ["Your package is here"]


def test_reminded_warned_and_notified_that_it_expired_each_once(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    expect(server, kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    for _ in range(7):
        later(server, kiosk, DAY_MS)
        kiosk.do(holds.expire_due)
        sync(kiosk)
        wait_until(lambda: not due(server))
    assert subjects(mailbox[1].mails) == [
        "Your package is here",
        "Your package is still here",
        "Last day for your package",
        "The time to fetch your package is over",
    ]


def due(server: Server) -> list[Any]:
    """What should have gone out by now."""
    rows = server.rows(schema.notification)
    now_ms = server.clock.wall_ms
    return [row for row in rows if row.status in ("queued", "leased") and row.due_ms <= now_ms]


def test_what_was_fetched_reminds_nobody(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    package = expect(server, kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    kiosk.take_out(package)
    sync(kiosk)
    mailbox[1].wait_for(2)
    later(server, kiosk, 8 * DAY_MS)
    wait_until(lambda: not due(server))
    assert len(mailbox[1].mails) == 2
    dropped = [row.reason for row in server.rows(schema.notification) if row.status == "dropped"]
    assert dropped == ["the package is RETRIEVED"] * 2


def test_a_longer_hold_is_warned_of_again_before_its_new_end(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    package = expect(server, kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    [warning] = messages(server, "about_to_expire")
    later(server, kiosk, warning.due_ms - server.clock.wall_ms + 1)
    wait_until(lambda: messages(server, "about_to_expire")[0].status == "sent")
    until_ms = kiosk.do(holds.extend_hold, package, 1, kiosk.location.time_zone, "customer")
    sync(kiosk)
    second = [row for row in messages(server, "about_to_expire") if row.status == "queued"]
    assert [row.due_ms for row in second] == [until_ms - 24 * HOUR_MS]


def test_a_recall_notifies_only_who_had_heard_of_the_package(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    heard, other = expect(server, kiosk, "A"), expect(server, kiosk, "B")
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    for package in (heard, other):
        kiosk.do(departures.cancel, package, "damaged")
    sync(kiosk)
    assert subjects(mailbox[1].wait_for(2))[1] == "Your package was recalled"
    assert len(messages(server, "cancelled")) == 1


def test_the_picture_in_the_mail_reads_as_the_code_in_its_words(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    expect(server, kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    mail = mailbox[1].wait_for(1)[0]
    [picture] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    content = picture.get_payload(decode=True)
    assert isinstance(content, bytes)
    read = zxingcpp.read_barcode(Image.open(io.BytesIO(content)))
    assert read is not None
    *_, code = read.text.split(":")
    assert read.text == f"PK1:{LOCATION.id}:{code}"
    assert code in text_of(mail).replace(" ", "")


def test_a_mail_is_written_the_same_whatever_other_channels_were_used() -> None:
    message = message_module.Message("id", Kind.STORED, "email", "e@x", "Über", "Grüße\n", "<p>ü")

    def parts() -> list[object]:
        made: Any = email_of(message, Smtp(host="x", sender="a@b.c")).get_payload()
        return [part.get_payload() for part in made]

    before = parts()
    apprise.Apprise.instantiate("mailto://user:password@example.org")
    assert parts() == before


@pytest.mark.parametrize(
    ("hour", "waits_h"), [(21, None), (22, 9), (23, 8), (3, 4), (6, 1), (7, None), (12, None)]
)
def test_no_telephone_rings_at_night(hour: int, waits_h: int | None) -> None:
    """The hours are those of the locker: 2027-01-15 in Tokyo, nine hours ahead of UTC."""
    midnight_ms = 1_799_938_800_000
    now_ms = midnight_ms + hour * HOUR_MS + 60_000
    found = quiet_until_ms(Notifications(), "Asia/Tokyo", now_ms)
    wanted = None if waits_h is None else midnight_ms + (hour + waits_h) * HOUR_MS
    assert found == wanted


# --- operators -----------------------------------------------------------------------------------


class Hook:
    """Takes what Apprise posts as JSON."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                hook.said.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"json://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Server, Journal, Hook]]:
    """A server whose operators have a hook."""
    hook = Hook()
    server = Server(tmp_path / "watched", rules=Notifications(operator_urls=(hook.url,)))
    server.start()
    kiosk = Journal(tmp_path / "watched.db")
    assert kiosk.enrol(server, server.add_location()).ok
    yield server, kiosk, hook
    kiosk.store.close()
    server.stop()
    hook.server.shutdown()


def test_operators_hear_of_a_door_that_is_out_of_service(
    watched: tuple[Server, Journal, Hook],
) -> None:
    _, kiosk, hook = watched
    kiosk.do(slots.set_service, "7", Service.DO_NOT_OPEN, "door jams", "kiosk")
    sync(kiosk)
    wait_until(lambda: bool(hook.said))
    assert "door 7: out of service: door jams" in hook.said[0]["title"]


def test_operators_hear_once_of_a_kiosk_that_fell_silent_and_once_when_it_is_back(
    watched: tuple[Server, Journal, Hook],
) -> None:
    server, kiosk, hook = watched
    rules, began_ms = server.central.settings.notifications, server.clock.wall_ms
    sync(kiosk)

    def look() -> None:
        server.write(housekeeping.tell_of_silence, rules, began_ms, server.clock.wall_ms)

    for _ in range(4):
        server.clock.wall_ms += rules.silent_after_s * 600
        look()
    wait_until(lambda: bool(hook.said))
    sync(kiosk)
    for _ in range(2):
        look()
    wait_until(lambda: len(hook.said) == 2)
    assert [said["title"].partition(": ")[2] for said in hook.said] == [
        "its kiosk was not heard of for 6 minutes",
        "its kiosk is heard of again",
    ]
    assert server.alarms() == ["alarm:silent"]


def test_a_server_that_just_started_takes_nobody_for_silent(
    watched: tuple[Server, Journal, Hook],
) -> None:
    server, kiosk, _ = watched
    sync(kiosk)
    server.clock.wall_ms += DAY_MS
    rules, now_ms = server.central.settings.notifications, server.clock.wall_ms
    server.write(housekeeping.tell_of_silence, rules, now_ms - 60_000, now_ms)
    assert server.alarms() == []


def test_where_no_operator_can_be_reached_no_dead_letters_heap_up(
    server: Server, kiosk: Journal
) -> None:
    kiosk.do(slots.set_service, "7", Service.DO_NOT_OPEN, "door jams", "kiosk")
    sync(kiosk)
    assert server.rows(schema.notification) == []


# --- when all goes wrong -------------------------------------------------------------------------


def deposits_for(server: Server, kiosk: Journal, count: int) -> None:
    """So many packages are put in whose people wait for a mail."""
    for number in range(count):
        person = {"name": "Eva", "email": f"eva{number}@example.org"}
        announce(server, server.add_key(), f"P{number}", recipient=person)
    obey(kiosk)
    for number in range(count):
        kiosk.put_in(f"P{number}")


def notified_once(box: Mailbox, count: int) -> None:
    mails = box.wait_for(count)
    assert len({mail["Message-ID"] for mail in mails}) == len(mails) == count


def test_a_server_that_is_stopped_while_it_sends_tells_nobody_twice(
    tmp_path: Path, mailbox: tuple[int, Mailbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SETTLE", 4)

    class Slow(Mailbox):
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            await asyncio.sleep(0.4)
            return await mailbox[1].handle_DATA(_server, _session, envelope)

    slow = Controller(Slow(), hostname="127.0.0.1", port=free_port())
    slow.start()
    first = Server(tmp_path / "slow", smtp_port=slow.port)
    first.start()
    bank = Journal(tmp_path / "slow.db")
    assert bank.enrol(first, first.add_location()).ok
    deposits_for(first, bank, 20)
    sync(bank)
    mailbox[1].wait_for(1)
    first.stop()
    assert len(mailbox[1].mails) < 20, "it had sent all before it was stopped"
    again = Server(first.folder, smtp_port=mailbox[0])
    again.start()
    notified_once(mailbox[1], 20)
    again.stop()
    slow.stop()
    bank.store.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_messages_of_a_worker_that_died_are_sent_when_its_lease_is_over(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # It takes its rows and is never heard of again.
        patch.setattr(worker.Worker, "_send_some", lambda *_: asyncio.sleep(0))
        deposits_for(server, kiosk, 3)
        sync(kiosk)
        wait_until(lambda: {row.status for row in messages(server, "stored")} == {"leased"})
    time.sleep(1)
    assert mailbox[1].mails == []
    server.clock.wall_ms += leasing.LEASE_MS + 1
    notified_once(mailbox[1], 3)
    wait_until(lambda: {row.status for row in messages(server, "stored")} == {"sent"})


def test_while_a_channel_is_down_no_tries_are_lost_and_all_is_sent_when_it_is_back(
    tmp_path: Path,
) -> None:
    server, box = Server(tmp_path / "central", smtp_port=free_port()), Mailbox()
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    late = very_late(server)
    deposits_for(server, kiosk, 20)
    sync(kiosk)
    for _ in range(3):
        wait_until(lambda: not due(server))
        server.clock.wall_ms += health.PAUSE_MAX_S * 1000
    wait_until(lambda: not due(server))
    assert {(row.status, row.attempts) for row in messages(server, "stored")} == {("queued", 0)}
    controller = Controller(box, hostname="127.0.0.1", port=server.smtp_port)
    controller.start()
    server.clock.wall_ms += health.PAUSE_MAX_S * 1000
    notified_once(box, 20)
    wait_until(lambda: very_late(server) == late + 20)
    server.stop()
    controller.stop()
    kiosk.store.close()


def very_late(server: Server) -> float:
    """How many messages went out more than five minutes after they were due first."""
    text, name = server.metrics(), "locker_message_delay_seconds"
    return value(text, f"{name}_count") - value(text, f"{name}_bucket", le="300.0")


def test_after_eight_tries_at_a_full_mailbox_a_message_is_a_dead_letter(tmp_path: Path) -> None:
    class Full(Mailbox):
        async def handle_RCPT(self, *_: Any) -> str:
            return "452 4.2.2 mailbox full"

    controller = Controller(Full(), hostname="127.0.0.1", port=free_port())
    controller.start()
    server = Server(tmp_path / "central", smtp_port=controller.port)
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    deposits_for(server, kiosk, 1)
    sync(kiosk)

    def was_tried(times: int) -> bool:
        return bool(messages(server, "stored")[0].attempts == times)

    for tries in range(1, worker.ATTEMPTS_MAX + 1):
        wait_until(partial(was_tried, tries))
        server.clock.wall_ms += worker.BACK_OFF_MAX_S * 1000
    assert messages(server, "stored")[0].status == "dead"
    server.stop()
    controller.stop()
    kiosk.store.close()
