"""A kiosk that fetches its list of staff from a real server, and what it then knows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from central import schema
from central.sealing import seal
from central.sync import staff, staff_list
from kiosk.model.person import Staff
from kiosk.store import staff as kiosk_staff
from kiosk.sync.client import SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.enrol import enrol, identity_in, keep
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, Server

PIN_HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"


class ListedAt:
    """An enrolled kiosk's store with its client."""

    def __init__(self, folder: Path, server: Server) -> None:
        folder.mkdir()
        self.folder, self.server = folder, server
        self.journal = Journal(folder / "kiosk.db")
        enrol(folder, LOCATION, LOCATION_KEY, server.url, server.add_location())
        self.starts = 0
        self.begin()

    def begin(self) -> None:
        """As a start of the kiosk does, with what was kept."""
        identity = identity_in(self.folder)
        assert identity is not None
        self.starts += 1
        clock = self.journal.clock
        self.client = SyncClient(
            self.journal.store,
            LOCATION,
            identity,
            lambda: Status(clock_ms=clock.wall_ms, monotonic_ms=clock.wall_ms),
            random.Random(self.starts),
            keep=lambda changed: keep(self.folder, changed),
        )
        self.asked: list[int] = []
        ask = self.client._ask_staff

        def noted(since: int, question: str) -> bytes:
            self.asked.append(since)
            return ask(since, question)

        self.client._ask_staff = noted  # type: ignore[method-assign]

    def between(self, change: Callable[[bytes], bytes]) -> None:
        """Somebody on the line changes what the server answers about staff."""
        ask = self.client._ask_staff
        changed = lambda since, question: change(ask(since, question))  # noqa: E731
        self.client._ask_staff = changed  # type: ignore[method-assign]

    def sync(self) -> None:
        """Exchange until nothing waits, and tell what came of it."""
        for _ in range(2):
            while self.client.sync_once() == 0:
                pass

    def members(self) -> dict[str, Staff]:
        return {person.number: person for person in self.journal.do(kiosk_staff.members)}

    def numbers(self) -> set[str]:
        return set(self.members())

    def version(self) -> int:
        return int(self.journal.do(kiosk_staff.server_list).version)

    def listed(self) -> list[list[str]]:
        """Whom each event of a changed list names."""
        events = [each for each in self.journal.events() if each.kind == "STAFF_LISTED"]
        return [json.loads(event.body)["numbers"] for event in events]

    def refusals(self) -> list[str]:
        """Why a list was not taken, as the journal has it."""
        bodies = [json.loads(each.body) for each in self.journal.events()]
        return [body["detail"] for body in bodies if body.get("type") == "staff_list"]


def add(server: Server, number: str, role: str = "courier", locations: str = "*") -> None:
    """List somebody."""
    server.write(staff.add, server.central, "test", number, "Kim", role, "471166", locations)


def add_many(server: Server, numbers: list[str]) -> None:
    """List many, without the time that the hash of a PIN takes."""

    def write(connection: Connection) -> None:
        for number in numbers:
            row: dict[str, Any] = {"number": number, "name": "Kim", "locations": '"*"'}
            row["pin_hash"] = seal(connection, PIN_HASH, f"staff.pin_hash/{number}")
            row["version"] = staff_list.count_change(connection, server.clock.wall_ms)
            connection.execute(insert(schema.staff).values(**row))

    server.write(write)


def change_many(server: Server, numbers: list[str], **values: Any) -> None:
    """Change something of many who are listed."""
    table = schema.staff

    def write(connection: Connection) -> None:
        for number in numbers:
            version = staff_list.count_change(connection, server.clock.wall_ms)
            changed = table.update().where(table.c.number == number)
            connection.execute(changed.values(version=version, **values))

    server.write(write)


def remove(server: Server, number: str) -> None:
    """List somebody no more."""
    server.write(staff.remove, server.central, "test", number)


def set_digits(server: Server, digits: int) -> int:
    """How many digits numbers have; of how many kiosks it is not known that they take them."""
    return int(server.write(staff.set_digits, server.central, "test", digits))
