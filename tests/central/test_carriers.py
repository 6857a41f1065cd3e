"""Carriers at the server: what existed is the operator's, keys see their own carrier's packages,
and a kiosk knows whose couriers may touch what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from central import carrier_changes as changes
from central import schema
from central.auth import Role
from central.command_line import cli
from central.errors import RequestError
from central.sync import staff, staff_answer
from kiosk.model.commands import WireCommand
from kiosk.model.event_bodies import CommandApplied
from kiosk.store import packages
from kiosk.store.commands import ACTOR
from kiosk.sync.contract import StaffPage
from tests.support.central_server import (
    LOCATION,
    Journal,
    Mailbox,
    Server,
    announce,
    text_of,
)
from tests.support.operators import Browser, obey, sync
from tests.support.postgresql import words_of
from tests.support.staff_lists import ListedAt


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[ListedAt]:
    made = ListedAt(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def add_courier(server: Server, number: str, carriers: str, role: str = "courier") -> None:
    server.write(staff.add, server.central, "test", number, "Kim", role, "471166", "*", carriers)


def row_of(server: Server, package: str) -> Any:
    return next(row for row in server.rows(schema.package) if row.id == package)


def get(server: Server, key: dict[str, str], package: str, what: str = "") -> requests.Response:
    url = f"{server.url}/v1/packages/{package}{what}"
    return requests.get(url, headers=key, timeout=20)


def test_the_operator_is_always_there_and_has_what_nobody_else_has(server: Server) -> None:
    [row] = server.rows(schema.carrier)
    assert row.id == "operator"
    server.add_location()
    package = announce(server, server.add_key(), "A").json()["id"]
    assert row_of(server, package).carrier == "operator"
    with pytest.raises(RequestError, match="operator's own"):
        server.write(changes.disable, server.central, "test", "operator")


@pytest.mark.parametrize("carrier", ["", "GLS", "-gls", "g" * 33, "g ls", "ö"])
def test_an_id_that_does_not_fit_is_refused(server: Server, carrier: str) -> None:
    with pytest.raises(RequestError, match=r"carrier .*: right are 1 to 32"):
        server.add_carrier(carrier)


def test_what_a_carrier_announces_is_its_own_at_the_kiosk(server: Server, kiosk: Journal) -> None:
    server.add_carrier("red")
    key = server.add_key(carrier="red")
    package = announce(server, key, "A").json()["id"]
    assert row_of(server, package).carrier == "red"
    assert obey(kiosk) == ["announce"]
    assert kiosk.do(packages.package, package).carrier == "red"
    kiosk.put_in("A", "red")
    sync(kiosk)
    assert get(server, key, package).json()["status"] == "STORED"


def test_what_a_courier_brings_unannounced_is_his_carriers(server: Server, kiosk: Journal) -> None:
    server.add_carrier("red")
    package = kiosk.put_in("NEW", "red")
    unknown = kiosk.put_in("ODD", "nobody-knows")
    sync(kiosk)
    assert row_of(server, package).carrier == "red"
    assert row_of(server, unknown).carrier == "operator"
    red, shop = server.add_key(carrier="red"), server.add_key()
    assert get(server, red, package).ok
    assert get(server, shop, package).status_code == 404
    assert get(server, shop, unknown).status_code == 404, "a shop sees what it announced"
    joined = announce(server, red, "NEW")
    assert joined.json()["id"] == package, "nobody else could have sent it"
    assert not [each for each in server.alarms() if "disputed" in each]


def test_the_keys_of_a_carrier_are_one_sender(server: Server, kiosk: Journal) -> None:
    server.add_carrier("red")
    first, second = server.add_key(carrier="red"), server.add_key(carrier="red")
    package = announce(server, first, "A").json()["id"]
    obey(kiosk)
    kiosk.put_in("A", "red")
    sync(kiosk)
    assert get(server, second, package).ok
    again = announce(server, second, "A")
    assert (again.status_code, again.json()["id"]) == (409, package)
    assert get(server, second, package, "/history").ok
    answer = requests.post(
        f"{server.url}/v1/packages/{package}/cancel", json={}, headers=second, timeout=20
    )
    assert answer.ok


def test_two_carriers_with_one_barcode_do_not_dispute_it(server: Server, kiosk: Journal) -> None:
    keys, ids = {}, {}
    for carrier in ("red", "blue"):
        server.add_carrier(carrier)
        keys[carrier] = server.add_key(carrier=carrier)
        answer = announce(server, keys[carrier], "SAME")
        assert answer.status_code == 201
        ids[carrier] = answer.json()["id"]
    obey(kiosk)
    for carrier in ("red", "blue"):
        assert kiosk.put_in("SAME", carrier) == ids[carrier]
    sync(kiosk)
    for carrier, other in (("red", "blue"), ("blue", "red")):
        assert get(server, keys[carrier], ids[carrier]).json()["status"] == "STORED"
        assert get(server, keys[carrier], ids[other]).status_code == 404
    assert server.alarms() == []


def test_a_list_says_whom_a_courier_serves(site: ListedAt, server: Server) -> None:
    server.add_carrier("red")
    add_courier(server, "21", "red")
    add_courier(server, "22", "operator, red")
    add_courier(server, "23", "operator")
    add_courier(server, "98", "operator", "technician")
    site.sync()
    served = {number: each.carriers for number, each in site.members().items()}
    assert served == {
        "21": ("red",),
        "22": ("operator", "red"),
        "23": ("operator",),
        "98": ("operator",),
    }
    with pytest.raises(RequestError, match="technicians are the operator's"):
        add_courier(server, "97", "red", "technician")
    with pytest.raises(RequestError, match="no carrier 'green'"):
        add_courier(server, "24", "green")
    add_courier(server, "21", "operator")
    site.sync()
    assert site.members()["21"].carriers == ("operator",)


def test_a_kiosk_that_keeps_nothing_apart_lets_in_whom_the_operator_has(
    site: ListedAt, server: Server
) -> None:
    server.add_carrier("red")
    add_courier(server, "21", "red")
    add_courier(server, "22", "operator,red")
    token = site.client._identity.token
    asked = {"since": "0", "question": "0" * 32}
    url = f"{server.url}/v1/locations/{LOCATION.id}/staff"
    headers = {"authorization": f"Bearer {token}"}
    answer = requests.get(url, params=asked, headers=headers, timeout=20)
    assert [each["number"] for each in answer.json()["page"]["listed"]] == ["22"]
    whole = server.central.database.read(
        staff_answer.answer, server.central, LOCATION.id, token, 0, "0" * 32
    )
    assert len(StaffPage.model_validate(whole.page).listed) == 2


def test_a_disabled_carrier_works_no_more_until_it_is_enabled(
    site: ListedAt, server: Server
) -> None:
    server.add_carrier("red")
    key = server.add_key(carrier="red")
    add_courier(server, "21", "red")
    add_courier(server, "22", "operator,red")
    package = announce(server, key, "A").json()["id"]
    site.sync()
    server.write(changes.disable, server.central, "test", "red")
    site.sync()
    assert get(server, key, package).status_code == 401
    assert site.numbers() == {"22"}
    assert site.members()["22"].carriers == ("operator", "red"), "who takes its packages back"
    with pytest.raises(RequestError, match="no carrier 'red'"):
        server.add_key(carrier="red")
    server.write(changes.enable, server.central, "test", "red")
    site.sync()
    assert get(server, key, package).ok
    assert site.numbers() == {"21", "22"}


def test_an_older_kiosks_word_of_what_it_joined_is_no_carriers(
    server: Server, kiosk: Journal
) -> None:
    """A kiosk that keeps nothing apart took a carrier's announcement for what an operator's courier
    had brought: nobody is sent its code before an operator has said whose it is."""
    server.add_carrier("red")
    lying = kiosk.put_in("A")
    sync(kiosk)
    announced = announce(server, server.add_key(carrier="red"), "A").json()["id"]
    assert announced != lying
    command = WireCommand.model_validate(sync(kiosk).commands[0])
    assert command.body["carrier"] == "red"
    said = CommandApplied(
        actor=ACTOR,
        id=command.id,
        n=command.n,
        type="announce",
        outcome="APPLIED",
        package=lying,
        joined=announced,
    )
    kiosk.do(lambda writer: writer.record(said))
    sync(kiosk)
    rows = {row.id: row for row in server.rows(schema.package)}
    assert rows[lying].disputed_ms is not None
    assert rows[lying].carrier == "operator"
    assert not [row for row in server.rows(schema.notification) if row.package == lying]


def test_an_operator_makes_a_carrier_at_the_pages_and_ends_it(server: Server) -> None:
    admin = Browser(server, Role.ADMIN)
    assert "is a carrier" in admin.post("/carriers", carrier="red", name="Red Parcels").text
    assert "right are 1 to 32" in admin.post("/carriers", carrier="R D", name="x").text
    assert "is there already" in admin.post("/carriers", carrier="red", name="x").text
    admin.post("/staff", number="21", name="Kim", role="courier", pin="471166", carriers="red")
    made = admin.post("/keys", name="red's", scopes="packages:read", carrier="red").text
    assert "red" in made
    assert [row.carriers for row in server.rows(schema.staff)] == ['["red"]']
    assert [row.carrier for row in server.rows(schema.api_key)] == ["red"]
    answer = admin.post("/carriers/red/change", title="Red & Sons", countries="DE,FR").text
    assert "Red &amp; Sons" in answer
    assert (
        "countries &#39;de&#39;"
        in admin.post("/carriers/red/change", title="x", countries="de").text
    )
    assert "works no more" in admin.post("/carriers/red/disable").text
    assert "always there" in admin.post("/carriers/operator/disable").text
    assert "works again" in admin.post("/carriers/red/enable").text
    said = [row.action for row in server.rows(schema.audit) if row.action.startswith("carrier.")]
    assert said == ["carrier.add", "carrier.change", "carrier.disable", "carrier.enable"]


def test_the_command_line_makes_a_carrier_with_key_and_courier(server: Server) -> None:
    folder = words_of(server.folder)
    for command in (
        ["carrier", "add", "red", "--name", "Red", "--countries", "DE"],
        ["key", "add", "red's", "--carrier", "red"],
        ["staff", "add", "21", "--name", "Kim", "--carriers", "red", "--pin", "471166"],
        ["carrier", "disable", "red"],
    ):
        done = CliRunner().invoke(cli, [*folder, *command])
        assert done.exit_code == 0, (command, done.output, done.exception)
    done = CliRunner().invoke(cli, [*folder, "carrier", "list"])
    assert "red\tRed\tDE\tdisabled" in done.output
    assert [row.carrier for row in server.rows(schema.api_key)] == ["red"]


def test_messages_look_like_the_carrier_whose_package_it_is(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    server.write(changes.add, server.central, "test", "red", "Red <b> Parcels", (), "#C40D1E")
    for barcode, carrier in (("A", "red"), ("B", "operator")):
        assert announce(server, server.add_key(carrier=carrier), barcode).ok
        obey(kiosk)
        kiosk.put_in(barcode, carrier)
        sync(kiosk)
        mailbox[1].wait_for(1 if carrier == "red" else 2)
    red, operators = mailbox[1].wait_for(2)
    assert text_of(red).startswith("Red <b> Parcels\n")
    html = next(part for part in red.walk() if part.get_content_type() == "text/html")
    shown = str(html.get_payload(decode=True), "utf-8")  # type: ignore[arg-type]
    assert "Red &lt;b&gt; Parcels" in shown
    assert "border-top:6px solid #c40d1e" in shown
    assert text_of(operators).startswith("Hello Eva,\nYour package B")
    with pytest.raises(RequestError, match="colour 'red': right are six digits"):
        server.write(changes.change, server.central, "test", "red", "Red", (), "red")
