"""The server's command line: `python -m central …`."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import segno
import uvicorn
from sqlalchemy import Connection, insert, select

from central import schema
from central.adapters import new_id
from central.app import build, create_app
from central.auth import Role, Scope
from central.errors import CannotServeError, RequestError
from central.parts import Central, audit
from central.secrets import new_token, token_hash
from central.settings import Settings, load
from central.sync import service

T = TypeVar("T")
BY = "command line"


@click.group()
@click.option("--config", type=click.Path(path_type=Path), help="A TOML file of settings.")
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
@click.pass_context
def cli(context: click.Context, config: Path | None, data: Path | None) -> None:
    """The central server that parcel lockers sync with."""
    context.obj = load(config, data=data)


@cli.command()
@click.option("--host", help="The address to listen on; loopback unless told otherwise.")
@click.option("--port", type=int)
@click.pass_obj
def serve(settings: Settings, host: str | None, port: int | None) -> None:
    """Run the server: API, messages, metrics."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    changes = {"host": host, "port": port}
    settings = settings.model_copy(update={k: v for k, v in changes.items() if v is not None})
    app = create_app(build(settings))
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning", lifespan="on")


def _write(settings: Settings, operation: Callable[[Connection, Central], T]) -> T:
    """Run one operation on the database of a server that does not run."""
    central = build(settings)
    try:
        return central.database.submit(operation, central).result()
    finally:
        central.database.close()


@cli.group()
def location() -> None:
    """Locations and their kiosks."""


@location.command("add")
@click.argument("name_id")
@click.option("--name", default="")
@click.option("--address", default="")
@click.option("--latitude", type=click.FloatRange(-90, 90))
@click.option("--longitude", type=click.FloatRange(-180, 180))
@click.pass_obj
def location_add(
    settings: Settings,
    name_id: str,
    name: str,
    address: str,
    latitude: float | None,
    longitude: float | None,
) -> None:
    """Make location NAME_ID known; prints the token with which its kiosk enrols, once."""

    def add(connection: Connection, central: Central) -> str:
        places = {"address": address, "latitude": latitude, "longitude": longitude}
        now_ms = central.clock.now_ms()
        return service.add_location(connection, name_id, name, BY, now_ms, **places)

    _tell_token(settings, name_id, _write(settings, add))


@location.command("roll")
@click.argument("name_id")
@click.pass_obj
def location_roll(settings: Settings, name_id: str) -> None:
    """Print a new enrolment token for a location."""

    def roll(connection: Connection, central: Central) -> str:
        return service.roll(connection, name_id, BY, central.clock.now_ms())

    _tell_token(settings, name_id, _write(settings, roll))


@location.command("revoke")
@click.argument("name_id")
@click.pass_obj
def location_revoke(settings: Settings, name_id: str) -> None:
    """Listen to a location's kiosk no more, until it enrols anew."""
    _write(
        settings,
        lambda connection, central: service.revoke(connection, name_id, BY, central.clock.now_ms()),
    )
    click.echo(f"{name_id}: revoked")


@location.command("list")
@click.pass_obj
def location_list(settings: Settings) -> None:
    """One line per location."""

    def listed(connection: Connection, _central: Central) -> list[str]:
        table = schema.location
        return [
            f"{row.id}\t{row.name}\t{'enrolled' if row.token_hash else 'not enrolled'}"
            for row in connection.execute(select(table).order_by(table.c.id))
        ]

    for line in _write(settings, listed):
        click.echo(line)


def _tell_token(settings: Settings, location_id: str, token: str) -> None:
    click.echo(f"Location {location_id}. On its kiosk, within 7 days:\n")
    click.echo(f"    kiosk enrol {settings.base_url} {token}\n")
    if sys.stdout.isatty():
        segno.make(f"{settings.base_url} {token}").terminal(compact=True)


@cli.group()
def user() -> None:
    """Operators."""


@user.command("add")
@click.argument("email")
@click.option("--name", default="")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="operator")
@click.password_option()
@click.pass_obj
def user_add(settings: Settings, email: str, name: str, role: str, password: str) -> None:
    """Make an operator's account."""
    if len(password) < 10:
        raise click.ClickException("the password is too short: 10 characters at least")

    def add(connection: Connection, central: Central) -> None:
        table = schema.user
        if connection.execute(select(table.c.id).where(table.c.email == email)).first():
            raise RequestError(409, "exists", f"there is an account {email!r} already")
        now_ms = central.clock.now_ms()
        connection.execute(
            insert(table).values(
                id=new_id(),
                email=email,
                name=name,
                role=role,
                password_hash=central.secrets.hash_password(password),
                created_ms=now_ms,
            )
        )
        audit(connection, now_ms, BY, "user.add", email, role=role)

    _write(settings, add)
    click.echo(f"{email}: {role}")


@cli.group()
def key() -> None:
    """API keys of carriers and shops."""


@key.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice([s.value for s in Scope]))
@click.option("--rate", default=600, help="Requests a minute.")
@click.pass_obj
def key_add(settings: Settings, name: str, scopes: tuple[str, ...], rate: int) -> None:
    """Make an API key, with all scopes unless some are named; prints it, once."""
    token = _write(
        settings, lambda connection, central: add_key(connection, central, name, scopes, rate)
    )
    click.echo(token)


def add_key(
    connection: Connection, central: Central, name: str, scopes: tuple[str, ...], rate: int
) -> str:
    """Make an API key; returns it, of which only a hash is kept."""
    token, now_ms = new_token("key"), central.clock.now_ms()
    connection.execute(
        insert(schema.api_key).values(
            id=new_id(),
            name=name,
            key_hash=token_hash(token),
            scopes=json.dumps(list(scopes) or [scope.value for scope in Scope]),
            rate_per_min=rate,
            created_ms=now_ms,
        )
    )
    audit(connection, now_ms, BY, "key.add", name)
    return token


def entry() -> None:
    """The command line, with refusals as one sentence and exit code 2."""
    try:
        cli(prog_name="central")
    except (CannotServeError, RequestError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    entry()
