"""What can be exported from the database, some rows at a time."""

from __future__ import annotations

from kiosk.store.writer import Row, Writer

TABLES = {
    "packages": "SELECT package.rowid AS number, id, barcode, status, package.size, slot,"
    " last_slot, is_announced, replaces, code_counter, announced_ms, stored_ms, hold_until_ms,"
    " paused_ms, finished_ms FROM package WHERE package.rowid > ? ORDER BY package.rowid LIMIT ?",
    "slots": "SELECT rowid AS number, label, size, is_low, status, suspect, service,"
    " service_reason, service_by, service_since_ms, is_reachable FROM slot WHERE rowid > ?"
    " ORDER BY rowid LIMIT ?",
    "events": "SELECT seq AS number, epoch, kind, wall_ms, is_trusted, body, hex(hash) AS hash"
    " FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
}
"""What can be exported. No table has half a pickup code (the locator), or a name or number."""

WITH_PEOPLE = (
    "SELECT package.rowid AS number, package.id, barcode, status, package.size, slot, last_slot,"
    " is_announced, replaces, code_counter, announced_ms, stored_ms, hold_until_ms, paused_ms,"
    " finished_ms, name, phone FROM package LEFT JOIN recipient ON recipient.id = package.recipient"
    " WHERE package.rowid > ? ORDER BY package.rowid LIMIT ?"
)
SEALED = {"name", "phone"}


def rows(writer: Writer, table: str, after: int, limit: int, is_personal: bool) -> list[Row]:
    """Some rows behind a number; of packages, where wanted, with names and numbers opened."""
    query = WITH_PEOPLE if is_personal and table == "packages" else TABLES[table]
    return [
        {
            name: writer.sealer.open(value or "") if name in SEALED else value
            for name, value in row.items()
        }
        for row in writer.all(query, (after, limit))
    ]
