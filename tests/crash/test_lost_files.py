"""A file of the kiosk comes back from a power cut empty, short or not at all: what is inside is
known as before, or the kiosk refuses to start with a sentence that says what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from flow_site import LOCATION, LoopClock

from config import DEMO_SITE, load_site
from kiosk.adapters import LocationKeyError
from kiosk.app import make_kiosk, open_kiosk
from kiosk.model.allocation import BestFit
from kiosk.play import Player
from kiosk.store import deposits, packages, slots
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import StoreError
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from kiosk.sync.enrol import EnrolError

SITE = load_site(DEMO_SITE)
BACKUP = "backups/kiosk-20260101T000000Z.db"
FILES = ["kiosk.db", "kiosk.db-wal", "location.key", "centre.json", BACKUP]
CENTRE = '{"url": "http://127.0.0.1:9", "location": "a", "token": "b", "public_key": "%s"}'


def full_kiosk(data: Path) -> str:
    """A kiosk with a package inside, enrolled, with a backup; the package's slot."""
    key = make_kiosk(SITE, data)
    store = Store(data / "kiosk.db", LoopClock(), Random(1), threaded=False)
    store.use_key(key.read_bytes())
    store.submit(packages.announce, Announcement("P", "JD0001", "S", None)).result()
    request = DepositRequest("P", "JD0001", "S", "in-P", "staff:11")
    deposit = store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
    assert deposit is not None
    store.submit(deposits.store_package, deposit, LOCATION, 5, Random(1)).result()
    store.close()
    (data / "backups").mkdir()
    (data / BACKUP).write_bytes((data / "kiosk.db").read_bytes())
    (data / "centre.json").write_text(CENTRE % ("0" * 64))
    return deposit.slot


async def status_after_start(data: Path, slot: str) -> str:
    async with open_kiosk(SITE, data, Player()) as kiosk:
        records = await kiosk.store.run(slots.records)
        return str(next(record.status for record in records if record.label == slot))


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes() if path.exists() else b"\0" * 64
    path.unlink(missing_ok=True)
    if how != "missing":
        path.write_bytes({"empty": b"", "short": content[: len(content) // 2]}[how])
        path.chmod(0o600)


@pytest.mark.parametrize("how", ["missing", "empty", "short"])
@pytest.mark.parametrize("name", FILES)
def test_a_full_slot_is_never_taken_for_empty(tmp_path: Path, name: str, how: str) -> None:
    slot = full_kiosk(tmp_path)
    before = asyncio.run(status_after_start(tmp_path, slot))
    assert before != "EMPTY"
    spoil(tmp_path / name, how)
    try:
        assert asyncio.run(status_after_start(tmp_path, slot)) == before
        assert name in ("kiosk.db-wal", BACKUP), f"started without {name}"
    except (StoreError, LocationKeyError, EnrolError) as error:
        assert "restore" in str(error) or "back" in str(error) or "enrol" in str(error)


def test_a_store_that_begins_anew_is_found_out(tmp_path: Path) -> None:
    """The negative control: with nothing left beside it, a new database calls the slot empty."""
    slot = full_kiosk(tmp_path / "before")
    make_kiosk(SITE, tmp_path / "anew")
    assert asyncio.run(status_after_start(tmp_path / "anew", slot)) == "EMPTY"
