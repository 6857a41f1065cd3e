"""Packages that are expected, from a CSV file."""

from __future__ import annotations

import csv
import secrets
import uuid
from pathlib import Path

from config import Site
from kiosk.adapters import SystemClock, key_path
from kiosk.app import CannotRunError, known_of, use_location_key
from kiosk.model.person import Recipient
from kiosk.store import packages
from kiosk.store.packages import Announcement
from kiosk.store.remains import DATABASE
from kiosk.store.store import Store


def read_announcements(path: Path) -> list[Announcement]:
    """Expected packages from a CSV file with the columns barcode, size, name, phone.

    Raises `CannotRunError` that names the line of the first mistake.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    announcements = []
    for number, row in enumerate(rows, 2):
        if not row.get("barcode"):
            raise CannotRunError(f"{path}, line {number}: barcode is empty")
        recipient = None
        if row.get("name") or row.get("phone"):
            recipient = Recipient(str(uuid.uuid4()), row.get("name") or "", row.get("phone") or "")
        announcements.append(
            Announcement(str(uuid.uuid4()), row["barcode"], row.get("size") or None, recipient)
        )
    return announcements


def announce(site: Site, data: Path, announcements: list[Announcement]) -> int:
    """Expect packages, with no kiosk running; how many were not expected or stored before."""
    unknown = {each.size for each in announcements if each.size} - set(site.sizes)
    if unknown:
        raise CannotRunError(
            f"size {', '.join(sorted(unknown))} is none of this site's: {', '.join(site.sizes)}"
        )
    known = known_of(site, data)
    clock, chance = SystemClock(), secrets.SystemRandom()
    store = Store(data / DATABASE, clock, chance, threaded=False, must_exist=True, known=known)
    try:
        store.submit(use_location_key, key_path(data)).result()
        return sum(store.submit(packages.announce, each).result() for each in announcements)
    finally:
        store.close()
