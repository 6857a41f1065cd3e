"""A kiosk that is restored from a backup fetches back what the server holds of its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import requests
from pydantic import ValidationError

from kiosk.model.events import Event
from kiosk.model.urls import path
from kiosk.store.restore import Recall
from kiosk.store.writer import ChainHead
from kiosk.sync.client import TIMEOUT_S, Identity
from kiosk.sync.contract import EVENTS_MAX, EventsAnswer, event_of
from kiosk.sync.deadline import BoundedSession
from kiosk.sync.reaching import answer_text, why_not_reached


class RecallError(Exception):
    """The server gives nothing back; the message says why."""


def recall(session: BoundedSession, identity: Identity, head: ChainHead) -> Recall:
    """What the server holds behind the end of a backup's journal. Raises `RecallError`."""
    first = _fetch(session, identity, head)
    return Recall(_batches(session, identity, head, first), first.is_complete, first.heard_ms)


def _batches(
    session: BoundedSession, identity: Identity, head: ChainHead, answer: EventsAnswer
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
        answer = _fetch(session, identity, end)


def _fetch(session: BoundedSession, identity: Identity, head: ChainHead) -> EventsAnswer:
    try:
        with session.exchange():
            answer = session.get(
                f"{identity.url}{path('v1', 'locations', identity.location, 'events')}",
                params={"epoch": head.epoch, "after": str(head.seq), "limit": str(EVENTS_MAX)},
                headers={"authorization": f"Bearer {identity.token}"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            )
            text = answer_text(answer)
        if answer.status_code != 200:
            said = text[:200].decode(errors="replace")
            raise RecallError(f"{identity.url}: the server refuses: {answer.status_code} {said}")
        return EventsAnswer.model_validate_json(text)
    except requests.RequestException as error:
        raise RecallError(
            f"{identity.url}: the server, which knows what happened since the backup, is not"
            f" reached: {why_not_reached(error, identity.url)}\nTry again when it is, or"
            " restore with --without-server: then somebody has to look into every slot"
        ) from error
    except ValidationError as error:
        raise RecallError(f"{identity.url}: this is no server's answer") from error
