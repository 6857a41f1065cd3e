"""`central release …`: which releases of the kiosk's program may be fetched at this server.

What is genuine, the release maker's keys say (`python -m central.releases`); they are never here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import Connection, delete, select

from central import schema
from central.building import build
from central.console import BY, write
from central.context import Central, audit
from central.errors import RequestError
from central.releases import adding, files, publishing
from central.settings import Settings

_FILES = click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)


@click.group("release")
def release_group() -> None:
    """Releases of the kiosk's program that kiosks may fetch here."""


@release_group.command("key")
@click.option("--new", is_flag=True, help="Make another one, which the next root has to name.")
@click.pass_obj
def release_key(settings: Settings, new: bool) -> None:
    """Print this server's key, for a root of the release maker to name."""

    def key(connection: Connection, central: Central) -> str:
        make = publishing.make_key if new else publishing.online
        return make(connection, central, BY).public_key

    click.echo(write(settings, key))


@release_group.command("add")
@_FILES
@click.pass_obj
def release_add(settings: Settings, paths: tuple[Path, ...]) -> None:
    """Take in what the release maker has signed: FILES, or folders of them. On each server that
    shares a database."""
    central = build(settings, may_be_beside=True, may_be_new=False)
    try:
        added = adding.add(central, paths, BY)
    finally:
        central.database.close()
    for name in added.copied:
        click.echo(f"{name}: here")
    for name in added.deleted:
        click.echo(f"{name}: deleted, for nothing names it any more")
    click.echo(f"{added.signed} files are signed and can be fetched.")


@release_group.command("list")
@click.pass_obj
def release_list(settings: Settings) -> None:
    """One line per file of a release: version, Python, machine, megabytes, until when it is
    supported, whether the file is on this server's disk."""

    def rows(connection: Connection, _central: Central) -> list[str]:
        table = schema.release
        query = select(table).order_by(table.c.made_ms, table.c.version, table.c.python)
        return [_line(settings, row) for row in connection.execute(query)]

    for line in write(settings, rows):
        click.echo(line)


def _line(settings: Settings, row: object) -> str:
    values = row._mapping  # type: ignore[attr-defined]
    is_here = files.place_of(settings, values["file"], values["sha256"]).is_file()
    return "\t".join(
        (
            values["version"],
            values["python"],
            values["machine"],
            f"{values['size'] / 1e6:.1f} MB",
            _day(values["end_of_support_ms"]),
            "here" if is_here else "not on this disk",
        )
    )


def _day(at_ms: int | None) -> str:
    if at_ms is None:
        return "supported"
    return f"supported until {datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"


@release_group.command("remove")
@click.argument("version")
@click.pass_obj
def release_remove(settings: Settings, version: str) -> None:
    """Have no kiosk begin with VERSION any more, and delete its files here. It stays signed until
    the release maker signs a list without it."""

    def remove(connection: Connection, central: Central) -> list[tuple[str, str]]:
        table = schema.release
        is_it = table.c.version == version
        rows = connection.execute(select(table.c.file, table.c.sha256).where(is_it)).all()
        if not rows:
            raise RequestError(404, "not_found", f"there is no release {version}")
        connection.execute(delete(table).where(is_it))
        audit(connection, central.clock.now_ms(), BY, "releases.remove", version)
        return [(row.file, row.sha256) for row in rows]

    for name, digest in write(settings, remove):
        files.place_of(settings, name, digest).unlink(missing_ok=True)
        click.echo(f"{name}: removed")
