"""Texts as every database takes them, whoever sent them and by whichever route.

PostgreSQL takes no NUL, and neither database takes half of a surrogate pair. Where a field has
rules of its own such a text is refused before it comes here; anywhere else, as in an address, it
names nothing that there is. So each such character becomes U+FFFD on its way to the database, which
is what a text in the wrong encoding becomes, too: nobody makes the server fail with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import Engine

REPLACED: Final = "\ufffd"


def take_any_text(engine: Engine) -> None:
    """Have every text that is bound to a statement of this engine made such as it takes.

    By its dialect: an event of SQLAlchemy's would cost each statement a fifth of what it takes.
    """
    dialect: Any = engine.dialect
    dialect.do_execute = _taking(dialect.do_execute)
    dialect.do_executemany = _taking(dialect.do_executemany)


def _taking(execute: Callable[..., None]) -> Callable[..., None]:
    def taking(cursor: Any, statement: str, bound: Any, context: Any = None) -> None:
        execute(cursor, statement, bound if is_takeable(bound) else takeable(bound), context)

    return taking


def is_takeable(bound: Any) -> bool:
    """Whether a database takes what is bound: a text, or many in rows."""
    if isinstance(bound, str):
        # Nearly every text is in ASCII, and says so at once.
        return "\0" not in bound and (bound.isascii() or _is_whole(bound))
    if isinstance(bound, dict):
        return _are_takeable(bound.values())
    if isinstance(bound, (list, tuple)):
        return _are_takeable(bound)
    return True


def _are_takeable(values: Iterable[Any]) -> bool:
    for value in values:
        if type(value) is str:
            # As above, without a call for each of thousands.
            if "\0" in value or not (value.isascii() or _is_whole(value)):
                return False
        elif type(value) is tuple or type(value) is list:
            if not _are_takeable(value):
                return False
        elif value is not None and type(value) is not int and not is_takeable(value):
            return False
    return True


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def takeable(bound: Any) -> Any:
    """The same with each character replaced that a database does not take."""
    if isinstance(bound, str):
        return "".join(
            REPLACED if sign == "\0" or "\ud800" <= sign <= "\udfff" else sign for sign in bound
        )
    if isinstance(bound, dict):
        return {name: takeable(value) for name, value in bound.items()}
    if isinstance(bound, (list, tuple)):
        return type(bound)(map(takeable, bound))
    return bound
