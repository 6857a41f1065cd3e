"""A barcode is no proof: whoever announces another shop's gets no code, and reads nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
import requests

from central import schema
from central.auth import Role
from kiosk.model.pickup_code import make_code
from kiosk.store import codes, packages
from kiosk.store import commands as kiosk_commands
from kiosk.store.codes import CodePolicy, Granted
from kiosk.sync.receiving import receive
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
from tests.support.operators import Browser, obey, sync

MALLORY = {"name": "Mallory", "email": "mallory@example.org", "user_id": "mallory"}
ADA = {"name": "Ada", "email": "ada@example.org", "user_id": "ada"}
POLICY = CodePolicy(LOCATION_KEY, len(LOCATION.slots))
SPELLINGS = ("(00)340434123456789012", "00340434123456789012")


class Shops:
    """An honest shop, one that lies, and the machine between them."""

    def __init__(self, server: Server, kiosk: Journal, box: Mailbox) -> None:
        self.server, self.kiosk, self.box = server, kiosk, box
        self.honest, self.liar = server.add_key(), server.add_key()
        self.operator = Browser(server, Role.OPERATOR)

    def announce(self, key: dict[str, str], barcode: str = "X", **more: Any) -> str:
        person = ADA if key is self.honest else MALLORY
        answer = announce(self.server, key, barcode, recipient=person, **more)
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "PENDING"
        return str(answer.json()["id"])

    def status(self, key: dict[str, str], package: str) -> str:
        url = f"{self.server.url}/v1/packages/{package}"
        answer = requests.get(url, headers=key, timeout=20)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    def put_in(self, barcode: str = "X") -> str:
        obey(self.kiosk)
        lying = self.kiosk.put_in(barcode)
        sync(self.kiosk)
        return lying

    def settled(self, sent: Sequence[str] = ()) -> None:
        """What is due is dealt with: these were sent a mail each, and nobody else."""

        def is_quiet() -> bool:
            rows = self.server.rows(schema.notification)
            now_ms = self.server.clock.wall_ms
            waits = [row for row in rows if row.status in ("queued", "leased")]
            return not any(row.due_ms <= now_ms for row in waits)

        wait_until(is_quiet)
        assert sorted(self.box.recipients) == sorted(sent)

    def decide(self, package: str) -> None:
        assert "Whose is it?" in self.operator.get("/disputed").text
        answer = self.operator.post(f"/packages/{package}/decide", why="the label says so")
        assert "It is theirs" in answer.text, answer.text
        obey(self.kiosk)
        obey(self.kiosk)

    def codes_sent_to(self, person: dict[str, str]) -> list[str]:
        mails = [mail for mail in self.box.mails if person["email"] in str(mail["To"])]
        found = [re.findall(r"\d{3} \d{3} \d{3}", text_of(mail)) for mail in mails]
        return [each[-1].replace(" ", "") for each in found if each]

    def opens(self, code: str) -> bool:
        return isinstance(self.kiosk.do(codes.check_code, POLICY, code), Granted)

    def is_alarmed(self) -> bool:
        return "alarm:disputed" in self.server.alarms()


@pytest.fixture
def shops(server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]) -> Shops:
    return Shops(server, kiosk, mailbox[1])


def test_two_senders_of_one_barcode_wait_for_an_operator(shops: Shops) -> None:
    theirs, liars = shops.announce(shops.honest), shops.announce(shops.liar)
    assert theirs != liars
    lying = shops.put_in()
    assert lying not in (theirs, liars), "the kiosk chose by itself"
    shops.settled()
    assert shops.is_alarmed()
    assert shops.status(shops.honest, theirs) == shops.status(shops.liar, liars) == "PENDING"
    shops.decide(theirs)
    shops.box.wait_for(1)
    shops.settled([ADA["email"]])
    [code] = shops.codes_sent_to(ADA)
    assert shops.opens(code)
    assert shops.status(shops.honest, theirs) == "STORED"
    assert shops.status(shops.liar, liars) == "CANCELLED"
    assert "Nothing." in shops.operator.get("/disputed").text
    [audited] = [row for row in shops.server.rows(schema.audit) if row.action == "package.decide"]
    assert (audited.subject, audited.by) == (theirs, "operator@example.org")
    shops.kiosk.take_out(lying)
    sync(shops.kiosk)
    assert shops.status(shops.honest, theirs) == "RETRIEVED"


def test_whoever_announces_what_lies_there_unannounced_gets_no_code(shops: Shops) -> None:
    lying = shops.put_in()
    liars = shops.announce(shops.liar)
    obey(shops.kiosk)
    theirs = shops.announce(shops.honest)
    obey(shops.kiosk)
    shops.settled()
    assert shops.is_alarmed()
    assert lying not in (theirs, liars)
    shops.decide(theirs)
    shops.box.wait_for(1)
    shops.settled([ADA["email"]])
    assert shops.opens(shops.codes_sent_to(ADA)[0])
    assert (shops.status(shops.honest, theirs), shops.status(shops.liar, liars)) == (
        "STORED",
        "CANCELLED",
    )


def test_alone_with_what_lies_unannounced_one_of_several_senders_waits(shops: Shops) -> None:
    shops.put_in()
    theirs = shops.announce(shops.honest)
    obey(shops.kiosk)
    shops.settled()
    shops.decide(theirs)
    shops.box.wait_for(1)
    shops.settled([ADA["email"]])


def test_put_in_while_the_network_was_cut_nobody_gets_it_either(shops: Shops) -> None:
    """The kiosk knows of the liar's announcement alone, and tells of the deposit later."""
    liars = shops.announce(shops.liar)
    obey(shops.kiosk)
    assert shops.kiosk.put_in("X") == liars
    theirs = shops.announce(shops.honest)
    sync(shops.kiosk)
    obey(shops.kiosk)
    shops.settled()
    assert shops.is_alarmed()
    shops.decide(theirs)
    shops.box.wait_for(1)
    shops.settled([ADA["email"]])
    assert shops.opens(shops.codes_sent_to(ADA)[0])
    stored = shops.kiosk.do(packages.package, liars)
    assert stored.locator is not None
    assert not shops.opens(make_code(LOCATION_KEY, liars, stored.locator, 1)), "an earlier code"
    assert (shops.status(shops.honest, theirs), shops.status(shops.liar, liars)) == (
        "STORED",
        "CANCELLED",
    )
    shops.kiosk.take_out(liars)
    sync(shops.kiosk)
    assert (shops.status(shops.honest, theirs), shops.status(shops.liar, liars)) == (
        "RETRIEVED",
        "CANCELLED",
    )


