"""STOP: who says it in an SMS gets no more of them; START takes it back.

It is kept by number, whoever's package the next message were about, and as a blind index alone.
Reminders by e-mail are stopped the same way, by the link that a mail program offers. Codes go
another way, or operators hear that somebody cannot be sent theirs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select

from central import schema
from central.context import Central, audit
from central.database.bulk import insert_once
from central.notify import outbox
from central.notify.outbox import Kind, Stop
from central.notify.tables import message_stop
from central.sealing import blind_index
from kiosk.model.phone import PhoneNumberError, phone_number

WORDS_MAX: Final = 3
"""`STOP please` is one; a longer message is none: somebody tells a story."""

_PERSON: Final = schema.recipient
_STOPPED: Final = (
    select(_PERSON.c.id)
    .join(
        message_stop,
        (message_stop.c.address_index == _PERSON.c.phone_index)
        & (message_stop.c.what == Stop.SMS.value),
    )
    .where(_PERSON.c.id.in_(bindparam("recipients", expanding=True)), _PERSON.c.phone_index != "")
)


class Said(StrEnum):
    """What somebody wants who sends a word."""

    STOP = "stop"
    START = "start"


_STOP: Final = frozenset({"stop", "stopp", "arret", "توقف", "стоп"})
"""At the beginning of a short message."""
_STOP_ALONE: Final = frozenset(
    {
        *("stopall", "unsubscribe", "quit", "end", "cancel"),
        *("abmelden", "ende", "arreter", "desabonner"),
        *("alto", "parar", "baja", "koniec", "zatrzymaj", "rezygnuje"),
        *("ايقاف", "قف", "الغاء", "скасувати", "dur", "durdur", "iptal"),
    }
)
"""As a message of their own: others begin sentences."""
_START_ALONE: Final = frozenset(
    {
        *("start", "unstop", "subscribe", "anmelden", "reprendre", "debut"),
        *("alta", "iniciar", "wznow", "zapisz", "ابدا", "اشتراك", "старт", "basla", "baslat"),
    }
)


def said(text: str) -> Said | None:
    """What a message asks for; None for anything else that people write."""
    words = "".join(_letter(sign) for sign in unicodedata.normalize("NFKD", text)).split()
    if not words or len(words) > WORDS_MAX:
        return None
    is_alone = len(words) == 1
    if words[0] in _STOP or (is_alone and words[0] in _STOP_ALONE):
        return Said.STOP
    return Said.START if is_alone and words[0] in _START_ALONE else None


def _letter(sign: str) -> str:
    """A sign without its accent, small; a blank for what is no letter."""
    if unicodedata.combining(sign):
        return ""
    if sign in "łŁ":
        return "l"
    return sign.casefold() if sign.isalpha() else " "


def take_sms(connection: Connection, central: Central, sender: str, text: str) -> Said | None:
    """Take in an SMS that somebody sent us; what came of it, None where it asks for nothing or for
    what is so already. Only a change is confirmed, so a gateway that says it twice sends one."""
    wanted = said(text)
    try:
        number = phone_number(sender if sender.startswith("+") else f"+{sender}", None)
    except PhoneNumberError:
        return None
    if wanted is None:
        return None
    now_ms = central.clock.now_ms()
    index = blind_index(connection, number, "recipient.phone")
    if not _note(connection, index, Stop.SMS, now_ms, is_stop=wanted is Said.STOP):
        return None
    audit(connection, now_ms, "somebody by SMS", f"sms.{wanted}", index[:12])
    _confirm(connection, index, Kind.STOPPED if wanted is Said.STOP else Kind.STARTED, now_ms)
    return wanted


def stop_reminders(connection: Connection, index: str, now_ms: int) -> None:
    """The owner of an e-mail address wants no more reminders."""
    if index:
        _note(connection, index, Stop.REMINDERS, now_ms, is_stop=True)


def who_stopped(connection: Connection, recipients: Collection[str]) -> set[str]:
    """Those of some recipients who asked for no more SMS."""
    if not recipients:
        return set()
    return set(connection.execute(_STOPPED, {"recipients": sorted(recipients)}).scalars())


def _note(connection: Connection, index: str, what: Stop, now_ms: int, *, is_stop: bool) -> bool:
    """Whether it was not so before."""
    table = message_stop
    if is_stop:
        row = {"address_index": index, "what": what.value, "since_ms": now_ms}
        return insert_once(connection, table, row)
    of_it = (table.c.address_index == index) & (table.c.what == what.value)
    return bool(connection.execute(delete(table).where(of_it)).rowcount)


def _confirm(connection: Connection, index: str, kind: Kind, now_ms: int) -> None:
    """One SMS that says so, in the language of whoever has the number, where we know it."""
    person = _newest(connection, index)
    if person is None:
        return
    outbox.queue(
        connection,
        kind=kind.value,
        recipient=person.id,
        channel="sms",
        language=person.language,
        created_ms=now_ms,
        due_ms=now_ms,
    )


def _newest(connection: Connection, index: str) -> Any:
    person = schema.recipient
    found = select(person).where(person.c.phone_index == index, person.c.erased_ms.is_(None))
    return connection.execute(found.order_by(person.c.created_ms.desc()).limit(1)).first()
