"""A kiosk that is restored from a backup fetches back what the server holds of its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from kiosk.model.events import Event
from kiosk.model.urls import path
from kiosk.store.restore import Recall
from kiosk.store.writer import ChainHead
from kiosk.sync.client import Identity
from kiosk.sync.contract import EVENTS_MAX, EventsAnswer, event_of
from kiosk.sync.servers import NotReachedError, Servers
from kiosk.sync.transport import PlainLineError


class RecallError(Exception):
    """The server gives nothing back; the message says why."""


def recall(servers: Servers, identity: Identity, head: ChainHead) -> Recall:
    """What the server holds behind the end of a backup's journal. Raises `RecallError`."""
    first = _fetch(servers, identity, head)
    return Recall(_batches(servers, identity, head, first), first.is_complete, first.heard_ms)


def _batches(
    servers: Servers, identity: Identity, head: ChainHead, answer: EventsAnswer
) -> Iterator[Sequence[Event]]:
    end = ChainHead(head.epoch, head.seq, head.hash)
    while answer.events:
        events = []
        for wire in answer.events:
            event = event_of(wire, end.hash)
            events.append(event)
            end = ChainHead(event.epoch, event.seq, event.hash)
        yield events
        if not answer.has_more:
            return
        answer = _fetch(servers, identity, end)


def _fetch(servers: Servers, identity: Identity, head: ChainHead) -> EventsAnswer:
    place = {"epoch": head.epoch, "after": str(head.seq), "limit": str(EVENTS_MAX)}
    where = path("v1", "locations", identity.location, "events")
    try:
        answer = servers.ask("GET", where, identity.token, params=place)
    except PlainLineError as error:
        raise RecallError(str(error)) from error
    except NotReachedError as error:
        raise RecallError(
            f"{servers.urls[0]}: the server, which knows what happened since the backup, is not"
            f" reached: {error}\nTry again when it is, or"
            " restore with --without-server: then somebody has to look into every slot"
        ) from error
    if answer.status != 200:
        said = answer.text[:200].decode(errors="replace")
        raise RecallError(f"{answer.url}: the server refuses: {answer.status} {said}")
    try:
        return EventsAnswer.model_validate_json(answer.text)
    except ValidationError as error:
        raise RecallError(f"{answer.url}: this is no server's answer") from error