def test_the_liars_other_code_does_not_open_what_is_disputed(shops: Shops) -> None:
    shops.announce(shops.liar, "OWN")
    shops.announce(shops.liar)
    obey(shops.kiosk)
    own, lying = shops.kiosk.put_in("OWN"), shops.kiosk.put_in("X")
    shops.announce(shops.honest)
    obey(shops.kiosk)
    stored = shops.kiosk.do(packages.package, own)
    code = make_code(LOCATION_KEY, own, stored.locator, stored.code_counter)
    answer = shops.kiosk.do(codes.check_code, POLICY, code)
    assert isinstance(answer, Granted)
    assert lying not in {other.package for other in answer.others}


def test_a_code_that_was_sent_before_stays_the_honest_persons(shops: Shops) -> None:
    theirs = shops.announce(shops.honest)
    shops.put_in()
    shops.box.wait_for(1)
    [code] = shops.codes_sent_to(ADA)
    liars = shops.announce(shops.liar)
    obey(shops.kiosk)
    shops.settled([ADA["email"]])
    assert shops.is_alarmed()
    assert shops.opens(code)
    url = f"{shops.server.url}/v1/packages/{theirs}/code"
    answer = requests.post(url, json={"user_id": "ada"}, headers=shops.honest, timeout=20)
    assert answer.status_code == 200
    shops.box.wait_for(2)
    obey(shops.kiosk)
    shops.settled([ADA["email"]] * 2)
    assert shops.opens(shops.codes_sent_to(ADA)[1])
    shops.kiosk.take_out(theirs)
    sync(shops.kiosk)
    assert shops.status(shops.honest, theirs) == "RETRIEVED"
    assert shops.status(shops.liar, liars) == "PENDING"


