"""Who may see and act in one area only: nothing of the rest is shown, counted, found, given out or
acted on, whichever page, form, list or file it is asked by."""

from __future__ import annotations

import ast
import inspect
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from central import schema, viewed
from central.areas import grants, tree
from central.areas.visible import NETWORK, Grant, Reach, reach_of, visible_to
from central.auth import Role
from central.context import alarm
from central.errors import RequestError
from central.operators import accounts
from central.pages import queries, reports
from central.pages.paths import HOME
from central.remote import asking
from central.sync import moving, staff
from central.sync.staff_list import page_of
from kiosk.model.commands import TakePicture
from kiosk.sync.contract import WireEvent
from tests.support.central_server import LOCATION, Journal, Server, mail_server
from tests.support.operators import PASSWORD, Browser, obey, sync
from tests.support.page_rules import ASKS_FOR, FORMS
from tests.support.syntax import tree_of

AREAS = ("north", "south")
ROLES = tuple(Role) if os.environ.get("TEST_BUDGET") == "nightly" else (Role.ADMIN,)
"""An administrator may open and send everything that the others may."""


@dataclass
class Side:
    """An area with a location, and one of everything that a page may show of it."""

    area: str
    package: str
    message: str
    quarantined: str
    account: str
    number: str
    file: str
    """By the id of the command that asked for it."""

    @property
    def location(self) -> str:
        return f"{self.area}-kiosk"

    def named_in(self, path: str) -> tuple[str, ...]:
        """What of it an address may name."""
        if "{name}" not in path:
            return (self.number,)
        kinds = {
            "locations": self.location,
            "packages": self.package,
            "notifications": self.message,
            "quarantine": self.quarantined,
            "accounts": self.account,
            "areas": self.area,
            "files": self.file,
        }
        return (kinds.get(path.split("/")[1], self.package),)

    @property
    def marks(self) -> list[str]:
        """What gives this area away, wherever it is read."""
        a_name = self.area.capitalize()
        return [
            self.location,
            self.package,
            f"LABEL-{self.area.upper()}",
            f"eva-{self.area}@",
            f"Eva{a_name}",
            f"Staff{a_name}",
            f"watcher-{self.area}@",
            f"reason-{self.area}",
            f"why-{self.area}",
            f"Area{a_name}",
        ]


@dataclass
class Network:
    """A server with two areas."""

    server: Server
    sides: dict[str, Side]
    browsers: dict[tuple[Role, str], Browser]

    def state(self) -> list[Any]:
        """What nobody of another area may change."""
        tables = (
            *(schema.package, schema.command, schema.quarantine, schema.staff, schema.user),
            *(schema.operator_grant, schema.area, schema.account_link),
        )
        found = [[tuple(row) for row in self.server.rows(table)] for table in tables]
        kept = ("id", "name", "area", "enrol_token_hash", "revoked_ms")
        places = self.server.rows(schema.location)
        found.append([tuple(getattr(row, name) for name in kept) for row in places])
        # That somebody looks at a location is noted; at their own, they may.
        found.append([(row.id, row.watched_until_ms) for row in places if "south" in row.id])
        messages = self.server.rows(schema.notification)
        found.append([(row.id, row.status, row.due_ms) for row in messages])
        return [sorted(each, key=str) for each in found]


