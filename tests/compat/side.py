"""One side of a test of two releases: a kiosk of the tree that this file lies in, as a process.

Each release runs its own copy of this file, so what stands on the command line and in the answer is
a promise to the releases before and after: words are added, and none is changed.

    python -m tests.compat.side

Each line on stdin is a JSON list: a data folder and steps. A step is `enrol=URL,TOKEN`,
`deposit=BARCODE`, `undo=BARCODE`, `pickup=BARCODE,CODE` (the code that the deposit's answer has),
`collect=BARCODE`, `sync`, `restore=FILE`, `backup=FILE` or `write=KIND` (an event such as a newer
release writes). The answer is a line of JSON on stdout: what is there afterwards, or what `failed`.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from kiosk.flows.events import Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import Collection, ScanPackage
from kiosk.flows.views.customer import First, Thanks
from kiosk.flows.views.shared import Ask, DoorOpen
from kiosk.model.events import Event, canonical_json, chain_hash
from kiosk.store import backup, journal
from kiosk.store import restore as backup_restore
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from kiosk.sync.client import SyncClient
from kiosk.sync.contract import Status
from kiosk.sync.enrol import enrol, identity_in
from kiosk.sync.journal_import import recall as recall_from_server
from kiosk.sync.servers import Servers
from tests.support.flow_site import LOCATION, LOCATION_KEY, START_MS, Running, World, running
from tests.support.stories.people import (
    leave,
    press,
    recall,
    shut,
    sign_in_courier,
    type_code,
)
from tests.support.virtual_loop import run_virtually

SYNCS_MAX: Final = 20
NEWER: Final = {"actor": "kiosk", "mood": [1], "rows": [["drone", {"id": "d", "height_m": 3}]]}


async def deposit(kiosk: Running, barcode: str) -> str:
    """A courier brings it; its code."""
    await kiosk.announce(barcode, "S")
    await sign_in_courier(kiosk)
    await _put_in(kiosk, barcode)
    await leave(kiosk)
    return await kiosk.code_of(barcode)


async def _put_in(kiosk: Running, barcode: str) -> str:
    kiosk.player.do(Scanned(barcode))
    slot = (await kiosk.player.until(DoorOpen)).slot
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    return slot


async def undo(kiosk: Running, barcode: str) -> str:
    """A courier brings it, and takes it out again."""
    await kiosk.announce(barcode, "S")
    await sign_in_courier(kiosk)
    slot = await _put_in(kiosk, barcode)
    await press(kiosk, Choice.UNDO_LAST, DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)
    await press(kiosk, Choice.IT_IS_EMPTY, ScanPackage)
    await leave(kiosk)
    return ""


async def pickup(kiosk: Running, said: str) -> str:
    """Its recipient fetches it."""
    _, code = said.split(",")
    await type_code(kiosk, code)
    await shut(kiosk, (await kiosk.player.until(DoorOpen)).slot)
    await kiosk.player.until(Thanks)
    await press(kiosk, Choice.DONE, First)
    return ""


async def collect(kiosk: Running, barcode: str) -> str:
    """Its sender wants it back, and a courier takes it along."""
    await recall(kiosk, barcode)
    await sign_in_courier(kiosk)
    await press(kiosk, Choice.COLLECT, Collection)
    door = await press(kiosk, Choice.OPEN_NEXT, DoorOpen)
    await shut(kiosk, door.slot)
    await kiosk.player.until(ScanPackage)
    await leave(kiosk)
    return ""


Visit = Callable[[Running, str], Awaitable[str]]
VISITS: Final[dict[str, Visit]] = {
    "deposit": deposit,
    "undo": undo,
    "pickup": pickup,
    "collect": collect,
}


class Side:
    """A kiosk of this release on a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.database = folder, folder / "kiosk.db"
        self.rng = random.Random(f"{folder} {time.time_ns()}")
        self.world = World(folder, seed=self.rng.getrandbits(32))
        # As a machine's clock: the server's is the same.
        self.world.clock.ahead_ms = round(time.time() * 1000) - START_MS
        self.codes: dict[str, str] = {}

    def do(self, step: str) -> None:
        """One step; raises what the release raises."""
        verb, _, rest = step.partition("=")
        if verb in VISITS:
            self._visit(VISITS[verb], rest)
        elif verb == "enrol":
            self._store().close()  # beside an identity none is made
            url, token = rest.split(",")
            enrol(self.folder, LOCATION, LOCATION_KEY, url, token)
        elif verb == "restore":
            self._restore(Path(rest))
        else:
            store = self._store()
            try:
                self._do_with(store, verb, rest)
            finally:
                store.close()

    def _visit(self, visit: Visit, barcode: str) -> None:
        clock = self.world.clock

        async def whole() -> int:
            async with running(self.world) as kiosk:
                await kiosk.player.until(First)
                code = await visit(kiosk, barcode)
                if code:
                    self.codes[barcode] = code
            return clock.now().wall_ms

        ended_ms = run_virtually(whole())
        # The next loop begins at nought again, and nobody's clock goes back.
        clock.loop, clock.ahead_ms = None, ended_ms - START_MS

    def _store(self) -> Store:
        store = Store(self.database, self.world.clock, self.rng, threaded=False)
        store.use_key(LOCATION_KEY)
        return store

    def _do_with(self, store: Store, verb: str, rest: str) -> None:
        if verb == "sync":
            self._sync(store)
        elif verb == "backup":
            asyncio.run(store.back_up(Path(rest)))
        elif verb == "write":
            store.submit(_write_as_newer, rest).result()
        else:
            raise ValueError(f"{verb!r} is no step")

    def _sync(self, store: Store) -> None:
        identity = identity_in(self.folder)
        assert identity is not None
        now = self.world.clock.now()
        status = Status(clock_ms=now.wall_ms, boot_id=now.boot_id, monotonic_ms=now.monotonic_ms)
        client = SyncClient(store, LOCATION, identity, lambda: status, self.rng)
        for _ in range(SYNCS_MAX):
            if client.sync_once() != 0:
                return
        raise AssertionError("the sync comes to no end")

    def _restore(self, file: Path) -> None:
        identity = identity_in(self.folder)
        assert identity is not None
        servers = Servers((identity.url,))
        self.database.unlink(missing_ok=True)
        restored = backup_restore.restore(
            file,
            self.database,
            "",
            self.world.clock,
            self.rng,
            lambda head: recall_from_server(servers, identity, head),
            "",
            LOCATION_KEY,
        )
        assert not restored.doubt, restored.doubt

    def state(self) -> dict[str, Any]:
        """What is there, after all of it was checked."""
        store = self._store()
        try:
            tables = store.submit(journal.tables).result()
            bodies = store.submit(lambda writer: list(journal.bodies(writer))).result()
            events = store.submit(journal.after, 0, 100_000).result()
            wrong = store.submit(journal.verify).result()
        finally:
            store.close()
        return {
            "packages": {row["barcode"]: row["status"] for row in tables["package"].values()},
            "slots": {label: row["status"] for label, row in tables["slot"].items()},
            "hashes": [event.hash.hex() for event in events],
            "codes": self.codes,
            "kinds": [str(event.kind) for event in events],
            "is_replay": journal.replay(bodies) == tables,
            "wrong": wrong or backup.check(self.database),
        }


def _write_as_newer(writer: Writer, kind: str) -> None:
    head, now, body = writer.head, writer.now, canonical_json(NEWER)
    digest = chain_hash(head.hash, head.epoch, head.seq + 1, kind, body, now)
    event = Event(head.epoch, head.seq + 1, kind, body, now, head.hash, digest)
    writer.record_again(event, (), {})


def answer(data: str, *steps: str) -> dict[str, Any]:
    """Do these steps, as a kiosk that is started for each of them."""
    try:
        side = Side(Path(data))
        for step in steps:
            side.do(step)
        return side.state()
    except Exception:  # noqa: BLE001 - whoever asked says what it means
        return {"failed": traceback.format_exc()}


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(*json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
