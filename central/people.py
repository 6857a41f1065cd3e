"""People as they lie in the database: sealed, and found by blind indexes.

Their e-mail addresses and numbers have an index each. Of a name, a few bits of how each of its
words begins are kept: they narrow a search, and what they let through is opened and looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, or_, select

from central import schema
from central.adapters import new_id
from central.database.bulk import insert_many
from central.sealing import blind_index, indexed

BEGINNING = 3
"""By so many letters of its beginning a word of a name is found, or more."""
WORD_INDEX_DIGITS = 4
"""Of the index of a beginning, so many hexadecimal digits are kept."""
FOUND_MAX = 1000
_WORD = re.compile(r"\w+")
_INSERT = insert(schema.recipient)
_BESIDE = (
    select(schema.recipient.c.id)
    .where(schema.recipient.c.beside == bindparam("recipient"))
    .order_by(schema.recipient.c.created_ms, schema.recipient.c.id)
)


def reached_at(
    connection: Connection, emails: Iterable[str], phones: Iterable[str]
) -> ColumnElement[bool]:
    """Whoever has one of these addresses or numbers."""
    person = schema.recipient
    return or_(
        person.c.email_index.in_(_indexes(connection, emails, "recipient.email")),
        person.c.phone_index.in_(_indexes(connection, phones, "recipient.phone")),
    )


def _indexes(connection: Connection, texts: Iterable[str], context: str) -> list[str]:
    return [blind_index(connection, text, context) for text in texts if text.strip()]


def add(
    connection: Connection,
    now_ms: int,
    *,
    name: str = "",
    email: str = "",
    phone: str = "",
    language: str = "en",
    channels: Sequence[str] = (),
    beside: str | None = None,
) -> str:
    """Somebody whom a package is for; their id. `beside`: beside whom they are notified."""
    recipient = new_id()
    values = {
        "id": recipient,
        "name": name,
        "email": email,
        "phone": phone,
        "language": language,
        "channels": json.dumps(list(channels)),
        "created_ms": now_ms,
        "beside": beside,
    }
    connection.execute(_INSERT, indexed(connection, schema.recipient, values))
    index_new_name(connection, recipient, name)
    return recipient


def notified_beside(connection: Connection, recipient: str) -> list[str]:
    """Who else of the same household is notified with this person."""
    return list(connection.execute(_BESIDE, {"recipient": recipient}).scalars())


def is_notified(connection: Connection, recipient: str | None, package: Any) -> bool:
    """Whether somebody is notified of a package: it is theirs, or their household's."""
    if recipient is None or recipient == package.recipient:
        return recipient is not None
    return recipient in notified_beside(connection, package.recipient or "")


def index_name(connection: Connection, recipient: str, name: str) -> None:
    """Let a person be found by the words of their name, and by no other name."""
    table = schema.recipient_word
    connection.execute(delete(table).where(table.c.recipient == recipient))
    index_new_name(connection, recipient, name)


def index_new_name(connection: Connection, recipient: str, name: str) -> None:
    """The same of somebody who was not there before."""
    rows = [{"recipient": recipient, "word": word} for word in _words(connection, name)]
    if rows:
        insert_many(connection, schema.recipient_word, rows)


def _words(connection: Connection, text: str) -> list[str]:
    found = {
        blind_index(connection, word[:BEGINNING], "recipient_word.word")[:WORD_INDEX_DIGITS]
        for word in _WORD.findall(text.casefold())
    }
    return sorted(found)


def named(connection: Connection, text: str) -> list[str]:
    """The newest people in whose names each word of a text begins a word."""
    person, table = schema.recipient, schema.recipient_word
    words = _words(connection, text)
    if not words:
        return []
    query = select(person.c.id, person.c.name)
    for word in words:
        query = query.where(person.c.id.in_(select(table.c.recipient).where(table.c.word == word)))
    asked = _WORD.findall(text.casefold())
    return [
        row.id
        for row in connection.execute(query.order_by(person.c.created_ms.desc()))
        if _begins_words(asked, row.name)
    ][:FOUND_MAX]


def _begins_words(asked: list[str], name: str) -> bool:
    words = _WORD.findall(name.casefold())
    return all(any(word.startswith(each) for word in words) for each in asked)