def test_no_answer_tells_anything_of_the_other(shops: Shops) -> None:
    theirs = shops.announce(shops.honest, SPELLINGS[0])
    first = announce(shops.server, shops.liar, "FREE", recipient=MALLORY).json()
    taken = announce(shops.server, shops.liar, SPELLINGS[1], recipient=MALLORY).json()
    assert theirs not in str(taken)
    assert taken.keys() == first.keys()
    same = ("status", "size", "location", "neighbours", "stored_ms", "hold_until_ms")
    assert [taken[name] for name in same] == [first[name] for name in same]
    again = announce(shops.server, shops.liar, SPELLINGS[0], recipient=MALLORY)
    assert (again.status_code, again.json()["id"]) == (409, taken["id"])
    for what in ("", "/history"):
        url = f"{shops.server.url}/v1/packages/{theirs}{what}"
        assert requests.get(url, headers=shops.liar, timeout=20).status_code == 404
    for name in ("cancel", "extend", "code"):
        url = f"{shops.server.url}/v1/packages/{theirs}/{name}"
        body = {"days": 1} if name == "extend" else {"user_id": "x"} if name == "code" else {}
        answer = requests.post(url, json=body, headers=shops.liar, timeout=20)
        assert answer.status_code == 404, answer.text


def recall(shops: Shops, key: dict[str, str], package: str) -> str:
    url = f"{shops.server.url}/v1/packages/{package}/cancel"
    answer = requests.post(url, json={}, headers=key, timeout=20)
    assert answer.status_code == 200, answer.text
    obey(shops.kiosk)
    obey(shops.kiosk)
    return str(answer.json()["status"])


def test_a_liars_recall_takes_nothing_that_lies_there_from_the_honest_shop(shops: Shops) -> None:
    liars = shops.announce(shops.liar)
    obey(shops.kiosk)
    theirs = shops.announce(shops.honest)  # its kiosk is offline, and takes it for the liar's
    lying = shops.kiosk.put_in("X")
    sync(shops.kiosk)
    assert lying == liars
    assert recall(shops, shops.liar, liars) == "STORED", "the answer tells of the dispute"
    assert shops.status(shops.liar, liars) == "CANCELLED"
    assert shops.kiosk.do(packages.package, lying).status == "STORED", "a courier takes it back"
    shops.decide(theirs)
    shops.box.wait_for(1)
    shops.settled([ADA["email"]])
    assert shops.opens(shops.codes_sent_to(ADA)[0])
    assert shops.status(shops.honest, theirs) == "STORED"
    answer = requests.post(
        f"{shops.server.url}/v1/packages/{liars}/cancel", json={}, headers=shops.liar, timeout=20
    )
    assert answer.status_code == 409, answer.text


def test_what_both_recall_lies_there_for_nobody_and_is_no_question_any_more(shops: Shops) -> None:
    theirs, liars = shops.announce(shops.honest), shops.announce(shops.liar)
    lying = shops.put_in()
    assert recall(shops, shops.liar, liars) == "PENDING"
    assert "Whose is it?" in shops.operator.get("/disputed").text
    assert recall(shops, shops.honest, theirs) == "PENDING"
    assert "Nothing." in shops.operator.get("/disputed").text
    assert shops.status(shops.honest, theirs) == shops.status(shops.liar, liars) == "CANCELLED"
    assert shops.kiosk.do(packages.package, lying).status == "STORED"
    shops.settled()


def test_an_operators_yes_holds_whatever_is_announced_after_it(shops: Shops) -> None:
    """Decided before the package came; then the liar announces once more, and it comes."""
    theirs = shops.announce(shops.honest)
    liars = shops.announce(shops.liar)
    shops.decide(theirs)
    assert shops.status(shops.liar, liars) == "CANCELLED"
    shops.announce(shops.liar)
    assert shops.put_in() == theirs
    shops.box.wait_for(1)
    shops.settled([ADA["email"]])
    assert shops.opens(shops.codes_sent_to(ADA)[0])


