"""The page of one message, and names in place of ids."""

from __future__ import annotations

import re
from pathlib import Path

from central import schema
from central.areas import tree
from central.auth import Role
from central.viewed import VIEWED
from tests.support.central_server import (
    LOCATION,
    Journal,
    Mailbox,
    Server,
    announce,
    mail_server,
    text_of,
)
from tests.support.operators import Browser, obey, sync


def test_a_message_has_a_page_that_says_all_but_what_opens_a_door(tmp_path: Path) -> None:
    with mail_server() as (port, mailbox):
        server = Server(tmp_path / "central", smtp_port=port, is_public=True)
        server.start()
        kiosk = Journal(tmp_path / "kiosk.db")
        try:
            assert kiosk.enrol(server, server.add_location()).ok
            for number, language in enumerate(("en", "ar")):
                person = {"name": "Eva Novak", "email": "eva.novak@example.org"}
                person["language"] = language
                assert announce(server, server.add_key(), f"A{number}", recipient=person).ok
                obey(kiosk)
                kiosk.put_in(f"A{number}")
            sync(kiosk)
            require_nothing_opens(server, [text_of(mail) for mail in mailbox.wait_for(2)])
        finally:
            kiosk.store.close()
            server.stop()


def require_nothing_opens(server: Server, sent: list[str]) -> None:
    viewer = Browser(server, Role.VIEWER)
    listed = viewer.get("/notifications").text
    assert "e…@example.org" in listed
    assert "eva.novak@" not in listed
    codes = [digits_of(re.findall(r"\d{3,4}\W{1,3}\d{3}\W{1,3}\d{3}\b", text)[0]) for text in sent]
    links = [link for text in sent for link in re.findall(r"/mine/([\w.-]+)", text)]
    assert len(links) >= 2
    notified = [row for row in server.rows(schema.notification) if row.kind == "stored"]
    assert len(notified) == 2
    for row in notified:
        page = viewer.get(f"/notifications/{row.id}").text.split("<main>")[1]
        assert "Eva Novak" in page
        assert "eva.novak@example.org" in page
        assert "•••" in page
        assert not [code for code in codes if code in digits_of(page)]
        assert not [link for link in links if link in page]
    viewed = [row.by for row in server.rows(schema.audit) if row.action == VIEWED]
    assert viewed == [viewer.email, viewer.email]
    assert viewer.get("/notifications/nothing-of-this").status_code == 404
    server.write(tree.add, "north", "North", "", "test", 1)
    north = Browser(server, Role.VIEWER, "north")
    assert north.get(f"/notifications/{notified[0].id}").status_code == 404


def digits_of(text: str) -> str:
    return re.sub(r"\D", "", text)


def test_a_message_whose_reason_is_gone_says_so(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    person = {"name": "Eva", "email": "eva@example.org", "language": "en"}
    assert announce(server, server.add_key(), "A", recipient=person).ok
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    server.write(lambda c: c.execute(schema.package.update().values(status="RETRIEVED")))
    [row] = [each for each in server.rows(schema.notification) if each.kind == "stored"]
    page = Browser(server, Role.VIEWER).get(f"/notifications/{row.id}").text
    assert "the package is RETRIEVED" in page


def test_names_stand_in_place_of_ids(server: Server, kiosk: Journal) -> None:
    admin = Browser(server, Role.ADMIN)
    admin.post(f"/locations/{LOCATION.id}/change", title="Market square")
    server.add_carrier("red")
    admin.post("/carriers/red/change", title="Red Post")
    admin.post("/staff", number="11", name="Kim Larsen", role="courier", pin="4711", carriers="red")
    obey(kiosk)
    package = announce(server, server.add_key(carrier="red"), "A").json()["id"]
    obey(kiosk)
    kiosk.put_in("A", "red")
    sync(kiosk)
    viewer = Browser(server, Role.VIEWER)
    assert "Market square" in viewer.get("/packages").text
    page = viewer.get(f"/packages/{package}").text
    for name in ("Market square", "Red Post", "Kim Larsen (11)"):
        assert name in page, name
    assert "Red Post" in viewer.get("/staff").text
    assert "Admin" in viewer.get("/audit").text
    server.write(tree.add, "north", "North", "", "test", 1)
    admin.post(f"/locations/{LOCATION.id}/area", area="north")
    north = Browser(server, Role.VIEWER, "north").get(f"/packages/{package}").text
    assert "Kim Larsen" not in north, "who may not see the list of staff reads a number"
    assert "number 11" in north