def fill(server: Server, kiosk: Journal, area: str) -> Side:
    """One of everything in an area."""
    now_ms, name = server.clock.wall_ms, area.capitalize()
    place = f"{area}-kiosk"
    server.write(lambda c: moving.put_location(c, place, area, "test", now_ms))
    body = {
        "barcode": f"LABEL-{area.upper()}",
        "location": place,
        "size": "S",
        "recipient": {"name": f"Eva{name}", "email": f"eva-{area}@example.org"},
    }
    answer = requests.post(
        f"{server.url}/v1/packages", json=body, headers=server.add_key(), timeout=20
    )
    package = str(answer.json()["id"])
    obey(kiosk)
    kiosk.put_in(f"LABEL-{area.upper()}")
    sync(kiosk)
    event = kiosk.events()[-1]
    bad = WireEvent.model_validate({**event.model_dump(), "hash": "00" * 32})
    assert kiosk.send([bad]).ok
    server.write(lambda c: alarm(c, now_ms, "silent", place, place, why=f"reason-{area}"))
    account = server.write(
        accounts.add_user,
        *(server.central, "test", f"watcher-{area}@example.org", f"Kim{name}"),
        *(Role.VIEWER, PASSWORD, area),
    )
    number = "21" if area == "north" else "22"
    of = (server.central, "test", number, f"Staff{name}", "courier", "4711")
    server.write(lambda c: staff.add(c, *of, area=area))
    table = schema.notification
    dead = {"status": "dead", "reason": f"why-{area}"}
    server.write(lambda c: c.execute(table.update().where(table.c.location == place).values(dead)))
    [message, *_] = [row.id for row in server.rows(table) if row.location == place]
    put_aside = [row.id for row in server.rows(schema.quarantine) if row.location == place]
    assert put_aside, "the event that does not follow lies in quarantine"
    file = server.write(asking.ask, server.central, place, TakePicture(), "test", f"why-{area}")
    content = f"reason-{area}".encode()
    row = {"command": file, "location": place, "kind": "screen_picture", "created_ms": now_ms}
    row["content"] = server.central.secrets.seal(content)
    server.write(lambda c: c.execute(schema.location_file.insert().values(**row)))
    return Side(area, package, message, put_aside[0], account, number, file)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("areas")
    with mail_server() as (port, _box):
        server = Server(folder / "central", smtp_port=port)
        server.start()
        kiosks, sides = [], {}
        for area in AREAS:
            now_ms = server.clock.wall_ms
            server.write(tree.add, area, f"Area{area.capitalize()}", "", "test", now_ms)
            place = replace(LOCATION, id=f"{area}-kiosk")
            kiosk = Journal(folder / f"{area}.db", place)
            assert kiosk.enrol(server, server.add_location(place.id)).ok
            kiosks.append(kiosk)
            sides[area] = fill(server, kiosk, area)
        browsers = {(role, area): Browser(server, role, area) for role in Role for area in AREAS}
        browsers |= {(role, ""): Browser(server, role) for role in Role}
        yield Network(server, sides, browsers)
        for kiosk in kiosks:
            kiosk.store.close()
        server.stop()


SEARCHED = ("", "/places", "/search", "/packages", "/audit", "/views")


def pages_of(side: Side) -> list[str]:
    """Every page that is looked at, by whatever a side has ids for, and with every filter."""
    names = (side.location, side.package, side.area, side.file)
    found = [
        path.format(name=name, number=side.number, carrier="operator", label="1")
        for route in ASKS_FOR
        if route.startswith("GET ") and "{token}" not in route and "static" not in route
        for path in [route.partition(" ")[2]]
        if "sign-in" not in path
        for name in (names if "{name}" in path else names[:1])
    ]
    label, email = f"LABEL-{side.area.upper()}", f"eva-{side.area}@example.org"
    texts = (label, email, f"Eva{side.area.capitalize()}", side.package, side.location, "")
    return [
        *found,
        *(f"{page}?q={text}" for page in SEARCHED for text in texts),
        *(f"/reports?days=366&q={text}" for text in texts),
        *(f"{page}area={side.area}" for page in ("?", "/reports?", "/reports.csv?")),
        *(f"/reports{how}?days=366&carrier=*" for how in ("", ".csv")),
        "/notifications?status=dead",
        "/staff?after=20",
    ]


def given_away(text: str, side: Side, asked: str) -> list[str]:
    """What of a side stands on a page, but for what whoever asks for it has written there."""
    shown = re.sub(r'value="[^"]*"', "", text)
    return [mark for mark in side.marks if mark in shown and mark not in asked]


