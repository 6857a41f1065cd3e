"""Who steals the database, or writes in the journal by hand, or prints barcodes made to hurt."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.barcodes import BARCODE_LENGTH_MAX
from drivers.scanner import ScanAssembler
from kiosk.flows.events import Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import Answer, EnterPin
from kiosk.model.allocation import BestFit
from kiosk.model.barcode import is_barcode
from kiosk.model.clock import DAY_MS
from kiosk.model.events import GENESIS
from kiosk.model.package import Package
from kiosk.model.person import Recipient, Role, Staff, StaffSource
from kiosk.model.pickup_code import make_code, qr_text
from kiosk.store import departures, deposits, erasure, intents, journal, packages, slots, staff
from kiosk.store.deposits import DepositRequest
from kiosk.store.intents import IntentPurpose
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from tests.support.flow_site import (
    COURIER_PIN,
    LOCATION,
    LOCATION_KEY,
    LoopClock,
    Running,
    World,
    running,
)

PHONE = "+49 171 5550199"
NAME = "Adelheid Sonnenschein"
PIN_HASH = "$argon2id$v=19$m=32768,t=3,p=1$c29tZXNhbHQ$aGFzaA"
PIN = "4711"


def open_store(path: Path, clock: LoopClock | None = None) -> Store:
    store = Store(path, clock or LoopClock(), random.Random(7), threaded=False)
    store.use_key(LOCATION_KEY)
    store.submit(slots.configure, LOCATION).result()
    return store


def store_one(store: Store, name: str, phone: str = PHONE) -> Package:
    recipient = Recipient(f"recipient-{name}", NAME, phone)
    store.submit(packages.announce, Announcement(name, f"LABEL-{name}", "S", recipient)).result()
    request = DepositRequest(name, f"LABEL-{name}", "S", f"in-{name}", "staff:11")
    deposit = store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
    assert deposit is not None
    return store.submit(deposits.store_package, deposit, LOCATION, 5, random.Random(name)).result()


def fetch(store: Store, package: Package) -> None:
    intent = f"out-{package.id}"
    store.submit(
        intents.intend, intent, package.slot or "", IntentPurpose.PICKUP, "customer", package.id
    ).result()
    store.submit(departures.retrieve, package.id, intent).result()


def code_of(package: Package) -> str:
    assert package.locator is not None
    return make_code(LOCATION_KEY, package.id, package.locator, package.code_counter)


# --- the stolen database -------------------------------------------------------------------------


def stolen(folder: Path) -> bytes:
    """Every byte of the database's files."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("kiosk.db*")))