def test_an_operator_takes_back_what_the_liar_was_sent_a_code_for(shops: Shops) -> None:
    """The liar announced first, and the honest shop only after its package was put in."""
    liars = shops.announce(shops.liar)
    assert shops.put_in() == liars
    shops.box.wait_for(1)
    [stolen] = shops.codes_sent_to(MALLORY)
    theirs = shops.announce(shops.honest)
    obey(shops.kiosk)
    assert shops.is_alarmed()
    shops.decide(theirs)
    shops.box.wait_for(2)
    shops.settled([ADA["email"], MALLORY["email"]])
    assert not shops.opens(stolen)
    assert shops.opens(shops.codes_sent_to(ADA)[0])
    assert (shops.status(shops.honest, theirs), shops.status(shops.liar, liars)) == (
        "STORED",
        "CANCELLED",
    )


def test_one_that_was_put_in_before_the_kiosk_heard_of_the_yes_is_the_winners(
    shops: Shops,
) -> None:
    theirs = shops.announce(shops.honest)
    shops.announce(shops.liar)
    obey(shops.kiosk)
    lying = shops.kiosk.put_in("X")  # not reported yet
    shops.operator.post(f"/packages/{theirs}/decide", why="the label says so")
    sync(shops.kiosk)
    obey(shops.kiosk)
    shops.box.wait_for(1)
    shops.settled([ADA["email"]])
    assert shops.opens(shops.codes_sent_to(ADA)[0])
    assert shops.status(shops.honest, theirs) == "STORED"
    assert shops.kiosk.do(packages.package, lying).status == "STORED"


def test_the_only_sender_goes_on_as_before(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    """Keys that cannot announce, and those that were revoked, are no other senders."""
    key = server.add_key()
    server.add_key("packages:read", "locations:read")
    server.add_key()
    table = schema.api_key
    newest = [row.id for row in server.rows(table)][-1]
    server.write(
        lambda c: c.execute(table.update().where(table.c.id == newest).values(revoked_ms=1))
    )
    kiosk.put_in("A")
    sync(kiosk)
    announce(server, key, "A")
    mailbox[1].wait_for(1)
    kiosk.put_in("B")  # the server hears of it with the answer to the announcement
    announce(server, key, "B")
    obey(kiosk)
    assert len(mailbox[1].wait_for(2)) == 2
    assert server.alarms() == []


def test_an_operator_says_yes_only_to_what_is_asked(shops: Shops) -> None:
    theirs = shops.announce(shops.honest)
    viewer = Browser(shops.server, Role.VIEWER)
    assert viewer.post(f"/packages/{theirs}/decide", why="x").status_code == 403
    answer = shops.operator.post(f"/packages/{theirs}/decide", why="x")
    assert "nobody disputes whose this package is" in answer.text
    liars = shops.announce(shops.liar)
    assert shops.operator.post(f"/packages/{liars}/decide").status_code == 422
    assert shops.operator.post("/packages/nothing/decide", why="x").status_code in (200, 404)
    assert "package.decide" not in {row.action for row in shops.server.rows(schema.audit)}


def test_an_answer_of_an_older_kiosk_that_joined_by_itself_is_not_believed(shops: Shops) -> None:
    """It knows of no senders: it takes the second announcement for the first."""
    theirs, liars = shops.announce(shops.honest), shops.announce(shops.liar)
    for each in sync(shops.kiosk).commands:
        assert isinstance(each, dict) and isinstance(each["body"], dict)
        for name in ("sender", "may_join"):
            del each["body"][name]
        shops.kiosk.do(kiosk_commands.apply, receive(each), "UTC")
    assert shops.kiosk.put_in("X") == theirs
    sync(shops.kiosk)
    shops.settled()
    assert shops.status(shops.honest, theirs) == "STORED"
    assert shops.status(shops.liar, liars) == "PENDING"
    shops.decide(theirs)
    shops.box.wait_for(1)
    shops.settled([ADA["email"]])
    assert shops.opens(shops.codes_sent_to(ADA)[0])
    assert shops.kiosk.do(packages.recipient_of, theirs).name == "Ada"