def test_whoever_may_look_everywhere_sees_both(network: Network) -> None:
    """That what is looked for in vain below is really there."""
    browser = network.browsers[Role.ADMIN, ""]
    for side in network.sides.values():
        seen = "".join(browser.get(page).text for page in pages_of(side))
        assert given_away(seen, side, "") == side.marks


@pytest.mark.parametrize("role", ROLES)
def test_no_page_shows_anything_of_another_area(network: Network, role: Role) -> None:
    own, others = network.sides["north"], network.sides["south"]
    browser, before = network.browsers[role, "north"], network.state()
    for page in (*pages_of(others), *pages_of(own)):
        answer = browser.get(page)
        assert answer.status_code < 500, page
        assert given_away(answer.text, others, page) == [], page
    assert network.state() == before
    seen = "".join(browser.get(page).text for page in pages_of(own))
    marks = [mark for mark in own.marks if role is Role.ADMIN or not mark.startswith("watcher")]
    assert set(marks) <= set(given_away(seen, own, ""))


def unknown(text: str, name: str) -> str:
    """An answer as it would be of anything that is not there."""
    text = re.sub(r'(form_token" value|mark)="?[^"&]*', "", text)
    return text.replace(name, "none-of-anybody")


@pytest.mark.parametrize("role", ROLES)
def test_no_page_or_form_tells_what_is_elsewhere_from_what_is_nowhere(
    network: Network, role: Role
) -> None:
    """Each route that names something, by everything of another area, and by what nobody has."""
    others, browser = network.sides["south"], network.browsers[role, "north"]
    before = network.state()
    for route in ASKS_FOR:
        method, _, path = route.partition(" ")
        if ("{name}" not in path and "{number}" not in path) or path.startswith("/static"):
            continue
        for name in others.named_in(path):
            answers = []
            for each in (name, "none-of-anybody"):
                number = "98" if each != name else others.number
                path_ = path.format(name=each, number=number, carrier="operator", label="1")
                url = f"{network.server.url}{HOME}{path_}"
                form = {"form_token": browser.form_token, "area": "north", **FORMS.get(path, {})}
                form |= {"slot": "1", "title": "x"} | ({"area": ""} if "take" in path else {})
                data = form if method == "POST" else None
                answer = browser.http.request(method, url, data=data, timeout=20)
                assert answer.status_code < 500, (route, name)
                answers.append((answer.status_code, unknown(answer.text, each)))
            first, nothing = answers
            assert first[0] == nothing[0], (route, name)
            assert given_away(first[1], others, name) == [], (route, name)
            # A number is checked for its form first, whoever has it.
            if "{number}" not in path:
                assert first[1] == nothing[1], (route, name)
    assert network.state() == before


def test_nothing_is_put_into_an_area_that_somebody_may_not_administer(network: Network) -> None:
    browser, before = network.browsers[Role.ADMIN, "north"], network.state()
    own = network.sides["north"]
    for area in ("south", "", "none-of-anybody"):
        for path, form in (
            ("/locations", {"location": "new-place"}),
            (f"/locations/{own.location}/area", {}),
            ("/accounts", {"email": "n@example.org", "name": "N", "role": "admin"}),
            (f"/accounts/{own.account}/role", {"role": "admin"}),
            ("/staff", {"number": "31", "name": "x", "role": "courier", "pin": "4711"}),
        ):
            answer = browser.post(path, area=area, **form)
            assert "there is no area" in answer.text, (path, area)
        answer = browser.post("/areas", area="new-area", parent=area)
        assert "there is no area" in answer.text, area
    here = {"area": "north", "number": "31", "name": "x", "role": "courier", "pin": "4711"}
    answer = browser.post("/staff", locations=f"{own.location},south-kiosk", **here)
    assert "there is no location" in answer.text
    answer = browser.post("/staff", **{**here, "number": network.sides["south"].number})
    assert "it is taken" in answer.text
    same = {"email": "watcher-south@example.org", "name": "x", "role": "viewer", "area": "north"}
    assert "has an account already" in browser.post("/accounts", password=PASSWORD, **same).text
    assert network.state() == before


