"""Erasing what is personal, once it is needed no more; the journal never had it."""

from __future__ import annotations

from kiosk.model.actor import KIOSK
from kiosk.model.clock import DAY_MS
from kiosk.model.event_bodies import RecipientErased
from kiosk.store import addressees
from kiosk.store.writer import Writer


def erase_due(writer: Writer, after_days: int, limit: int = 50) -> int:
    """Erase the names and numbers of people none of whose packages is live, or was until
    `after_days` ago; return how many. Whose package is for another contact now has none. Nobody is
    erased while the clock is not trusted."""
    if not writer.now.is_trusted:
        return 0
    addressees.forget_finished(writer)
    before_ms = writer.now.wall_ms - after_days * DAY_MS
    due = writer.all(
        "SELECT id FROM recipient INDEXED BY recipient_known"
        " WHERE (name <> '' OR phone <> '')"
        " AND NOT EXISTS (SELECT 1 FROM package WHERE recipient = recipient.id"
        " AND (finished_ms IS NULL OR finished_ms > ? OR slot IS NOT NULL)) LIMIT ?",
        (before_ms, limit),
    )
    for row in due:
        writer.db.execute("UPDATE recipient SET name = '', phone = '' WHERE id = ?", (row["id"],))
        writer.record(RecipientErased(actor=KIOSK, recipient=row["id"], after_days=after_days))
    return len(due)
