"""The overview of many locations, and the search over everything."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import update

from central import schema
from central.areas import tree
from central.auth import Role
from central.pages.listing import AMONG, SHOWN, Wanted, by, of_rows
from central.pages.places import Asked, Order
from central.pages.queries import HEALTH
from central.viewed import VIEWED
from kiosk.model.clock import HOUR_MS
from tests.support.central_server import Server, announce
from tests.support.operators import Browser

LISTS = (
    *("/packages", "/notifications", "/quarantine", "/unjoined", "/audit", "/views", "/staff"),
    *("/keys", "/carriers", "/areas", "/accounts", "/webhooks", "/rollouts", "/fleet", "/reports"),
)


def many(server: Server) -> None:
    """130 locations: 120 well, of which 3 in trouble, 6 silent, 4 never heard of."""
    now_ms = server.clock.wall_ms
    for number in range(130):
        server.add_location(f"place-{number:03d}")

    def tell(connection: object) -> None:
        table = schema.location
        for number in range(126):
            heard_ms = now_ms - (5 * HOUR_MS if number < 6 else 0)
            values = {"last_sync_ms": heard_ms, "token_hash": "x", "queue": number}
            values["boards_away"] = 2 if 10 <= number < 13 else 0
            connection.execute(  # type: ignore[attr-defined]
                update(table).where(table.c.id == f"place-{number:03d}").values(**values)
            )

    server.write(tell)


def shown(browser: Browser, question: str = "") -> list[str]:
    """The locations in the list, in their order."""
    table = browser.get(question).text.split("<tbody>")[1].split("</tbody>")[0]
    return re.findall(r'/locations/(place-\d+)"', table)


def whole(browser: Browser, question: str) -> list[str]:
    """The locations on all pages of the list, in their order."""
    found: list[str] = []
    for number in range(1, 130 // SHOWN + 2):
        found += shown(browser, f"{question}&number={number}")
    return found


def test_each_state_has_a_tile_and_the_tiles_are_all_locations(server: Server) -> None:
    many(server)
    browser = Browser(server, Role.VIEWER)
    page = browser.get("").text
    tiles = page.split('class="figures states"')[1].split("</nav>")[0]
    found = {word: int(count) for count, word in re.findall(r"<b>(\d+)</b> (\w+)", tiles)}
    assert found == {
        **dict.fromkeys(HEALTH, 0),
        "all": 130,
        "silent": 6,
        "trouble": 3,
        "never": 4,
        "well": 117,
    }
    for health in HEALTH:
        question = Asked(health=health).link()
        assert question in tiles
        assert len(shown(browser, question)) == min(SHOWN, found[health])
    assert shown(browser, "?health=trouble") == ["place-010", "place-011", "place-012"]


def test_each_that_needs_somebody_says_why(server: Server) -> None:
    many(server)
    browser = Browser(server, Role.VIEWER)
    assert "2 boards do not answer" in browser.get("?health=trouble").text
    assert "not heard of for 5 hours" in browser.get("?health=silent").text
    assert "no kiosk is enrolled" in browser.get("?health=never").text
    assert 'class="why">not heard' not in browser.get("?health=well").text


def test_every_location_is_on_one_page_of_the_list_and_the_count_is_true(server: Server) -> None:
    many(server)
    browser = Browser(server, Role.VIEWER)
    for question in ("?", "?order=name", "?order=queue", "?order=heard", "?order=taken"):
        assert sorted(whole(browser, question)) == [f"place-{number:03d}" for number in range(130)]
    assert f"1–{SHOWN} of 130" in browser.get("").text
    last = 130 // SHOWN + 1
    assert f"{(last - 1) * SHOWN + 1}–130 of 130" in browser.get(f"?number={last}").text
    assert shown(browser, "?number=999") == shown(browser, f"?number={last}")
    assert shown(browser, "?order=queue")[0] == "place-125"
    assert shown(browser, "?order=name&q=E-12")[:2] == ["place-120", "place-121"]
    assert shown(browser, "?q=nothing-of-this") == []


def test_the_links_of_a_list_keep_what_was_asked_for() -> None:
    asked = Asked(q="a&b", health="silent", order=Order.NAME, number=3)
    assert asked.link(number=4) == "?q=a%26b&health=silent&order=name&number=4"
    assert asked.link(order=Order.TAKEN) == "?q=a%26b&health=silent&order=taken"
    assert Asked().link() == ""


def test_a_wrong_question_is_refused_in_words(server: Server) -> None:
    browser = Browser(server, Role.VIEWER)
    for question in ("?health=ill", "?order=size", "?number=0", f"?q={'x' * 201}"):
        assert browser.get(question).status_code == 422


def test_the_part_that_refreshes_itself_shows_the_same_list(server: Server) -> None:
    many(server)
    browser = Browser(server, Role.VIEWER)
    page = browser.get("?health=trouble&order=name").text
    [question] = re.findall(r'hx-get="/operators/places([^"]*)"', page)
    live = browser.get("/places" + question.replace("&amp;", "&")).text
    assert live.strip() in page
    assert "<html" not in live


def test_a_long_list_goes_on_at_its_next_page(server: Server) -> None:
    admin = Browser(server, Role.ADMIN)
    for number in range(SHOWN + 5):
        server.add_location(f"place-{number:03d}")
    newest, second = admin.get("/audit").text, admin.get("/audit?number=2").text
    subjects = [re.findall(r"<code>(place-\d+)</code>", page) for page in (newest, second)]
    known = {row.subject for row in server.rows(schema.audit) if row.subject.startswith("place-")}
    assert set(subjects[0]) | set(subjects[1]) == known
    assert not set(subjects[0]) & set(subjects[1])
    assert 'href="?number=2" rel="next"' in newest
    assert 'href="?number=1" rel="prev"' in second
    assert 'rel="next"' not in second
    ordered = admin.get("/audit?sort=subject").text
    assert 'aria-sort="ascending"' in ordered
    first = re.findall(r"<code>(place-\d+)</code>", ordered)
    assert first == sorted(known)[: len(first)] != []
    backwards = admin.get("/audit?sort=-subject").text
    assert re.findall(r"<code>(place-\d+)</code>", backwards)[0] == max(known)
    for path in LISTS:
        assert admin.get(f"{path}?number=7").ok, path
        assert admin.get(f"{path}?number=0").status_code == 422
        refused = admin.get(f"{path}?sort=nothing-of-this")
        assert refused.status_code == 422, path
        assert "sort" in refused.text
        for column in re.findall(r'href="\?[^"]*sort=([a-z_]+)', admin.get(path).text):
            assert admin.get(f"{path}?sort=-{column}").ok, (path, column)


def test_a_list_is_ordered_among_so_many_rows_and_says_where_there_are_more() -> None:
    rows = [{"n": n, "word": None if n == 3 else "B" if n % 2 else "a"} for n in range(AMONG + 5)]
    asked = Wanted("", "word", 1)
    listed = of_rows(rows, asked, by("n", "word"))
    assert {row["word"] for row in listed.rows} == {"a"}
    assert listed.has_more
    last = of_rows(rows, replace(asked, number=-(-len(rows) // SHOWN)), by("n", "word"))
    assert last.rows[-1]["word"] is None, "what says nothing stands last"
    down = of_rows(rows, replace(asked, sort="-word"), by("n", "word"))
    assert {row["word"] for row in down.rows} == {"B"}
    few = of_rows(rows, Wanted("7", "-n", 1), by("n"), lambda row: str(row["n"]))
    assert few.rows[0]["n"] == 997
    assert few.is_long


def test_one_search_finds_locations_packages_and_staff_of_ones_own_area_alone(
    server: Server,
) -> None:
    server.write(lambda c: tree.add(c, "north", "North", "", "test", server.clock.wall_ms))
    server.add_location("sample")
    server.add_location("harbour")
    server.write(
        lambda c: c.execute(
            update(schema.location).where(schema.location.c.id == "harbour").values(area="north")
        )
    )
    barcode = "JD014600006281234567"
    assert announce(server, server.add_key(), barcode).ok
    admin = Browser(server, Role.ADMIN)
    admin.post("/staff", number="17", name="Kim", role="courier", pin="4711", locations="*")

    def found(browser: Browser, text: str) -> str:
        return browser.get(f"/search?q={text}").text

    assert "/locations/harbour" in found(admin, "HARB")
    assert barcode in found(admin, barcode)
    assert "Kim" in found(admin, "17")
    assert "Nothing." in found(admin, "%")
    assert "Nothing." in found(admin, "nowhere")
    north = Browser(server, Role.VIEWER, "north")
    assert "/locations/harbour" in found(north, "HARB")
    for text in (barcode, "sample", "17"):
        assert "Nothing." in found(north, text), text
    viewed = [row.by for row in server.rows(schema.audit) if row.action == VIEWED]
    assert viewed == [admin.email]