def test_a_stolen_database_holds_no_code_no_pin_and_no_key(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kiosk.db")
    person = Staff("11", "Kim", Role.COURIER, PIN_HASH)
    store.submit(staff.list_staff, [person], StaffSource.CONFIG).result()
    codes_made = [code_of(store_one(store, str(number))) for number in range(8)]
    before, after = stolen(tmp_path), b""
    store.close()
    after = stolen(tmp_path)
    for loot in (before, after):
        assert LOCATION_KEY not in loot
        for code in codes_made:
            assert code.encode() not in loot
            assert code[3:].encode() not in loot, "the secret of a code lies in the database"
        assert f"11{PIN}".encode() not in loot


def test_with_the_database_alone_every_secret_is_as_likely_as_any_other(tmp_path: Path) -> None:
    """What a thief could test a guess against is the key, and that is not there: under another key
    the very same database has other codes, and nothing in it contradicts them."""
    store = open_store(tmp_path / "kiosk.db")
    package = store_one(store, "1")
    store.close()
    connection = sqlite3.connect(tmp_path / "kiosk.db")
    row = connection.execute("SELECT id, locator, code_counter FROM package").fetchone()
    connection.close()
    secrets = set()
    for seed in range(2000):
        key = random.Random(seed).randbytes(32)
        secrets.add(make_code(key, row[0], row[1], row[2])[3:])
    # As many different ones as there would be of 2,000 balls in a million boxes.
    assert len(secrets) > 1980
    assert code_of(package)[3:] not in secrets


def test_who_has_fetched_and_is_erased_is_in_no_byte_of_the_stolen_database(
    tmp_path: Path,
) -> None:
    clock = LoopClock()
    store = open_store(tmp_path / "kiosk.db", clock)
    fetch(store, store_one(store, "gone"))
    clock.ahead_ms += 31 * DAY_MS
    assert store.submit(erasure.erase_due, 30).result() == 1
    assert store.submit(journal.verify).result() == []
    store.close()
    loot = stolen(tmp_path)
    assert PHONE.encode() not in loot
    assert NAME.encode() not in loot
    store = open_store(tmp_path / "kiosk.db", clock)
    assert store.submit(journal.verify).result() == []
    store.close()


# --- a journal written by hand -------------------------------------------------------------------


Tampering = Callable[[sqlite3.Connection], object]


def change_a_byte(connection: sqlite3.Connection) -> None:
    [body] = connection.execute("SELECT body FROM journal WHERE seq = 20").fetchone()
    place = len(body) // 2
    other = "a" if body[place] != "a" else "b"
    changed = body[:place] + other + body[place + 1 :]
    connection.execute("UPDATE journal SET body = ? WHERE seq = 20", (changed,))


TAMPERINGS: dict[str, Tampering] = {
    "a byte of an event": change_a_byte,
    "a time": lambda connection: connection.execute(
        "UPDATE journal SET wall_ms = wall_ms + 1 WHERE seq = 20"
    ),
    "a kind": lambda connection: connection.execute(
        "UPDATE journal SET kind = 'SLOT_CLEARED' WHERE seq = 20"
    ),
    "whether the clock was trusted": lambda connection: connection.execute(
        "UPDATE journal SET is_trusted = 1 - is_trusted WHERE seq = 20"
    ),
    "an event that is missing": lambda connection: connection.execute(
        "DELETE FROM journal WHERE seq = 20"
    ),
    "the first event": lambda connection: connection.execute("DELETE FROM journal WHERE seq = 1"),
    "a hash": lambda connection: connection.execute(
        "UPDATE journal SET hash = zeroblob(32) WHERE seq = 20"
    ),
    "the last hash": lambda connection: connection.execute(
        "UPDATE journal SET hash = zeroblob(32) WHERE seq = (SELECT max(seq) FROM journal)"
    ),
}


def tamper(path: Path, tampering: Tampering) -> None:
    """Write in the database by hand, with the triggers put aside and back in place."""
    connection = sqlite3.connect(path)
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journal'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    tampering(connection)
    for _, sql in triggers:
        connection.execute(sql)
    connection.commit()
    connection.close()


def journal_of_a_few(path: Path) -> tuple[str, int, bytes]:
    """A database with some history; the witness that a server would keep: epoch, number, hash."""
    store = open_store(path)
    for number in range(4):
        fetch(store, store_one(store, str(number)))
    row = store.submit(
        lambda writer: writer.one("SELECT epoch, seq, hash FROM journal ORDER BY seq DESC LIMIT 1")
    ).result()
    store.close()
    assert row is not None
    return row["epoch"], row["seq"], row["hash"]


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_journal_written_in_by_hand_is_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "kiosk.db"
    journal_of_a_few(path)
    tamper(path, TAMPERINGS[name])
    store = Store(path, LoopClock(), random.Random(7), threaded=False)
    store.use_key(LOCATION_KEY)
    assert store.submit(journal.verify).result() != []
    store.close()


@pytest.mark.parametrize("cut", [1, 3, 10])
def test_a_tail_that_was_cut_shows_by_the_head_that_a_witness_keeps(
    tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "kiosk.db"
    epoch, seq, digest = journal_of_a_few(path)
    tamper(
        path,
        lambda connection: connection.execute("DELETE FROM journal WHERE seq > ?", (seq - cut,)),
    )
    store = Store(path, LoopClock(), random.Random(7), threaded=False)
    store.use_key(LOCATION_KEY)
    assert store.submit(journal.verify).result() == [], "the chain alone cannot show a cut tail"
    assert not has_head(store, epoch, seq, digest)
    # Nor does it help to go on: the event of that number is another one then.
    while store.submit(lambda writer: writer.head.seq).result() < seq:
        store.submit(departures.complain, "0", "1", "DAMAGED").result()
    assert not has_head(store, epoch, seq, digest)
    store.close()


def has_head(store: Store, epoch: str, seq: int, digest: bytes) -> bool:
    """Whether the journal still holds what a witness has seen."""
    if seq == 0:
        return digest == GENESIS
    return (
        store.submit(
            lambda writer: writer.one(
                "SELECT 1 FROM journal WHERE epoch = ? AND seq = ? AND hash = ?",
                (epoch, seq, digest),
            )
        ).result()
        is not None
    )


def test_a_witness_finds_a_journal_that_nobody_touched(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.db"
    epoch, seq, digest = journal_of_a_few(path)
    store = open_store(path)
    store_one(store, "more")
    assert has_head(store, epoch, seq, digest)
    store.close()


# --- barcodes made to hurt -----------------------------------------------------------------------


PAYLOADS = {
    "control keys": b"\x02\x1b[A\x03\x16",
    "an escape sequence": b"ABC\x1b]0;title\x07",
    "a null byte": b"ABC\x00DEF",
    "high bytes": bytes(range(128, 256)),
    "SQL": b"'); DROP TABLE package; --",
    "a format string": b"%s%s%n{0.__class__}",
    "ten kilobytes": b"A" * 10_000,
    "ten kilobytes of code": b"PK1:demo:" + b"1" * 10_000,
    "just too long": b"A" * (BARCODE_LENGTH_MAX + 1),
    "spaces": b"     ",
    "an empty QR code": b"PK1:demo:",
    "a QR code of letters": b"PK1:demo:12345678a",
    "a QR code with more": b"PK1:demo:123456789:1",
    "an empty badge": b"PKS:11:",
    "a badge of SQL": b"PKS:' OR 1=1 --:x",
    "a badge of nobody": b"PKS:77:secret",
}


def reads_of(payload: bytes) -> list[str]:
    """What the scanner's rules let through of a payload; "" for a refused read."""
    assembler = ScanAssembler()
    reads = [*assembler.feed(payload + b"\r", 0.0), *assembler.silence(1.0)]
    assert all(is_barcode(read.text) or not read.text.strip() for read in reads)
    return ["" if read.refused else read.text for read in reads]


async def sign_in(kiosk: Running) -> None:
    await kiosk.player.until(First)
    kiosk.player.do(Pressed(Choice.COURIER))
    await kiosk.player.until(EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(ScanPackage)


@pytest.mark.parametrize("name", PAYLOADS)
async def test_a_barcode_made_to_hurt_opens_nothing_and_breaks_nothing(
    tmp_path: Path, name: str
) -> None:
    payload = PAYLOADS[name]

    async with running(World(tmp_path)) as kiosk:
        # Through the scanner, and then past it: the flows trust nobody either.
        for text in (*reads_of(payload), payload.decode("latin-1")):
            await kiosk.player.until(First)
            kiosk.player.do(Scanned(text))
            await asyncio.sleep(20)
            await sign_in(kiosk)
            kiosk.player.do(Scanned(text))
            # Nobody touches the session: it locks, and is over some time later.
            await asyncio.sleep(400 + kiosk.kiosk.policy.locked_session_s)
        assert kiosk.world.pulses == 0
        assert await kiosk.kiosk.store.run(journal.verify) == []
        names = await kiosk.kiosk.store.run(lambda writer: writer.db.table_names())
        assert {"package", "slot", "journal"} <= set(names)
        await sign_in(kiosk)


async def test_a_replayed_qr_code_of_a_finished_package_opens_nothing(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        store = kiosk.kiosk.store
        assert isinstance(store, Store)
        package = store_one(store, "1")
        code = code_of(package)
        fetch(store, package)
        kiosk.world.clock.ahead_ms += 10 * 60_000
        for _ in range(3):
            await kiosk.player.until(First)
            kiosk.player.do(Scanned(qr_text("demo", code)))
            answer = await kiosk.player.until(Answer)
            assert answer.refused is not None
            kiosk.player.do(Pressed(Choice.DONE))
        store_one(store, "2")
        await kiosk.player.until(First)
        kiosk.player.do(Scanned(qr_text("demo", code)))
        await kiosk.player.until(Answer)
        assert kiosk.world.pulses == 0
