"""Which files a release has, and whether there is one for a kiosk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from central import kept
from central.releases.tables import release as release_table

NO_KEEPER: Final = "its kiosk says of no releases: nobody keeps them there"


def files_of(connection: Connection, release: str) -> dict[str, str]:
    """The files of a release: what each should be, by platform."""
    table = release_table
    query = select(table.c.python, table.c.machine, table.c.sha256)
    rows = connection.execute(query.where(table.c.version == release))
    return {f"{row.python}-{row.machine}": row.sha256 for row in rows}


def why_not(status: str, release: str, files: Mapping[str, str]) -> str:
    """Why a kiosk with this status cannot be asked; "" where it can."""
    said = kept.status_of(status).get("release")
    if not isinstance(said, dict):
        return NO_KEEPER
    platform = f"{said.get('python', '')}-{said.get('machine', '')}"
    if platform not in files:
        return f"release {release} has no file for {platform}"
    return ""
