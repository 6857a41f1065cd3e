"""The indexes that the lists of packages are read along.

Whose packages a key sees is said by the sender at the operator, and by the carrier elsewhere: of
each index there are two, and each row lies in one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Index, text

OPERATORS: Final = "carrier = 'operator'"
OTHERS: Final = "carrier <> 'operator'"
IN_A_DOOR: Final = "status IN ('STORED', 'EXPIRED')"
ORDERS: Final = {
    "known": ("known_ms", ""),
    "changed": ("changed_ms", ""),
    "due": ("hold_until_ms", f" AND {IN_A_DOOR}"),
}


def named() -> Iterator[tuple[str, list[str], str]]:
    """Each index: its name, its columns, its rows."""
    for whose, of in (("sender", OPERATORS), ("carrier", OTHERS)):
        for name, (order, more) in ORDERS.items():
            behind = ["status", order, "id"]
            yield f"ix_package_{whose}_{name}", [whose, *behind], of + more
            yield f"ix_package_{whose}_{name}_at", [whose, "location", *behind], of + more
        has_one = f"{of} AND reference IS NOT NULL"
        yield f"ix_package_{whose}_reference", [whose, "reference"], has_one


def indexes() -> list[Index]:
    """All of them, for the table."""
    return [
        Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))
        for name, columns, where in named()
    ]
