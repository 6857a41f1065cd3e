"""Room that is kept: counted wherever room is counted, used, renewed, given back, ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from central import schema
from central.packages import reservations
from kiosk.model.allocation import BestFit
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.store import commands as kiosk_commands
from kiosk.store import slots
from kiosk.store.epochs import begin_again
from kiosk.store.errors import RefusedError
from kiosk.store.reservations import kept, release, reserve, use
from kiosk.sync.receiving import receive
from tests.central.test_problems import problem_of
from tests.support.central_server import LOCATION, Journal, Server, announce
from tests.support.operators import obey, sync

STRATEGY = BestFit()


def ask(
    server: Server, key: dict[str, str], method: str, path: str, body: Any = None
) -> requests.Response:
    url = f"{server.url}/v1/{path}"
    return requests.request(method, url, json=body, headers=key, timeout=20)


def reserve_at(server: Server, key: dict[str, str], **more: Any) -> requests.Response:
    wanted = {"location": LOCATION.id, "size": "S", "until_ms": server.clock.wall_ms + HOUR_MS}
    return ask(server, key, "POST", "reservations", wanted | more)


def free(server: Server, key: dict[str, str], size: str = "S") -> int:
    """How many doors the server says are free, at each place that says so."""
    sizes = ask(server, key, "GET", f"locations/{LOCATION.id}").json()["sizes"]
    said = next(each["free"] for each in sizes if each["size"] == size)
    listed = ask(server, key, "GET", "locations").json()["locations"][0]["sizes"]
    assert next(each["free"] for each in listed if each["size"] == size) == said
    return int(said)


@pytest.fixture
def key(server: Server, kiosk: Journal) -> dict[str, str]:
    sync(kiosk)
    return server.add_key()


def test_whether_it_would_fit_and_until_when(server: Server, key: dict[str, str]) -> None:
    path = f"locations/{LOCATION.id}/check"
    answer = ask(server, key, "POST", path, {"size": "S"}).json()
    assert (answer["fits"], answer["size"]) == (True, "S")
    assert answer["doors_left"] > 0
    assert answer["until_ms"] == server.clock.wall_ms + 72 * HOUR_MS
    # Its kiosk has not reported how large its doors are.
    edges = {"width_mm": 100, "height_mm": 50, "depth_mm": 100}
    problem_of(ask(server, key, "POST", path, {"dimensions": edges}), 409, "not_ready")
    both = {"dimensions": edges, "size": "S"}
    body = problem_of(ask(server, key, "POST", path, both), 422, "invalid")
    assert body["errors"][0]["field"] == "size"
    problem_of(ask(server, key, "POST", "locations/none/check", {}), 404, "not_found")
    assert server.rows(schema.reservation) == []


def test_a_reservation_is_counted_until_it_is_given_back(
    server: Server, key: dict[str, str]
) -> None:
    before = free(server, key)
    made = reserve_at(server, key).json()
    assert free(server, key) == before - 1
    others = server.add_key()
    assert free(server, others) == before - 1
    problem_of(ask(server, others, "GET", f"reservations/{made['id']}"), 404, "not_found")
    problem_of(ask(server, others, "DELETE", f"reservations/{made['id']}"), 404, "not_found")
    given = ask(server, key, "DELETE", f"reservations/{made['id']}").json()
    assert given["state"] == "GIVEN_BACK"
    assert ask(server, key, "DELETE", f"reservations/{made['id']}").json() == given
    assert free(server, key) == before


def test_it_ends_by_itself_and_renewed_it_ends_later(server: Server, key: dict[str, str]) -> None:
    before = free(server, key)
    first, second = (reserve_at(server, key).json()["id"] for _ in range(2))
    later_ms = server.clock.wall_ms + 3 * HOUR_MS
    renewed = ask(server, key, "PUT", f"reservations/{second}", {"until_ms": later_ms}).json()
    assert renewed["until_ms"] == later_ms
    server.clock.wall_ms += 2 * HOUR_MS
    server.tidy(server.clock.wall_ms)
    states = [ask(server, key, "GET", f"reservations/{each}").json() for each in (first, second)]
    assert [each["state"] for each in states] == ["ENDED", "HELD"]
    assert free(server, key) == before - 1
    problem_of(
        ask(server, key, "PUT", f"reservations/{first}", {"until_ms": later_ms}),
        409,
        "not_reserved",
    )
    body = ask(server, key, "PUT", f"reservations/{second}", {"until_ms": later_ms * 2})
    problem_of(body, 422, "invalid")


def test_the_announcement_that_names_it_uses_it(server: Server, key: dict[str, str]) -> None:
    before = free(server, key)
    made = reserve_at(server, key).json()["id"]
    others = server.add_key()
    refused = announce(server, others, "B1", reservation=made)
    problem_of(refused, 404, "not_found")
    larger = announce(server, key, "A1", size="L", reservation=made)
    assert problem_of(larger, 422, "invalid")["errors"][0]["field"] == "size"
    used = announce(server, key, "A1", size=None, reservation=made)
    assert used.status_code == 201, used.text
    assert used.json()["size"] == "S"
    assert free(server, key) == before - 1
    row = ask(server, key, "GET", f"reservations/{made}").json()
    assert (row["state"], row["package"]) == ("USED", used.json()["id"])
    problem_of(announce(server, key, "A2", reservation=made), 409, "not_reserved")


def test_reservations_take_no_more_than_their_share(server: Server, key: dict[str, str]) -> None:
    doors = sum(
        each["total"]
        for each in ask(server, key, "GET", f"locations/{LOCATION.id}").json()["sizes"]
    )
    soft, hard = doors // 2, doors // 4
    for number in range(hard):
        size = ("S", "M", "L")[number % 3]
        answer = reserve_at(server, key, kind="hard", size=size)
        assert answer.status_code in (201, 409), answer.text
    held = sum(row.kind == "hard" for row in server.rows(schema.reservation))
    assert held <= hard
    codes = set()
    for number in range(doors):
        answer = reserve_at(server, key, size=("S", "M", "L")[number % 3])
        if answer.status_code == 409:
            codes.add(answer.json()["error"])
    assert len(server.rows(schema.reservation)) <= soft
    assert codes <= {"share_reserved", "full"}
    assert codes


def test_a_reservation_counts_in_the_shares_of_the_others(
    server: Server, key: dict[str, str]
) -> None:
    """What one sender reserves takes, in the others' eyes, no more than the share does."""
    others = server.add_key()
    total = next(
        each["total"]
        for each in ask(server, key, "GET", f"locations/{LOCATION.id}").json()["sizes"]
        if each["size"] == "S"
    )
    before = free(server, others)
    number = 0
    while reserve_at(server, key).status_code == 201:
        number += 1
    sizes = ask(server, others, "GET", f"locations/{LOCATION.id}").json()["sizes"]
    left = next(each["free"] for each in sizes if each["size"] == "S")
    assert left == max(0, before - min(number, max(1, total // 2)))


# --- at the machine ----------------------------------------------------------------------------


def test_the_kiosk_keeps_a_door_for_the_package_that_uses_it(
    server: Server, kiosk: Journal, key: dict[str, str]
) -> None:
    made = reserve_at(server, key, kind="hard").json()
    assert made["door_kept"] is None
    obey(kiosk)
    sync(kiosk)
    assert ask(server, key, "GET", f"reservations/{made['id']}").json()["door_kept"] is True
    assert kiosk.do(kept) == {"S": 1}
    used = announce(server, key, "A1", size=None, reservation=made["id"])
    assert used.status_code == 201
    obey(kiosk)
    assert kiosk.do(kept) == {"S": 1}
    assert kiosk.do(kept, used.json()["id"]) == {}
    kiosk.put_in("A1")
    assert kiosk.do(kept) == {}
    sync(kiosk)
    assert ask(server, key, "GET", f"packages/{used.json()['id']}").json()["status"] == "STORED"


def test_given_back_it_is_kept_no_longer(
    server: Server, kiosk: Journal, key: dict[str, str]
) -> None:
    made = reserve_at(server, key, kind="hard").json()["id"]
    obey(kiosk)
    ask(server, key, "DELETE", f"reservations/{made}")
    obey(kiosk)
    assert kiosk.do(kept) == {}


def test_of_a_package_that_lies_there_no_door_is_kept(
    server: Server, kiosk: Journal, key: dict[str, str]
) -> None:
    """It was put in before its announcement came, as any unannounced package is."""
    made = reserve_at(server, key, kind="hard").json()["id"]
    obey(kiosk)
    used = announce(server, key, "A1", size=None, reservation=made)
    assert used.status_code == 201
    kiosk.put_in("A1")
    assert kiosk.do(kept) == {"S": 1}
    obey(kiosk)
    assert kiosk.do(kept) == {}


def test_a_restored_kiosk_keeps_the_doors_that_are_to_be_kept(
    server: Server, kiosk: Journal, key: dict[str, str]
) -> None:
    """A backup knows neither what was kept since nor what was given back."""
    given, held, used, come = (
        reserve_at(server, key, kind="hard", size=size).json()["id"]
        for size in ("S", "M", "S", "L")
    )
    obey(kiosk)
    package = announce(server, key, "A1", size=None, reservation=used).json()["id"]
    announce(server, key, "A2", size=None, reservation=come)
    obey(kiosk)
    kiosk.put_in("A2")
    ask(server, key, "DELETE", f"reservations/{given}")
    until_ms = server.clock.wall_ms + 9 * HOUR_MS
    ask(server, key, "PUT", f"reservations/{held}", {"until_ms": until_ms})
    obey(kiosk)
    sync(kiosk)
    kiosk.do(reserve, "given back since", "S", until_ms)
    kiosk.do(lambda writer: begin_again(writer, "restored", "", "a test"))
    assert kiosk.do(kept) == {}
    cursor = kiosk.do(kiosk_commands.cursor)
    answer = kiosk.send(kiosk.events(), cursor=cursor, wants_people=True).json()
    for each in answer["commands"]:
        kiosk.do(kiosk_commands.apply, receive(each), "UTC")
    assert kiosk.do(kept) == {"S": 1, "M": 1}
    assert kiosk.do(kept, package) == {"M": 1}
    kiosk.clock.wall_ms = until_ms - HOUR_MS
    assert kiosk.do(kept) == {"M": 1}
    sync(kiosk)
    assert ask(server, key, "GET", f"reservations/{held}").json()["door_kept"] is True


@pytest.fixture
def alone(tmp_path: Path) -> Journal:
    """A kiosk that no server reaches."""
    return Journal(tmp_path / "alone.db")


def test_the_last_doors_are_given_to_nobody_else_and_to_anybody_when_the_time_is_over(
    alone: Journal,
) -> None:
    def left() -> int:
        counts: dict[str, int] = alone.do(slots.free_by_size, LOCATION, STRATEGY)
        return counts["L"]

    doors = left()
    until_ms = alone.clock.wall_ms + HOUR_MS
    for number in range(doors):
        alone.do(reserve, f"r{number}", "L", until_ms)
    with pytest.raises(RefusedError, match="no door of size L is free that is not kept"):
        alone.do(reserve, "one more", "L", until_ms)
    assert left() == 0
    alone.do(reserve, "r0", "L", until_ms + HOUR_MS)  # the same again, until later
    alone.do(use, "r0", "its package")
    package = alone.announce("A1", "its package")
    free_for = slots.FreeSlotQuery
    assert alone.do(lambda writer: free_for(writer).first("L")) is None
    assert alone.do(lambda writer: free_for(writer, package).first("L")) is not None
    alone.do(release, "r1")
    assert left() == 1
    alone.clock.wall_ms = until_ms + 1
    assert left() == doors - 1
    alone.clock.wall_ms += HOUR_MS
    assert left() == doors
    alone.store.close()


def test_while_nobody_knows_the_time_nothing_is_over(alone: Journal) -> None:
    until_ms = alone.clock.wall_ms + HOUR_MS
    alone.do(reserve, "r0", "L", until_ms)
    alone.clock.wall_ms += 400 * DAY_MS
    alone.clock.is_trusted = False
    alone.do(reserve, "r1", "L", until_ms)
    assert alone.do(kept) == {"L": 2}
    alone.store.close()


def test_what_is_over_is_forgotten(server: Server, key: dict[str, str]) -> None:
    reserve_at(server, key)
    later_ms = server.clock.wall_ms + 200 * 24 * HOUR_MS
    server.write(reservations.end_over, later_ms)
    server.write(reservations.forget, later_ms + 1)
    assert server.rows(schema.reservation) == []
