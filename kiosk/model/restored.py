"""What the first event of a database's life says of the life before."""

from __future__ import annotations

from kiosk.model.event_bodies import DatabaseRestored, adapter
from kiosk.model.event_reading import read_body, require_fit, who_did
from kiosk.model.events import EventKind
from kiosk.model.sound_json import UnfitBodyError


def restored_from(kind: str, text: str) -> DatabaseRestored | None:
    """What the first event of an epoch says about the life before; None for any other event."""
    if kind != EventKind.DATABASE_RESTORED:
        return None
    try:
        body = read_body(text)
        require_fit(kind, body, is_trusted=False)
    except UnfitBodyError:
        return None
    origin: DatabaseRestored = adapter(EventKind.DATABASE_RESTORED).validate_python(
        {**body, "actor": who_did(body)}
    )
    return origin