def test_an_administrator_of_an_area_looks_after_its_accounts_areas_and_staff(
    network: Network,
) -> None:
    browser, server = network.browsers[Role.ADMIN, "north"], network.server
    made = browser.post("/areas", area="north-1", name="First", parent="north")
    assert "The area north-1 is there" in made.text
    here = {"name": "Ann", "role": "operator", "area": "north-1", "password": PASSWORD}
    assert "may sign in" in browser.post("/accounts", email="ann@example.org", **here).text
    [ann] = [row for row in server.rows(schema.user) if row.email == "ann@example.org"]
    assert browser.post(f"/accounts/{ann.id}/role", role="viewer", area="north").ok
    assert server.write(grants.of, ann.id) == (
        Grant("north", Role.VIEWER),
        Grant("north-1", Role.OPERATOR),
    )
    assert browser.post(f"/accounts/{ann.id}/take-role", area="north-1").ok
    assert server.write(grants.of, ann.id) == (Grant("north", Role.VIEWER),)
    [ann] = [row for row in server.rows(schema.user) if row.email == "ann@example.org"]
    assert ann.role == Role.VIEWER
    only = browser.post(f"/accounts/{ann.id}/take-role", area="north").text
    assert "disable the account instead" in only
    # Somebody who may do anything elsewhere, too, is not theirs to change.
    server.write(accounts.set_role, server.central, "test", ann.id, Role.VIEWER, "south")
    assert "there is no account" in browser.post(f"/accounts/{ann.id}/link").text or (
        browser.post(f"/accounts/{ann.id}/link").status_code == 404
    )
    assert "ann@example.org" not in browser.get("/accounts").text
    server.write(accounts.disable_user, server.central, "test", ann.id)


def test_roles_differ_from_area_to_area(network: Network) -> None:
    """Somebody who looks everywhere and acts in one area sees both, and acts in that one."""
    server = network.server
    account = server.write(
        accounts.add_user,
        *(server.central, "test", "both@example.org", "Both", Role.VIEWER, PASSWORD),
    )
    server.write(accounts.set_role, server.central, "test", account, Role.OPERATOR, "north")
    browser = Browser(server)
    form = {"email": "both@example.org", "password": PASSWORD}
    browser.http.post(f"{server.url}{HOME}/sign-in", data=form, timeout=20)
    shown = browser.get("").text
    browser.form_token = re.findall(r'name="form_token" value="([^"]+)"', shown)[0]
    assert "north-kiosk" in shown
    assert "south-kiosk" in shown
    opened = {area: browser.get(f"/locations/{area}-kiosk").text for area in AREAS}
    assert "Open a door from here" in opened["north"]
    assert "Open a door from here" not in opened["south"]
    before = network.state()
    refused = browser.post("/locations/south-kiosk/open", slot="1", why="x")
    assert refused.status_code == 404 or "there is no location" in refused.text
    assert network.state() == before
    assert "asked to open" in browser.post("/locations/north-kiosk/open", slot="1", why="x").text


def test_staff_of_an_area_are_let_in_there_and_follow_a_location_that_moves(
    network: Network,
) -> None:
    server = network.server

    def listed(location: str) -> set[str]:
        page = server.write(page_of, location, 0)
        return {person.number for person in page.listed}

    assert listed("north-kiosk") & {"21", "22"} == {"21"}
    assert listed("south-kiosk") & {"21", "22"} == {"22"}
    known = server.write(page_of, "north-kiosk", 0).version
    now_ms = server.clock.wall_ms
    server.write(moving.put_location, "north-kiosk", "south", "test", now_ms)
    moved = server.write(page_of, "north-kiosk", known)
    assert {person.number for person in moved.listed} == {"22"}
    assert "21" in moved.gone
    server.write(moving.put_location, "north-kiosk", "north", "test", now_ms)


