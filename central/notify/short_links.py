"""Links for SMS, where each letter costs: ten signs that lead on to a person's own page.

The signs are made from the server's key, the package and the person, so that each message of a
package has the same. What is kept is a mark of them, made with the key again.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_letters, digits
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from central import schema
from central.context import Central
from central.database.bulk import insert_missing
from central.links import SHORT
from central.tokens import Secrets
from kiosk.model.urls import path

_SIGNS: Final = digits + ascii_letters
LENGTH: Final = 10
"""With 62 signs each that is 59 bits: nobody finds one by trying."""
_LED_TO = select(schema.short_link).where(schema.short_link.c.mark == bindparam("mark"))


def short_link_to(central: Central, package: str, recipient: str) -> str:
    """The short link of a package for this recipient; it leads somewhere once `keep` has it."""
    return f"{central.settings.base_url}{SHORT}{path(_token(central.secrets, package, recipient))}"


def keep(connection: Connection, central: Central, some: Iterable[Any]) -> None:
    """Let the short links of some messages lead to their packages."""
    if not central.settings.public_url:
        return
    now_ms, secrets = central.clock.now_ms(), central.secrets
    rows = {
        (each.package, each.recipient): {
            "mark": _mark(secrets, _token(secrets, each.package, each.recipient)),
            "package": each.package,
            "recipient": each.recipient,
            "created_ms": now_ms,
        }
        for each in some
        if each.package and each.recipient
    }
    if rows:
        insert_missing(connection, schema.short_link, list(rows.values()))


def led_to(connection: Connection, central: Central, token: str) -> Any:
    """The package and the recipient that a short link names; None where it leads nowhere."""
    return connection.execute(_LED_TO, {"mark": _mark(central.secrets, token)}).first()


def _token(secrets: Secrets, package: str, recipient: str) -> str:
    rest, signs = int(secrets.mark("short link", f"{package} {recipient}"), 16), ""
    for _ in range(LENGTH):
        rest, sign = divmod(rest, len(_SIGNS))
        signs += _SIGNS[sign]
    return signs


def _mark(secrets: Secrets, token: str) -> str:
    return secrets.mark("short link's mark", token)
