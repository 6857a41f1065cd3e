"""Where a list goes on: an opaque text that only this server makes, for one key and one question.

It names the last row that was seen, by what the list is ordered by. What comes or goes meanwhile
moves nothing: no row is shown twice or passed over for another's sake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from itsdangerous import BadData

from central.errors import RequestError, wrong_field
from central.tokens import Secrets

PURPOSE: Final = "cursor"
LENGTH_MAX: Final = 1024
RIGHT: Final = "the `next` of this list's last page, with the same key and the same filters"


def made(secrets: Secrets, of: str, asked: Mapping[str, Any], place: list[Any]) -> str:
    """The cursor behind a row; `of` is whose list, `asked` what was asked for."""
    return secrets.serializer(PURPOSE).dumps([_question(secrets, of, asked), *place])


def read(secrets: Secrets, of: str, asked: Mapping[str, Any], text: str) -> list[Any]:
    """Behind which row a list goes on. Raises `RequestError` for a cursor that is damaged, another
    key's, or of another question."""
    try:
        question, *place = secrets.serializer(PURPOSE).loads(text)
    except (BadData, ValueError, TypeError) as error:
        raise _refused(text) from error
    if question != _question(secrets, of, asked):
        raise _refused(text)
    return list(place)


def _refused(text: str) -> RequestError:
    return wrong_field("cursor", text[:60], RIGHT)


def _question(secrets: Secrets, of: str, asked: Mapping[str, Any]) -> str:
    return secrets.mark(PURPOSE, f"{of} {json.dumps(asked, sort_keys=True)}")[:16]
