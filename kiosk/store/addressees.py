"""Who packages are for that nobody announced: kept with the package, until the server has heard."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from random import Random

from kiosk.model import addressee
from kiosk.model.addressee import Addressee
from kiosk.model.person import Recipient
from kiosk.store import packages
from kiosk.store.errors import StoreError
from kiosk.store.writer import Writer


def keep(writer: Writer, location: str, package: str, said: Addressee, rng: Random) -> str | None:
    """Keep who a package is for, in the transaction that puts it in; the id of its recipient at
    this kiosk, None where nobody was named."""
    if not said.is_known:
        return None
    if writer.sealing is None:
        raise StoreError("the store was given no location key to seal personal fields with")
    writer.db.execute(
        "INSERT INTO addressee (package, said) VALUES (?, ?)"
        " ON CONFLICT (package) DO UPDATE SET said = excluded.said",
        (package, addressee.sealed(writer.sealing, said, location, package)),
    )
    recipient = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    packages.keep_person(writer, Recipient(recipient, phone=said.phone))
    return recipient


def unheard(writer: Writer, limit: int) -> list[tuple[str, str]]:
    """The packages of which the server has not heard whom they are for, with what was said,
    sealed."""
    rows = writer.all("SELECT package, said FROM addressee ORDER BY rowid LIMIT ?", (limit,))
    return [(row["package"], row["said"]) for row in rows]


def heard(writer: Writer, named: Iterable[str]) -> None:
    """The server has heard of these."""
    for package in named:
        forget(writer, package)


def forget(writer: Writer, package: str) -> None:
    """The server need not hear of this one any more."""
    writer.db.execute("DELETE FROM addressee WHERE package = ?", (package,))


def forget_finished(writer: Writer) -> None:
    """Of packages that have left nobody needs to hear any more."""
    writer.db.execute(
        "DELETE FROM addressee WHERE EXISTS (SELECT 1 FROM package"
        " WHERE id = addressee.package AND finished_ms IS NOT NULL AND slot IS NULL)"
    )
