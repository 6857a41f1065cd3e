"""What the API's lists and bulk announcements cost inside the server, on SQLite."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, insert, select

from central import schema
from central.app import create_app
from central.auth import Program, Scope
from central.building import build
from central.context import Central
from central.locations import feed
from central.operators.accounts import add_key
from central.packages import listing
from central.packages.listing import Asked
from central.settings import Limits, Settings
from kiosk.model.clock import DAY_MS
from tests.bench.figures import Figures, milliseconds, timed

PLACES = 1000
STATUSES: tuple[str, ...] = (
    ("RETRIEVED",) * 90 + ("COLLECTED",) * 4 + ("STORED",) * 3 + ("PENDING",) * 2
)
STATUSES += ("EXPIRED", "CANCELLED", "MISSING")
COLUMNS = (
    "id location barcode barcode_key status size sender carrier reference announced_ms known_ms"
    " changed_ms hold_until_ms"
)
LARGEST = listing.MOST
BULK = 1000
PLACES_OF_BULK = 50


def lists(folder: Path, packages: int, samples: int) -> Figures:
    """`central_lists_ms`: a page of 100 packages, anywhere in lists with every filter and several
    together; `central_largest_page_ms`: one of 500; `central_feed_ms`: one of 100 locations."""
    central = build(Settings(data=folder / "lists"))
    key = central.database.submit(_places, central).result()
    now_ms = central.clock.now_ms()
    _fill(folder / "lists" / "central.db", key, packages, now_ms)
    rng = random.Random(1)
    found: dict[str, list[float]] = {"lists": [], "largest_page": [], "feed": []}
    program = Program(key, "bench", frozenset(Scope))
    with central.database.reading() as connection:
        for _ in range(samples):
            asked = _asked(rng, now_ms)
            cursor = _somewhere(connection, central, program, asked, rng)
            for name, limit in (("lists", 100), ("largest_page", LARGEST)):
                work = (connection, central.secrets, program, asked, cursor, limit)
                found[name].append(timed(listing.page, *work)[1])
            since = feed.Asked(changed_since_ms=rng.choice([None, 0]))
            work_of_feed = (connection, central.secrets, program, since, None, 100)
            found["feed"].append(timed(feed.page, *work_of_feed)[1])
    central.database.close()
    return {
        f"central_{name}_ms": milliseconds(each) | {"packages": packages}
        for name, each in found.items()
    }


def _places(connection: Connection, central: Central) -> str:
    """The locations, and a key of the operator's; its id."""
    rows = [{"id": f"L{n}", "name": f"Place {n}", "free": 30} for n in range(PLACES)]
    connection.execute(insert(schema.location), rows)
    sizes = [
        {"location": f"L{n}", "size": size, "rank": rank, "free": 10, "total": 200, "depth_mm": 600}
        | {"width_mm": 400, "height_mm": 400, "max_weight_kg": 20}
        for n in range(PLACES)
        for rank, size in enumerate("SML")
    ]
    connection.execute(insert(schema.location_size), sizes)
    add_key(connection, central, "bench", "bench", list(Scope), 1_000_000)
    return str(connection.execute(select(schema.api_key.c.id)).scalar_one())


def _fill(file: Path, key: str, packages: int, now_ms: int) -> None:
    marks = ", ".join("?" * len(COLUMNS.split()))
    statement = f"INSERT INTO package ({', '.join(COLUMNS.split())}) VALUES ({marks})"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.executemany(statement, _rows(key, packages, now_ms))
        connection.execute("ANALYZE")


def _rows(key: str, packages: int, now_ms: int) -> Iterator[Sequence[Any]]:
    rng = random.Random(2)
    for n in range(packages):
        at_ms = now_ms - (packages - n) * 365 * DAY_MS // packages
        package = f"{rng.getrandbits(128):032x}"
        barcode, status = f"JJD{n:012}", rng.choice(STATUSES)
        named = (package, f"L{rng.randrange(PLACES)}", barcode, barcode, status, "M", key)
        changed_ms = at_ms + rng.randrange(5 * DAY_MS)
        times = (at_ms, at_ms, changed_ms, at_ms + 5 * DAY_MS)
        yield (*named, "operator", f"order-{n}", *times)


def _asked(rng: random.Random, now_ms: int) -> Asked:
    """One of the questions that there are."""
    status = rng.choice([(), ("STORED",), ("RETRIEVED",), ("STORED", "EXPIRED"), ("MISSING",)])
    location = rng.choice([None, f"L{rng.randrange(PLACES)}"])
    match rng.randrange(5):
        case 0:
            return Asked(location=location, due_by_ms=now_ms - rng.randrange(300) * DAY_MS)
        case 1:
            return Asked(reference=f"order-{rng.randrange(1000)}")
        case 2 | 3:
            since_ms = now_ms - rng.randrange(365) * DAY_MS
            return Asked(status, location, changed_since_ms=since_ms)
        case _:
            return Asked(status, location)


def _somewhere(
    connection: Connection, central: Central, program: Program, asked: Asked, rng: random.Random
) -> str | None:
    """The beginning of a list, or a place some pages behind it."""
    cursor = None
    for _ in range(rng.randrange(3)):
        page = listing.page(connection, central.secrets, program, asked, cursor, LARGEST)
        if page["next"] is None:
            break
        cursor = page["next"]
    return cursor


def bulk(folder: Path, calls: int) -> Figures:
    """`central_bulk_ms`: 1,000 announcements to 50 locations in one call, from its bytes to those
    of its answer, by the whole application."""
    limits = Limits(open_announcements_per_door=1000, commands_by_location_and_sender=1_000_000)
    central = build(Settings(data=folder / "bulk", limits=limits))
    central.database.submit(_places, central).result()
    token = central.database.submit(
        add_key, central, "bench", "caller", list(Scope), 1_000_000
    ).result()
    took_s = asyncio.run(_call(central, token, calls))
    central.database.close()
    return {"central_bulk_ms": milliseconds(took_s) | {"announcements": BULK}}


async def _call(central: Central, token: str, calls: int) -> list[float]:
    transport = httpx.ASGITransport(app=create_app(central))
    headers = {"authorization": f"Bearer {token}"}
    took_s: list[float] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
        for call in range(calls):
            packages = [_announcement(call * BULK + n) for n in range(BULK)]
            began_s = asyncio.get_running_loop().time()
            answer = await client.post(
                "/v1/packages/bulk",
                json={"packages": packages},
                headers=headers | {"idempotency-key": f"call-{call}"},
                timeout=120,
            )
            took_s.append(asyncio.get_running_loop().time() - began_s)
            if answer.status_code != 200 or answer.json()["announced"] != BULK:
                raise RuntimeError(answer.text[:500])
    return took_s


def _announcement(number: int) -> dict[str, Any]:
    person = {"name": "Eva", "email": f"e{number}@example.org", "user_id": f"u{number}"}
    return {
        "barcode": f"BULK{number:09}",
        "location": f"L{number % PLACES_OF_BULK}",
        "size": "M",
        "reference": f"bulk-{number}",
        "recipient": person,
    }
