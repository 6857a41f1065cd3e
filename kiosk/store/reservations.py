"""Doors that are kept for packages still to be announced.

No door is set aside: of a size that has so many free ones as are kept, nobody else is given one.
So it does not matter which of them jams meanwhile. A reservation ends by the clock, in any count
that is made behind it, whether or not a server is reached; while the clock is not trusted it goes
on.
"""

from __future__ import annotations

from kiosk.model.clock import DAY_MS
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Writer

KEPT_FOR = "(reservation.package IS NULL OR package.status = 'PENDING' AND package.slot IS NULL)"
"""It is for no package yet, or for one that has not come."""


def reserve(writer: Writer, reservation: str, size: str, until_ms: int) -> None:
    """Keep a door of this size free until then. Raises `RefusedError` where none is left."""
    if writer.now.is_trusted:
        over_ms = writer.now.wall_ms - DAY_MS
        writer.db.execute("DELETE FROM reservation WHERE until_ms < ?", (over_ms,))
    known = writer.one("SELECT size FROM reservation WHERE id = ?", (reservation,))
    if known is None or known["size"] != size:
        others = kept(writer).get(size, 0)
        if free(writer, size) <= others:
            raise RefusedError(f"no door of size {size} is free that is not kept already")
    writer.db.execute(
        "INSERT INTO reservation (id, size, until_ms) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET size = excluded.size, until_ms = excluded.until_ms",
        (reservation, size, until_ms),
    )


def release(writer: Writer, reservation: str) -> None:
    """Keep its door no longer; nothing, where it has ended already."""
    writer.db.execute("DELETE FROM reservation WHERE id = ?", (reservation,))


def forget_all(writer: Writer) -> None:
    """Keep nothing: what was promised since the backup is in no journal, and neither is what was
    given back. The server says once more what counts."""
    writer.db.execute("DELETE FROM reservation")


def use(writer: Writer, reservation: str, package: str) -> None:
    """Its door is this package's from here on; none is kept any more where that lies here."""
    writer.db.execute("UPDATE reservation SET package = ? WHERE id = ?", (package, reservation))


def kept(writer: Writer, package: str | None = None) -> dict[str, int]:
    """How many doors of each size are kept for others than this package."""
    since_ms = writer.now.wall_ms if writer.now.is_trusted else 0
    rows = writer.all(
        "SELECT reservation.size, count(*) AS number FROM reservation"
        " LEFT JOIN package ON package.id = reservation.package"
        f" WHERE reservation.until_ms > ? AND {KEPT_FOR}"
        " AND (reservation.package IS NULL OR reservation.package <> ?)"
        " GROUP BY reservation.size",
        (since_ms, package or ""),
    )
    return {row["size"]: int(row["number"]) for row in rows}


def free(writer: Writer, size: str) -> int:
    """How many doors of a size are free."""
    row = writer.one(
        "SELECT count(*) AS number FROM slot INDEXED BY slot_free WHERE size = ?"
        " AND status = 'EMPTY' AND service = 'IN_SERVICE' AND is_reachable = 1",
        (size,),
    )
    return int(row["number"]) if row is not None else 0
