"""The operators' pages: who may see and do what, and what comes of what they do."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from email.header import decode_header, make_header
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from fastapi.routing import APIRoute
from sqlalchemy import update

from central import housekeeping, pages, schema
from central.areas import tree
from central.auth import Role
from central.badges import pages as badge_pages
from central.pages import (
    account_actions,
    actions,
    area_actions,
    carrier_pages,
    directory_pages,
    late_form,
    list_pages,
    location_actions,
    message_page,
    own_account,
    passkey_pages,
    provider_sign_in,
    remote_actions,
    report_pages,
    rollout_pages,
    routes,
    search_page,
    sign_in,
    site_file_pages,
    webhook_pages,
)
from central.pages.paths import HOME
from kiosk.adapters import verify_pin
from kiosk.model.clock import HOUR_MS
from kiosk.model.events import Event, EventKind, canonical_json, chain_hash
from kiosk.model.person import parse_badge
from kiosk.store import codes
from kiosk.store import staff as staff_store
from kiosk.store.writer import Writer
from kiosk.sync.contract import OPENING_VALID_MS
from tests.support.central_server import (
    LOCATION,
    Journal,
    Mailbox,
    Server,
    announce,
    wait_until,
)
from tests.support.operators import PASSWORD, Browser, obey, sync
from tests.support.page_rules import (
    ADMIN,
    ASKS_FOR,
    DANGEROUS,
    FORMS,
    HARMLESS,
    NETWORK_ONLY,
    OPERATOR,
    SHOWN_BEFORE,
    VIEWER,
)

# --- who may what ------------------------------------------------------------------------------


def test_each_page_and_form_asks_for_its_role_and_no_other_client_gets_in(server: Server) -> None:
    known = {
        f"{method} {route.path.removeprefix(HOME).replace(':path', '')}"
        for route in (
            *sign_in.router.routes,
            *own_account.router.routes,
            *passkey_pages.router.routes,
            *provider_sign_in.router.routes,
            *late_form.router.routes,
            *account_actions.router.routes,
            *routes.router.routes,
            *list_pages.router.routes,
            *message_page.router.routes,
            *search_page.router.routes,
            *site_file_pages.router.routes,
            *actions.router.routes,
            *location_actions.router.routes,
            *area_actions.router.routes,
            *directory_pages.router.routes,
            *remote_actions.router.routes,
            *report_pages.router.routes,
            *rollout_pages.router.routes,
            *badge_pages.router.routes,
            *carrier_pages.router.routes,
            *webhook_pages.router.routes,
        )
        if isinstance(route, APIRoute)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert known == set(ASKS_FOR), "a page has no line in the table of who may use it"
    clients: dict[tuple[str, str], Browser] = {
        ("nobody", ""): Browser(server),
        ("program", ""): Browser(server),
    }
    clients["program", ""].http.headers.update(server.add_key())
    server.write(lambda c: tree.add(c, "north", "North", "", "test", server.clock.wall_ms))
    for area in ("", "north"):
        for role in Role:
            clients[role, area] = Browser(server, role, area)
    rank = {name: place for place, name in enumerate([VIEWER, OPERATOR, ADMIN])}
    for route, least in ASKS_FOR.items():
        if least is None or route == "POST /sign-out":
            continue
        method, _, path = route.partition(" ")
        for (name, area), client in clients.items():
            named = {"name": "none", "number": "00", "carrier": "operator", "label": "1"}
            url = f"{server.url}{HOME}{path.format(**named)}"
            form = {"form_token": client.form_token, **FORMS.get(path, {})}
            answer = client.http.request(
                method,
                url,
                data=form if method == "POST" else None,
                timeout=20,
                allow_redirects=False,
            )
            to_sign_in = answer.headers.get("location", "").endswith("/sign-in")
            is_let_in = answer.status_code != 403 and not to_sign_in
            is_wanted = isinstance(name, Role) and rank[name] >= rank[least]
            is_wanted = is_wanted and not (area and route in NETWORK_ONLY)
            assert is_let_in is is_wanted, (route, name, area, answer.status_code)


def test_a_form_of_another_site_does_nothing(server: Server) -> None:
    admin = Browser(server, ADMIN)
    admin.form_token = "made-up"

    answer = admin.post("/keys", name="theirs", scopes="packages:read")

    assert answer.status_code == 403
    assert server.rows(schema.api_key) == []


def test_every_form_is_said_to_be_dangerous_or_not() -> None:
    posted = {route.removeprefix("POST ") for route in ASKS_FOR if route.startswith("POST ")}
    said = [DANGEROUS, SHOWN_BEFORE, HARMLESS]
    assert sorted(posted) == sorted(each for some in said for each in some)


def test_every_form_that_takes_something_away_asks_first() -> None:
    words = re.compile(r"Remove|Revoke|Disable|End|Forget|Take away|Take .* away|Recall|again")
    harmless = {"Try again", "Send again", "Good again"}
    found = []
    for file in sorted(Path(pages.__file__).parent.glob("templates/*.html")):
        if file.name == "recipient.html":
            continue  # a person's own page, which works without scripts
        text = file.read_text(encoding="utf-8")
        for form, inner in re.findall(r'(<form[^>]*method="post"[^>]*>)(.*?)</form>', text, re.S):
            for word in re.findall(r"<button[^>]*>([^<{]+)<", inner):
                if words.search(word) and word not in harmless and "asks" not in form:
                    found.append(f"{file.name}: {word}")
    assert found == []


def test_a_wrong_password_is_refused_and_many_are_slowed(server: Server) -> None:
    viewer = Browser(server, VIEWER)
    viewer.http.cookies.clear()
    assert "not right" in viewer.sign_in("wrong password").text
    answers = [viewer.sign_in("wrong password").text for _ in range(6)]
    assert "Too many tries" in answers[-1]
    assert "Too many tries" in viewer.sign_in(PASSWORD).text
    assert viewer.get("").url.endswith("/sign-in")


def test_a_disabled_account_is_out_at_once(server: Server) -> None:
    viewer, admin = Browser(server, VIEWER), Browser(server, ADMIN)
    [row] = [each for each in server.rows(schema.user) if each.role == "viewer"]
    admin.post(f"/accounts/{row.id}/disable")
    assert viewer.get("").url.endswith("/sign-in")
    own = next(each for each in server.rows(schema.user) if each.role == "admin")
    assert "own account" in admin.post(f"/accounts/{own.id}/disable").text


# --- what is seen and done ---------------------------------------------------------------------


@pytest.fixture
def put_in(server: Server, kiosk: Journal) -> Callable[[str], str]:
    """Announces a package, has it put in, and tells the server; its id."""

    def tell(barcode: str) -> str:
        package = str(announce(server, server.add_key(), barcode).json()["id"])
        obey(kiosk)
        kiosk.put_in(barcode)
        sync(kiosk)
        return package

    return tell


def test_an_operator_sees_where_a_package_lies_and_who_did_what(
    server: Server, kiosk: Journal, put_in: Callable[[str], str]
) -> None:
    package = put_in("PARCEL-7")
    viewer = Browser(server, VIEWER)
    assert LOCATION.id in viewer.get("").text
    found = viewer.get("/packages?q=PARCEL").text
    assert f"/packages/{package}" in found
    assert f"/packages/{package}" in viewer.get("/packages?q=eva@example.org").text
    shown = viewer.get(f"/packages/{package}").text
    assert "Package stored" in shown
    assert "by number 11" in shown
    assert "eva@example.org" in shown
    assert "Recall" not in shown, "a viewer has nothing to press"
    place = viewer.get(f"/locations/{LOCATION.id}").text
    assert 'class="occupied"' in place
    assert viewer.get("/packages/none").status_code == 404


@pytest.mark.parametrize("label", ["Я1", "Ω2", "أ3", "É4"])
def test_a_door_whose_label_is_of_another_script_has_its_page_and_its_buttons(
    server: Server, kiosk: Journal, label: str
) -> None:
    sync(kiosk)
    first = next(row.label for row in server.rows(schema.slot) if row.status == "EMPTY")
    renamed = update(schema.slot).where(schema.slot.c.label == first).values(label=label)
    server.write(lambda connection: connection.execute(renamed))
    operator = Browser(server, OPERATOR)
    place = f"/locations/{LOCATION.id}"
    assert f"/doors/{quote(label)}" in operator.get(place).text
    assert f"Door {label}" in operator.get(f"{place}/doors/{quote(label)}").text
    done = operator.post(f"{place}/service", slot=label, state="NO_DEPOSITS", reason="dirty")
    assert f"is informed about door {label}" in done.text


def test_what_an_operator_asks_for_is_carried_out_by_the_kiosk_and_stands_in_the_audit(
    server: Server, kiosk: Journal, put_in: Callable[[str], str]
) -> None:
    package = put_in("A")
    operator = Browser(server, OPERATOR)
    free = next(row.label for row in server.rows(schema.slot) if row.status == "EMPTY")
    operator.post(f"/packages/{package}/extend", days=1)
    operator.post(f"/packages/{package}/reissue")
    done = operator.post(
        f"/locations/{LOCATION.id}/service", slot=free, state="NO_DEPOSITS", reason="dirty"
    )
    assert f"is informed about door {free}" in done.text
    assert obey(kiosk) == ["extend", "reissue", "slot_service"]
    [slot] = [row for row in server.rows(schema.slot) if row.label == free]
    assert (slot.service, slot.service_reason) == ("NO_DEPOSITS", "dirty")
    operator.post(f"/packages/{package}/cancel", why="sent in error")
    obey(kiosk)
    assert "Cancelled" in operator.get(f"/packages/{package}").text
    assert "it cannot be recalled" in operator.post(f"/packages/{package}/cancel", why="x").text
    log = operator.get("/audit?q=operator@example.org").text
    for action in ("Package extend", "Package reissue", "Package cancel", "Slot service"):
        assert action in log
    assert "Applied" in operator.get(f"/locations/{LOCATION.id}").text


def waiting_in(server: Server) -> int:
    """How many commands wait, as Prometheus reads it."""
    text = server.metrics()
    (line,) = re.findall(r"^\w*commands_waiting ([0-9.]+)$", text, re.MULTILINE)
    return int(float(line))


def test_an_opening_whose_time_is_over_waits_no_more_though_its_kiosk_is_away(
    server: Server, kiosk: Journal, put_in: Callable[[str], str]
) -> None:
    put_in("A")
    operator = Browser(server, OPERATOR)
    path = f"/locations/{LOCATION.id}"
    operator.post(f"{path}/open", slot="1", why="a look")
    operator.post(f"{path}/service", slot="1", state="NO_DEPOSITS", reason="dirty")
    server.clock.wall_ms += OPENING_VALID_MS
    assert "tag failed" not in operator.get(path).text
    assert waiting_in(server) == 2
    server.clock.wall_ms += 1
    assert waiting_in(server) == 1
    shown = operator.get(path).text
    assert shown.count("not reached in time") == 1
    assert shown.count('<span class="tag failed">Expired') == 1
    assert shown.count('<span class="tag waiting">Queued') == 1
    assert obey(kiosk) == ["slot_service"]
    assert operator.get(path).text.count("not reached in time") == 1


def write_as_earlier(writer: Writer, kind: str, body: dict[str, str]) -> None:
    """A line as an earlier version wrote it."""
    head, now, text = writer.head, writer.now, canonical_json(body)
    digest = chain_hash(head.hash, head.epoch, head.seq + 1, kind, text, now)
    event = Event(head.epoch, head.seq + 1, kind, text, now, head.hash, digest)
    writer.record_again(event, (), body)


def test_who_made_a_new_code_stands_on_the_page_and_the_recipient_is_notified_once(
    server: Server, kiosk: Journal, put_in: Callable[[str], str]
) -> None:
    package = put_in("A")

    def reissued() -> list[str]:
        rows = server.rows(schema.notification)
        return [row.status for row in rows if row.kind == "reissued"]

    kiosk.do(codes.reissue, package, "staff:07")
    sync(kiosk)
    viewer = Browser(server, VIEWER)
    assert "number 07" in viewer.get(f"/packages/{package}").text
    wait_until(lambda: reissued() == ["sent"])  # one that still waits would be left out
    Browser(server, OPERATOR).post(f"/packages/{package}/reissue")
    assert len(reissued()) == 2
    obey(kiosk)
    assert "by the server" in viewer.get(f"/packages/{package}").text
    assert len(reissued()) == 2, "the server has sent its own code when it made it"
    # Written by an earlier version, which named the same person otherwise.
    kiosk.do(write_as_earlier, EventKind.CODE_REISSUED, {"by": "staff:08"})
    sync(kiosk)
    assert "number 08" in viewer.get(f"/locations/{LOCATION.id}").text
    [line] = viewer.get("/reports.csv?days=30").text.splitlines()[1:]
    assert line.split(",")[2:8] == ["1", "0", "0", "0", "0", "0"], "a new code is no deposit"


def test_a_door_goes_out_of_service_only_with_a_reason(
    server: Server, kiosk: Journal, put_in: Callable[[str], str]
) -> None:
    put_in("A")
    operator = Browser(server, OPERATOR)
    path = f"/locations/{LOCATION.id}/service"
    assert "say why" in operator.post(path, slot="1", state="DO_NOT_OPEN").text
    assert "there is no door" in operator.post(path, slot="99", state="IN_SERVICE").text
    assert obey(kiosk) == []


def test_staff_listed_here_can_sign_in_at_the_kiosk_until_removed(
    server: Server, kiosk: Journal, tmp_path: Path
) -> None:
    admin = Browser(server, ADMIN)
    refused = admin.post("/staff", number="7", name="Kim", role="courier", pin="4711")
    assert "two digits" in refused.text
    admin.post("/staff", number="17", name="Kim", role="courier", pin="4711", locations="*")
    assert obey(kiosk) == ["staff"]
    assert kiosk.do(staff_store.names)["17"] == "Kim"
    later = Journal(tmp_path / "later.db", replace(LOCATION, id="later"), 2)
    assert later.enrol(server, server.add_location("later")).ok
    assert obey(later) == ["staff"], "a kiosk that enrols later hears of them, too"
    later.store.close()
    admin.post("/staff/17/remove")
    obey(kiosk)
    [row] = server.rows(schema.staff)
    assert row.removed_ms is not None
    assert "17" not in kiosk.do(staff_store.names)


def test_a_badge_is_shown_once_and_signs_in_at_the_kiosk(server: Server, kiosk: Journal) -> None:
    admin = Browser(server, ADMIN)
    admin.post("/staff", number="17", name="Kim", role="courier", pin="4711", locations="*")
    obey(kiosk)
    assert "no staff member" in admin.post("/staff/18/badge").text
    shown = admin.post("/staff/17/badge").text
    [text] = set(re.findall(r"PKS:17:[A-Z2-7]{16}", shown))
    assert "data:image/svg+xml" in shown
    assert text not in admin.get("/staff").text
    obey(kiosk)
    badge = parse_badge(text)
    member = kiosk.do(staff_store.member, "17")
    assert badge is not None
    assert asyncio.run(verify_pin(member.badge_hash, badge.secret))
    admin.post("/staff/17/badge")
    obey(kiosk)
    changed = kiosk.do(staff_store.member, "17")
    assert not asyncio.run(verify_pin(changed.badge_hash, badge.secret))


def test_a_dead_message_is_seen_and_tried_again(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    person = {"name": "No", "email": "nobody@example.org", "phone": "", "user_id": "no"}
    package = announce(server, server.add_key(), "A", recipient=person).json()["id"]
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    operator = Browser(server, OPERATOR)
    dead = server.dead_message().id
    assert "Try again" in operator.get("/notifications?status=dead").text
    server.write(lambda c: c.execute(schema.recipient.update().values(email="eva@example.org")))
    assert "tried once more" in operator.post(f"/notifications/{dead}/resend").text
    assert mailbox[1].wait_for(1)[0]["To"] == "eva@example.org"
    assert package


def test_a_key_is_shown_once_and_can_be_revoked(server: Server) -> None:
    admin = Browser(server, ADMIN)
    shown = admin.post("/keys", name="A shop", scopes=["packages:read", "locations:read"]).text
    [token] = re.findall(r"key_[\w-]+", shown)
    assert token not in admin.get("/keys").text
    headers = {"authorization": f"Bearer {token}"}
    url = f"{server.url}/v1/packages/none"
    assert requests.get(url, headers=headers, timeout=20).status_code == 404
    [row] = server.rows(schema.api_key)
    assert "opens nothing" in admin.post(f"/keys/{row.id}/revoke").text
    assert requests.get(url, headers=headers, timeout=20).status_code == 401


def test_the_report_counts_each_day_and_comes_as_csv(
    server: Server, kiosk: Journal, put_in: Callable[[str], str]
) -> None:
    put_in("A")
    kiosk.take_out(put_in("B"))
    sync(kiosk)
    viewer = Browser(server, VIEWER)
    assert "Picked up" in viewer.get("/reports?days=30").text
    lines = viewer.get("/reports.csv?days=30").text.splitlines()
    counts = "stored,picked_up,expired,taken_back,missing,wrong_codes"
    assert lines[0] == f"day,location,{counts},reached_percent,taken_percent,area"
    assert lines[1:] == [f"2027-01-01,{LOCATION.id},2,1,0,0,0,0,,,"]
    server.clock.wall_ms += HOUR_MS
    server.write(housekeeping.roll_up, server.clock.wall_ms)
    [line] = viewer.get("/reports.csv?days=30").text.splitlines()[1:]
    taken = round(100 / len(LOCATION.slots))
    assert line == f"2027-01-01,{LOCATION.id},2,1,0,0,0,0,{round(100 / 60)},{taken},"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_the_report_runs_as_a_formula(
    server: Server, kiosk: Journal, put_in: Callable[[str], str], sign: str
) -> None:
    put_in("A")
    place = schema.location.insert().values(id=f"{sign}1+1", name="", created_ms=1)
    server.write(lambda c: c.execute(place))
    server.write(lambda c: c.execute(schema.day_status.update().values(location=f"{sign}1+1")))
    text = Browser(server, VIEWER).get("/reports.csv?days=30").content.decode()
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["location"] == "'" + sign.replace("\r", "\n") + "1+1"


def test_hours_are_added_up_once_and_kept_for_a_year(server: Server, kiosk: Journal) -> None:
    begin_ms = server.clock.wall_ms - server.clock.wall_ms % HOUR_MS
    for minute in (0, 1, 59, 60, 121):
        server.clock.wall_ms = begin_ms + minute * 60_000
        kiosk.put_in(f"P{minute}")
        sync(kiosk)
    for _ in range(2):
        server.tidy(server.clock.wall_ms)
    hours = sorted(server.rows(schema.hour_status), key=lambda row: row.hour_ms)
    assert [(row.hour_ms - begin_ms, row.minutes, row.syncs) for row in hours] == [
        (0, 3, 3),
        (HOUR_MS, 1, 1),
    ]
    server.write(housekeeping.roll_up, begin_ms + 3 * HOUR_MS)
    assert len(server.rows(schema.hour_status)) == 3
    year_ms = 367 * 24 * HOUR_MS
    server.tidy(begin_ms + year_ms)
    assert server.rows(schema.hour_status) == []


def test_what_people_wrote_is_text_on_every_page(
    server: Server, kiosk: Journal, put_in: Callable[[str], str]
) -> None:
    evil = "<script>alert(1)</script>"
    person = {"name": evil, "email": "eva@example.org", "phone": "", "user_id": evil}
    package = announce(server, server.add_key(), evil, recipient=person).json()["id"]
    operator = Browser(server, OPERATOR)
    for path in (f"/packages/{package}", f"/packages?q={evil}", f"/audit?q={evil}"):
        answer = operator.get(path)
        assert evil not in answer.text
        assert "script-src" not in answer.headers["content-security-policy"]
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")


# --- locations ---------------------------------------------------------------------------------


def test_a_location_is_made_known_on_its_page_and_its_kiosk_enrols_with_what_it_shows(
    server: Server, tmp_path: Path
) -> None:
    admin = Browser(server, ADMIN)
    shown = admin.post("/locations", location=LOCATION.id, name="Corner", address="Main St 1").text
    [token] = re.findall(r"enrol_[\w-]+", shown)
    assert f"kiosk enrol {server.central.settings.base_url} {token}" in shown
    assert "data:image/svg+xml" in shown
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, token).ok
    sync(kiosk)
    assert "Corner" in admin.get("").text
    assert "is a location" in admin.post("/locations", location=LOCATION.id).text
    assert "as berlin-01" in admin.post("/locations", location="two words").text
    assert token not in admin.get("/audit").text
    again = re.findall(r"enrol_[\w-]+", admin.post(f"/locations/{LOCATION.id}/roll").text)
    sync(kiosk)  # the old token is good until the new computer has enrolled
    assert kiosk.enrol(server, again[0]).ok
    admin.post(f"/locations/{LOCATION.id}/revoke")
    assert kiosk.send([]).status_code == 401
    kiosk.store.close()


def test_a_location_says_where_it_is_and_how_its_people_are_notified(
    server: Server, kiosk: Journal
) -> None:
    admin, path = Browser(server, ADMIN), f"/locations/{LOCATION.id}/change"
    place = {"title": "Corner", "address": "Main St 1"}
    said = admin.post(path, **place, latitude="52,52", longitude="13.4", channels="sms,email")
    assert "written down" in said.text
    [row] = server.rows(schema.location)
    assert (row.name, row.latitude, row.longitude) == ("Corner", 52.52, 13.4)
    announce(server, server.add_key(), "A")
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    channels = [row.channel for row in server.rows(schema.notification) if row.kind == "stored"]
    assert channels[0] == "sms"
    assert "both, or neither" in admin.post(path, latitude="1").text
    assert "as 52.5200" in admin.post(path, latitude="north", longitude="1").text
    assert "-90 to 90" in admin.post(path, latitude="91", longitude="1").text
    assert server.rows(schema.location)[0].latitude == 52.52


def test_who_was_not_reached_is_notified_at_another_contact(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    wrong = {"name": "Eva", "email": "nobody@example.org"}
    package = announce(server, server.add_key(), "A", recipient=wrong).json()["id"]
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    operator = Browser(server, OPERATOR)
    assert "no such mailbox" in server.dead_message().error
    page = f"/packages/{package}"
    assert "nobody@example.org" in operator.get(page).text
    assert "or both" in operator.post(f"{page}/contact", name="Eva").text
    assert "is not right" in operator.post(f"{page}/contact", email="no address").text
    operator.post(f"{page}/contact", name="Eva", email="eva@example.org", language="fr")
    [mail] = mailbox[1].wait_for(1)
    assert mail["To"] == "eva@example.org"
    assert "Votre colis" in str(make_header(decode_header(mail["Subject"])))


def test_an_event_in_quarantine_is_seen_looked_at_and_settled(
    server: Server, kiosk: Journal
) -> None:
    events = kiosk.events()
    events[2] = events[2].model_copy(update={"body": "no JSON"})
    kiosk.send(events)
    operator = Browser(server, OPERATOR)
    assert "1</b> events in quarantine" in operator.get("").text
    assert "no JSON" in operator.get("/quarantine").text
    [row] = server.rows(schema.quarantine)
    operator.post(f"/quarantine/{row.id}/settle", why="a broken cable")
    assert "Nothing is in quarantine" in operator.get("/quarantine").text
    assert "a broken cable" in operator.get("/audit").text
    assert len(server.rows(schema.quarantine)) == 1