def test_the_last_administrator_of_everything_stays_one(server: Server) -> None:
    admin = Browser(server, Role.ADMIN)
    server.write(tree.add, "north", "North", "", "test", server.clock.wall_ms)
    Browser(server, Role.ADMIN, "north")
    [row] = [each for each in server.rows(schema.user) if each.email == admin.email]
    for change in (
        lambda c: accounts.set_role(c, server.central, "test", row.id, Role.VIEWER),
        lambda c: accounts.disable_user(c, server.central, "test", row.id),
        lambda c: accounts.set_grants(
            c, server.central, "test", row.id, [Grant("north", Role.ADMIN)]
        ),
    ):
        with pytest.raises(RequestError, match="is the only administrator"):
            server.write(change)
    assert server.write(grants.of, row.id) == (Grant("", Role.ADMIN),)


@pytest.mark.parametrize(
    ("area", "within", "problem"),
    [
        ("North", "", "small letters"),
        ("north", "", "the id is taken"),
        ("east", "nowhere", "there is no area 'nowhere'"),
    ],
)
def test_an_area_that_cannot_be_is_refused(
    server: Server, area: str, within: str, problem: str
) -> None:
    server.write(tree.add, "north", "", "", "test", 1)
    with pytest.raises(RequestError, match=problem):
        server.write(tree.add, area, "", within, "test", 1)


def test_an_area_in_which_something_is_stays(server: Server) -> None:
    server.add_location("here")
    server.write(tree.add, "north", "", "", "test", 1)
    server.write(tree.add, "north-1", "", "north", "test", 1)
    with pytest.raises(RequestError, match="an area is in it"):
        server.write(tree.remove, "north", "test", 1)
    server.write(moving.put_location, "here", "north-1", "test", 1)
    with pytest.raises(RequestError, match="a location is in it"):
        server.write(tree.remove, "north-1", "test", 1)
    server.write(moving.put_location, "here", "", "test", 1)
    server.write(tree.remove, "north-1", "test", 1)
    server.write(tree.remove, "north", "test", 1)
    assert server.rows(schema.area_within) == []


def within(server: Server) -> dict[str, set[str]]:
    """Each area with those that it lies in."""
    found: dict[str, set[str]] = {}
    for row in server.rows(schema.area_within):
        found.setdefault(row.area, set()).add(row.above)
    return found


def test_an_area_is_moved_with_all_within_it(server: Server) -> None:
    for area, parent in (("a", ""), ("b", ""), ("a-1", "a"), ("a-1-x", "a-1"), ("b-1", "b")):
        server.write(tree.add, area, "", parent, "test", 1)
    server.add_location("here")
    server.write(moving.put_location, "here", "a-1-x", "test", 1)
    for number, area in (("21", "a"), ("22", "b")):
        server.write(
            staff.add,
            server.central,
            "test",
            number,
            "Kim",
            "courier",
            "471166",
            "*",
            "operator",
            area,
        )

    def listed() -> set[str]:
        return {person.number for person in server.write(page_of, "here", 0).listed}

    assert listed() == {"21"}
    known = server.write(page_of, "here", 0).version
    server.write(moving.put_area, "a-1", "b-1", "test", 5)
    assert within(server) == {
        "a": {"a"},
        "b": {"b"},
        "b-1": {"b", "b-1"},
        "a-1": {"b", "b-1", "a-1"},
        "a-1-x": {"b", "b-1", "a-1", "a-1-x"},
    }
    moved = server.write(page_of, "here", known)
    assert ({person.number for person in moved.listed}, set(moved.gone)) == ({"22"}, {"21"})
    server.write(moving.put_area, "a-1", "", "test", 6)
    assert within(server)["a-1-x"] == {"a-1", "a-1-x"}
    assert [row.action for row in server.rows(schema.audit)].count("area.move") == 2


