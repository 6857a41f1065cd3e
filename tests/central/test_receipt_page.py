"""The link of a courier's receipt: it shows what one visit moved, to who has it, and ends."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from central import schema
from central.pages.receipt_page import RECEIPT_DAYS
from kiosk.model.clock import DAY_MS
from kiosk.model.location import SlotStatus
from kiosk.model.person import Role
from kiosk.model.receipt_link import receipt_link
from kiosk.store import departures, intents, journal, packages, staff
from kiosk.store.intents import IntentPurpose
from kiosk.store.staff import Visit
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, Mailbox, Server
from tests.support.operators import sync


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    made = Server(tmp_path / "central", smtp_port=mailbox[0], is_public=True)
    made.start()
    yield made
    made.stop()


def begin(kiosk: Journal, number: str = "11") -> Visit:
    visit: Visit = kiosk.do(staff.begin_visit, kiosk.new_id(), number, Role.COURIER)
    return visit


def link_of(server: Server, kiosk: Journal, visit: Visit) -> str:
    epoch = kiosk.do(journal.epoch_of, visit.began_seq)
    return receipt_link(server.url, LOCATION_KEY, LOCATION.id, epoch, visit.began_seq)


def shown(link: str, **asked: str) -> str:
    answer = requests.get(link, params=asked, timeout=20)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def lines(text: str) -> list[tuple[str, ...]]:
    """The table of a receipt, without its times."""
    rows = re.findall(r"<tr><td>.*?</tr>", text)
    return [tuple(re.sub("<[^>]*>", "", cell) for cell in row.split("</td>")[1:4]) for row in rows]


def test_a_receipt_lists_what_its_visit_moved_and_nothing_else(
    server: Server, kiosk: Journal
) -> None:
    before = begin(kiosk)
    kiosk.put_in("BEFORE")
    kiosk.do(staff.end_visit, before, True)
    visit = begin(kiosk)
    first = kiosk.put_in("ONE")
    # The receipt of an earlier visit is shown meanwhile, and a customer is let in who finds theirs
    # missing: neither is of this visit.
    kiosk.do(staff.receipt_shown, before)
    theirs = kiosk.put_in("THEIRS")
    slot = kiosk.do(packages.package, theirs).slot
    intent = kiosk.new_id()
    kiosk.do(intents.intend, intent, slot, IntentPurpose.PICKUP, "customer", theirs)
    kiosk.do(departures.missing, theirs, intent, None, "customer")
    kiosk.do(staff.end_visit, visit, True)
    after = begin(kiosk)
    kiosk.put_in("AFTER")
    kiosk.do(staff.end_visit, after, True)
    sync(kiosk)
    text = shown(link_of(server, kiosk, visit), language="en")
    door = kiosk.do(packages.package, first).slot
    assert lines(text) == [(door, "ONE", "put in"), (slot, "THEIRS", "put in")]
    assert f"Receipt <bdi>{visit.began_seq}</bdi>" in text
    assert server.rows(schema.location)[0].id in text
    assert "Packages: 2" in text
    assert "eingelegt" in shown(link_of(server, kiosk, visit), language="de")


def test_what_was_taken_back_is_on_it_too(server: Server, kiosk: Journal) -> None:
    package = kiosk.put_in("OLD")
    visit = begin(kiosk)
    slot = kiosk.do(packages.package, package).slot
    intent = kiosk.new_id()
    kiosk.do(intents.intend, intent, slot, IntentPurpose.COLLECTION, "staff:11", package)
    kiosk.do(departures.collect, package, intent, "staff:11", "damaged")
    assert kiosk.do(packages.package, package).slot is None
    sync(kiosk)
    # The visit goes on: what it moved so far is shown.
    assert lines(shown(link_of(server, kiosk, visit))) == [(slot, "OLD", "taken back")]
    assert SlotStatus.EMPTY in {row.status for row in server.rows(schema.slot)}


def test_a_receipt_that_the_kiosk_has_not_sent_says_so_and_comes(
    server: Server, kiosk: Journal
) -> None:
    visit = begin(kiosk)
    kiosk.put_in("ONE")
    link = link_of(server, kiosk, visit)
    answer = requests.get(link, timeout=20)
    assert answer.status_code == 404
    assert "not here yet" in answer.text
    sync(kiosk)
    assert len(lines(shown(link))) == 1


def test_a_link_that_the_kiosk_never_made_shows_nothing(server: Server, kiosk: Journal) -> None:
    visit = begin(kiosk)
    kiosk.put_in("ONE")
    sync(kiosk)
    link = link_of(server, kiosk, visit)
    head, _, proof = link.rpartition("/")
    place, _, seq = head.rpartition("/")
    others = (
        f"{head}/{proof[:-1]}A",
        f"{head}/{proof[::-1]}",
        f"{head}/-",
        f"{place}/{int(seq) + 1}/{proof}",
        link.replace(LOCATION.id, "elsewhere"),
        link.replace(LOCATION_KEY.hex()[:4], "x") + "%C3%A9",
        receipt_link(server.url, bytes(32), LOCATION.id, "e", visit.began_seq),
    )
    for wrong in others:
        answer = requests.get(wrong, timeout=20)
        assert answer.status_code == 404, wrong
        assert "ONE" not in answer.text
        assert "not here yet" not in answer.text, "nobody learns which visits there are"


def test_a_link_ends(server: Server, kiosk: Journal) -> None:
    visit = begin(kiosk)
    kiosk.put_in("ONE")
    sync(kiosk)
    link = link_of(server, kiosk, visit)
    server.clock.wall_ms += RECEIPT_DAYS * DAY_MS
    assert "ONE" in shown(link)
    server.clock.wall_ms += 1
    answer = requests.get(link, timeout=20)
    assert answer.status_code == 410
    assert "ONE" not in answer.text


def test_the_kiosk_hears_where_people_reach_the_server(server: Server, kiosk: Journal) -> None:
    kiosk.put_in("ONE")
    assert sync(kiosk).public_url == server.url


def test_nothing_of_a_person_stands_in_a_link_or_on_its_page(
    server: Server, kiosk: Journal
) -> None:
    visit = begin(kiosk, "4711")
    package = kiosk.put_in("ONE")
    sync(kiosk)
    link = link_of(server, kiosk, visit)
    for hidden in ("ONE", "4711", package):
        assert hidden not in link
    assert "4711" not in shown(link)
