"""Packages that nobody announced: whoever a courier or guest names is notified like anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from central import privacy, schema
from central.errors import RequestError
from central.packages.requests import Person
from central.packages.service import change_contact
from central.residents import directory
from central.residents.reading import read_directory
from central.residents.tables import household, resident
from kiosk.model import addressee
from kiosk.model.addressee import Addressee
from kiosk.model.allocation import FirstAvailable
from kiosk.model.pickup_code import make_code
from kiosk.model.sealing import Sealing
from kiosk.store import addressees, codes, deposits, packages
from kiosk.store import directory as kiosk_directory
from kiosk.store.codes import CodePolicy, NotKnown
from kiosk.store.deposits import DepositRequest
from kiosk.sync.contract import SyncRequest, WireAddressee
from tests.central.test_kiosk_client import Site
from tests.support.central_server import (
    EVA,
    LOCATION,
    LOCATION_KEY,
    Mailbox,
    Server,
    announce,
    text_of,
)

PHONE = "+491710000009"
CSV = """flat,name,phone,email,language
12,Mona Haddad,,mona@example.org,de
12,Lena Haddad,,lena@example.org,
3 B,Jürgen Müller,0171 0000003,,
"""


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[Site]:
    made = Site(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def put_in(site: Site, barcode: str, said: Addressee) -> str:
    """A deposit of a package that nobody announced; its id."""
    journal = site.journal
    request = DepositRequest(journal.new_id(), barcode, "S", journal.new_id(), "staff:11")
    deposit = journal.do(deposits.begin_deposit, request, LOCATION, FirstAvailable())
    journal.do(deposits.store_package, deposit, LOCATION, 5, journal.rng, said)
    return str(deposit.package)


def import_csv(server: Server, text: str = CSV) -> Any:
    wanted = read_directory(text.encode(), "house.csv", "DE")
    plan = server.write(directory.plan, LOCATION.id, wanted)
    return server.write(
        directory.replace, server.central, "test", LOCATION.id, wanted, plan.version
    )


def people_of(server: Server) -> list[tuple[str, str]]:
    return sorted((row.phone, row.email) for row in server.rows(schema.recipient))


def code_here(site: Site, package: str) -> str:
    found = site.journal.do(packages.package, package)
    return make_code(LOCATION_KEY, found.id, found.locator, found.code_counter)


def test_the_number_reaches_the_server_sealed_and_is_sent_a_code(
    site: Site, server: Server
) -> None:
    package = put_in(site, "NEW-1", Addressee(phone=PHONE))
    site.sync()
    assert people_of(server) == [(PHONE, "")]
    [row] = server.rows(schema.package)
    assert row.recipient is not None
    [message] = [each for each in server.rows(schema.notification) if each.kind == "stored"]
    assert (message.recipient, message.channel) == (row.recipient, "sms")
    assert site.journal.do(addressees.unheard, 10) == []
    assert PHONE[1:] not in "".join(event.body for event in site.journal.events())
    assert package == row.id


def test_an_older_server_is_given_no_number(
    site: Site, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in(site, "NEW-1", Addressee(phone=PHONE))
    sent: list[SyncRequest] = []
    client = site.client()
    exchange = client._exchange

    def as_an_older_server(waiting: Any) -> Any:
        sent.append(waiting)
        return exchange(waiting).model_copy(update={"addressees": None, "directory_version": None})

    monkeypatch.setattr(client, "_exchange", as_an_older_server)
    for _ in range(3):
        client.sync_once()
    assert people_of(server) == []
    assert len(site.journal.do(addressees.unheard, 10)) == 1
    site.sync()  # the server was updated
    assert people_of(server) == [(PHONE, "")]


def test_a_package_announced_meanwhile_is_for_whom_its_sender_says(
    site: Site, server: Server
) -> None:
    headers = server.add_key()
    put_in(site, "BOTH-1", Addressee(phone=PHONE))
    assert announce(server, headers, "BOTH-1").status_code == 201
    site.sync(3)
    assert PHONE not in {phone for phone, _ in people_of(server)}
    [live] = [row for row in server.rows(schema.package) if row.status == "STORED"]
    [eva] = [row for row in server.rows(schema.recipient) if row.email == EVA["email"]]
    assert live.recipient == eva.id


def test_who_was_named_first_has_no_code_once_it_is_announced(site: Site, server: Server) -> None:
    headers = server.add_key()
    package = put_in(site, "LATE-1", Addressee(phone=PHONE))
    site.sync()
    before = code_here(site, package)
    assert announce(server, headers, "LATE-1").status_code == 201
    site.sync(2)
    assert code_here(site, package) != before
    strict = CodePolicy(LOCATION_KEY, len(LOCATION.slots))
    assert isinstance(site.journal.do(codes.check_code, strict, before), NotKnown)


@pytest.mark.parametrize("whose", ["another package", "another location's", "no number"])
def test_what_is_not_said_of_this_package_here_is_refused(
    site: Site, server: Server, whose: str
) -> None:
    package = put_in(site, "NEW-1", Addressee())
    site.sync()
    place, of = LOCATION.id, package
    if whose == "another package":
        of = "another"
    elif whose == "another location's":
        place = "elsewhere"
    phone = "+49123" if whose == "no number" else PHONE
    said = addressee.sealed(Sealing([LOCATION_KEY]), Addressee(phone=phone), place, of)
    message = SyncRequest(
        epoch=site.journal.head().epoch,
        head=site.journal.head(),
        addressees=(WireAddressee(package=package, said=said),),
    )
    identity = site.client()._identity
    answer = requests.post(
        f"{server.url}/v1/locations/{LOCATION.id}/sync",
        data=message.model_dump_json(),
        headers={"authorization": f"Bearer {identity.token}"},
        timeout=20,
    )
    assert answer.json()["addressees"] == [package]
    assert people_of(server) == []
    assert server.alarms() == ["alarm:addressee-refused"]


# --- the directory -------------------------------------------------------------------------------


def test_a_household_is_notified_on_all_its_contacts(
    site: Site, server: Server, mailbox: tuple[int, Mailbox]
) -> None:
    import_csv(server)
    site.sync()
    homes = site.journal.do(kiosk_directory.households)
    assert {(each.flat, each.names) for each in homes} == {
        ("12", ("Mona Haddad", "Lena Haddad")),
        ("3 B", ("Jürgen Müller",)),
    }
    [home] = [each for each in homes if each.flat == "12"]
    package = put_in(site, "NEW-1", Addressee(household=home.id))
    site.sync()
    mails = mailbox[1].wait_for(2)
    assert sorted(mailbox[1].recipients) == ["lena@example.org", "mona@example.org"]
    code = code_here(site, package)
    spelled = f"{code[:-6]} {code[-6:-3]} {code[-3:]}"
    assert all(spelled in text_of(mail) for mail in mails)


def test_a_household_that_has_gone_meanwhile_is_an_alarm(site: Site, server: Server) -> None:
    """Nobody is notified, and the kiosk need not say it again: an operator has to look."""
    package = put_in(site, "NEW-1", Addressee(household="gone"))
    site.sync()
    site.sync()
    assert server.alarms() == ["alarm:addressee-refused"]
    assert people_of(server) == []
    assert site.journal.do(addressees.unheard, 10) == []
    [row] = [each for each in server.rows(schema.package) if each.id == package]
    assert (row.status, row.recipient) == ("STORED", None)


def test_another_contact_ends_all_codes_of_the_household(
    site: Site, server: Server, mailbox: tuple[int, Mailbox]
) -> None:
    headers = server.add_key()
    import_csv(server)
    site.sync()
    [home] = [each for each in site.journal.do(kiosk_directory.households) if each.flat == "12"]
    package = put_in(site, "NEW-1", Addressee(household=home.id))
    site.sync()
    mailbox[1].wait_for(2)
    before = code_here(site, package)
    answer = requests.put(
        f"{server.url}/v1/packages/{package}/recipient", json=EVA, headers=headers, timeout=20
    )
    assert answer.status_code == 404  # it is no sender's: only operators correct it
    server.write(change_contact, server.central, "operator", package, Person(**EVA), None)
    site.sync(2)
    assert code_here(site, package) != before
    mailbox[1].wait_for(3)
    assert mailbox[1].recipients[-1] == EVA["email"]
    queued = [row for row in server.rows(schema.notification) if row.status == "queued"]
    eva = [row.id for row in server.rows(schema.recipient) if row.email == EVA["email"]]
    # What still waits for the household is dropped when it is due.
    assert {row.recipient for row in queued} >= set(eva)


def test_a_resident_who_was_removed_disappears_from_the_kiosk(site: Site, server: Server) -> None:
    import_csv(server)
    site.sync()
    ids = {each.flat: each.id for each in site.journal.do(kiosk_directory.households)}
    plan = import_csv(server, "flat,name,email\n12,Mona Haddad,mona@example.org\n")
    assert (plan.new, plan.changed, plan.gone, plan.same) == ((), ("12",), ("3 B",), 0)
    site.sync()
    [left] = site.journal.do(kiosk_directory.households)
    assert (left.id, left.names) == (ids["12"], ("Mona Haddad",))


def test_who_is_forgotten_is_forgotten_here_and_at_the_kiosk(site: Site, server: Server) -> None:
    import_csv(server)
    site.sync()
    exported = server.central.database.read(privacy.export, "mona@example.org")
    assert exported["directories"][0]["flat"] == "12"
    assert server.write(privacy.erase, server.central, "test", "+491710000003") == 1
    assert server.write(privacy.erase, server.central, "test", "mona@example.org") == 1
    site.sync()
    [left] = site.journal.do(kiosk_directory.households)
    assert left.names == ("Lena Haddad",)
    assert len(server.rows(household)) == 1
    assert len(server.rows(resident)) == 1


def test_a_file_with_a_wrong_row_is_not_taken_and_each_is_named(server: Server) -> None:
    server.add_location()
    wrong = (
        "flat,name,phone,email,language\n"
        "12,Mona,12a,,\n"
        "13,Kim,,kim@,\n"
        "14,Ada,,,\n"
        ",,0171 0000001,,\n"
        "15,Eva,,eva@example.org,xx\n"
        "16,Ina,,ina@example.org,\n"
        "16,Ina,,ina@example.org,\n"
    )
    with pytest.raises(RequestError) as raised:
        import_csv(server, wrong)
    named = raised.value.detail["problems"]
    assert isinstance(named, list)
    problems = [str(each["problem"]) for each in named]
    starts = ["line 2: phone '12a'", "line 3: email 'kim@'", "line 4: phone and email"]
    starts += ["line 5: flat and name", "line 6: language 'xx'", "line 8: the row is the same"]
    assert len(problems) == len(starts)
    for problem, start in zip(problems, starts, strict=True):
        assert problem.startswith(start)
    assert server.rows(household) == []


def test_a_plan_that_is_old_is_not_taken(server: Server) -> None:
    server.add_location()
    wanted = read_directory(CSV.encode(), "house.csv", "DE")
    plan = server.write(directory.plan, LOCATION.id, wanted)
    import_csv(server, "flat,name,email\n1,Ada,ada@example.org\n")
    with pytest.raises(RequestError, match="changed meanwhile"):
        server.write(directory.replace, server.central, "test", LOCATION.id, wanted, plan.version)


def test_only_its_own_kiosk_is_given_a_directory(site: Site, server: Server) -> None:
    import_csv(server)
    token = site.client()._identity.token
    server.add_location("another")
    asked = {"question": "0" * 32}
    for place, header in ((LOCATION.id, "Bearer x"), ("another", f"Bearer {token}")):
        answer = requests.get(
            f"{server.url}/v1/locations/{place}/directory",
            params=asked,
            headers={"authorization": header},
            timeout=20,
        )
        assert answer.status_code == 401


def test_names_and_numbers_lie_sealed(server: Server) -> None:
    server.add_location()
    import_csv(server)
    stored = server.central.database.read(
        lambda connection: connection.exec_driver_sql("SELECT * FROM resident").all()
    )
    flats = server.central.database.read(
        lambda connection: connection.exec_driver_sql("SELECT * FROM household").all()
    )
    text = repr(stored) + repr(flats)
    for personal in ("Mona", "Haddad", "mona@", "1710000003", "3 B"):
        assert personal not in text


def test_a_large_directory_comes_in_pages(site: Site, server: Server) -> None:
    rows = "".join(f"{number},Ada,ada{number}@example.org\n" for number in range(1, 1203))
    import_csv(server, f"flat,name,email\n{rows}")
    site.sync()
    assert len(site.journal.do(kiosk_directory.households)) == 1202


def test_a_guest_has_a_receipt_and_the_recipient_a_code(
    site: Site, server: Server, mailbox: tuple[int, Mailbox]
) -> None:
    put_in(site, "G000000001", Addressee(phone=PHONE, sender_phone="+491710000008"))
    site.sync()
    assert {phone for phone, _ in people_of(server)} == {PHONE, "+491710000008"}
    assert mailbox[1].mails == []