@pytest.mark.parametrize(
    ("area", "parent", "problem"),
    [
        ("a", "a", "lies in it, or is it"),
        ("a", "a-1", "lies in it, or is it"),
        ("a", "nowhere", "no area 'nowhere'"),
        ("nowhere", "a", "no area 'nowhere'"),
        ("a", "d-7", "lie in each other at most"),
    ],
)
def test_an_area_that_cannot_lie_there_stays(
    server: Server, area: str, parent: str, problem: str
) -> None:
    for each, outer in (("a", ""), ("a-1", "a"), *((f"d-{n}", f"d-{n - 1}") for n in range(1, 8))):
        if outer == "d-0":
            server.write(tree.add, "d-0", "", "", "test", 1)
        server.write(tree.add, each, "", outer, "test", 1)
    before = within(server)
    with pytest.raises(RequestError, match=problem):
        server.write(moving.put_area, area, parent, "test", 1)
    assert within(server) == before


def test_nobody_moves_an_area_out_of_what_is_not_theirs_or_into_it(server: Server) -> None:
    for area, parent in (("n", ""), ("n-1", "n"), ("n-2", "n"), ("n-1-x", "n-1"), ("s", "")):
        server.write(tree.add, area, "", parent, "test", 1)
    admin = Browser(server, Role.ADMIN, "n")
    inner = Browser(server, Role.ADMIN, "n-1")
    before = within(server)
    for browser, area, parent in (
        (admin, "n-1", "s"),  # into another's
        (admin, "s", "n"),  # another's into their own
        (admin, "n", ""),  # out of what nobody but the network's administers
        (admin, "n-1", ""),
        (inner, "n-1", "n-2"),
        (inner, "n-1-x", "n"),
        (inner, "n-2", "n-1"),
    ):
        browser.post(f"/areas/{area}/move", parent=parent)
        assert within(server) == before, (area, parent)
    server.write(
        accounts.set_grants,
        server.central,
        "test",
        next(row.id for row in server.rows(schema.user) if row.email == inner.email),
        [Grant("n-1", Role.ADMIN), Grant("s", Role.ADMIN)],
    )
    refused = inner.post("/areas/n-1/move", parent="s")
    assert within(server) == before, "it lies in what they do not administer"
    assert "n-2" not in refused.text
    assert "lies there now" in admin.post("/areas/n-1-x/move", parent="n-2").text
    assert within(server)["n-1-x"] == {"n", "n-2", "n-1-x"}


@pytest.mark.parametrize("module", [queries, reports, viewed])
def test_each_query_of_the_pages_is_asked_who_asks(module: Any) -> None:
    """A new one that names no reach fails here; so does one that takes it and passes it over."""
    source = tree_of(inspect.getsource(module))
    asked = [
        each
        for each in source.body
        if isinstance(each, ast.FunctionDef)
        and not each.name.startswith("_")
        and each.name not in ("write_down", "exported")
    ]
    assert asked
    for each in asked:
        names = [argument.arg for argument in each.args.args]
        assert names[:2] == ["connection", "reach"], each.name
        used = [node for node in ast.walk(each) if isinstance(node, ast.Name)]
        assert any(node.id == "reach" for node in used), each.name


def test_what_names_no_location_is_nobodys_who_sees_an_area_only(network: Network) -> None:
    def seen(reach: Reach) -> int:
        table = schema.audit
        query = table.select().where(visible_to(reach, table.c.location))
        return len(network.server.central.database.read(lambda c: c.execute(query).all()))

    mine = reach_of([Grant("north", Role.ADMIN)], Role.VIEWER)
    assert 0 < seen(mine) < seen(NETWORK)
    assert seen(Reach(())) == 0
