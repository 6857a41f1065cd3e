"""The server's command line: `python -m central …`."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import segno
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from central import (
    advisories,
    backup,
    plain_http,
    privacy,
    rotation,
    schema,
    viewed,
)
from central.adapters import SystemClock
from central.advisories import AdvisoriesError
from central.area_commands import area_group
from central.auth import BY_NAME_ALONE, Scope
from central.badge_commands import badge_group
from central.building import build
from central.carrier_commands import carrier_group
from central.console import BY
from central.console import write as _write
from central.context import Central
from central.database import is_postgresql, migrate_shared
from central.directory_commands import directory_group
from central.errors import CannotServeError, RequestError
from central.feed import writing
from central.feed_commands import feed_group, stream_command
from central.listening import listen, run
from central.locations import site_files
from central.locations.changes import describe
from central.locations.words import ACCESSIBILITY, SERVICES
from central.operators import accounts
from central.pages.paths import HOME
from central.region_commands import region_group
from central.release_commands import release_group
from central.releases import publishing
from central.report_commands import report_command
from central.rollout_commands import fleet_command, rollout_group
from central.sandbox.making import make
from central.settings import Settings, load, require_all_on_sqlite, roles_of
from central.sync import enrolment, signing, staff
from central.sync.staff_list import EVERYWHERE
from central.upgrade import next_steps, upgrade
from central.user_commands import user
from central.webhook_commands import webhook_group
from kiosk.model.carriers import OPERATOR
from kiosk.model.masking import log_to_stderr
from kiosk.model.person import NUMBER_DIGITS_MIN
from kiosk.model.urls import host as host_in_url


@click.group()
@click.option("--config", type=click.Path(path_type=Path), help="A TOML file of settings.")
@click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
@click.pass_context
def cli(context: click.Context, config: Path | None, data: Path | None) -> None:
    """The central server that parcel lockers sync with."""
    context.obj = load(config, data=data)


@cli.command("init")
@click.pass_obj
def init_command(settings: Settings) -> None:
    """Make a new server's database and key, if nothing of a server is there."""
    if is_postgresql(settings.url):
        migrate_shared(settings.url)
    build(settings, may_be_beside=True).database.close()
    click.echo(f"{settings.data}: ready. Keep a copy of {settings.key_path} elsewhere.")


@cli.command("migrate")
@click.pass_obj
def migrate_command(settings: Settings) -> None:
    """Bring the tables up to this version's, on PostgreSQL also while servers of the version before
    run."""
    if is_postgresql(settings.url):
        click.echo(f"The tables are at {migrate_shared(settings.url)}.")
        return
    # On SQLite each start does it.
    build(settings, may_be_new=False).database.close()
    click.echo("The tables are those of this version.")


@cli.command("upgrade")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the backup from before; backups in the data folder unless given.",
)
@click.pass_obj
def upgrade_command(settings: Settings, into: Path | None) -> None:
    """Bring a server up to this version: back up, migrate, look at everything, say what to start.

    On SQLite stop the server first; on PostgreSQL those of the version before go on.
    """
    done = upgrade(settings, into, SystemClock().now_ms(), click.echo)
    for sentence in next_steps(settings, done):
        click.echo(sentence)


@cli.command()
@click.option("--host", help="The address to listen on; loopback unless given.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 is a free one.")
@click.option("--role", help="What of api,worker,keeper this process does; all unless given.")
@click.pass_context
def serve(context: click.Context, host: str | None, port: int | None, role: str | None) -> None:
    """Run the server: API, messages, metrics."""
    settings: Settings = context.obj
    log_to_stderr("%(asctime)s %(name)s %(message)s", logging.INFO)
    changes = {"host": host, "port": port, "roles": None if role is None else roles_of(role)}
    settings = settings.model_copy(update={k: v for k, v in changes.items() if v is not None})
    require_all_on_sqlite(settings)
    sockets, settings = listen(settings)
    plain_http.require_none(settings, sockets)
    central = build(settings)
    from central.app import create_app  # routes and pages, without which commands start sooner

    app = create_app(central)
    _tell_where(settings, app.state.central, context.find_root().params["config"])
    run(app, settings, sockets)


def _tell_where(settings: Settings, central: Central, config: Path | None) -> None:
    """Where the server is, and how somebody comes to sign in, wherever the line is typed."""
    if "api" not in settings.roles:
        where = f"http://{host_in_url(settings.host)}:{settings.port}"
        click.echo(f"This process is {' and '.join(settings.roles)}; /readyz is at {where}")
        return
    click.echo(f"The server is at {settings.base_url}")
    click.echo(f"Operators sign in at {settings.base_url}{HOME}")
    if settings.watched_at:
        click.echo(f"/metrics and /readyz are at http://{settings.watched_at} alone")
    active = select(schema.user.c.id).where(schema.user.c.disabled_ms.is_(None)).limit(1)
    if central.database.submit(lambda connection: connection.execute(active).first()).result():
        return
    options = [] if config is None else ["--config", str(config.absolute())]
    options += ["--data", str(settings.data.absolute())]
    click.echo("Nobody can sign in yet. Make an account, also while the server runs:")
    click.echo(f"    python -m central {shlex.join(options)} user add EMAIL --role admin")


@cli.group()
def location() -> None:
    """Locations and their kiosks."""


@location.command("add")
@click.argument("name_id")
@click.option("--name", default="")
@click.option("--address", default="")
@click.option("--latitude", type=click.FloatRange(-90, 90))
@click.option("--longitude", type=click.FloatRange(-180, 180))
@click.option("--country", default="", help="Where national phone numbers belong to, like DE.")
@click.pass_obj
def location_add(
    settings: Settings,
    name_id: str,
    name: str,
    address: str,
    latitude: float | None,
    longitude: float | None,
    country: str,
) -> None:
    """Make location NAME_ID known; prints the token with which its kiosk enrols, once."""

    def add(connection: Connection, central: Central) -> str:
        enrolment.require_country(country)
        places = {"address": address, "latitude": latitude, "longitude": longitude}
        places["country"] = country
        now_ms = central.clock.now_ms()
        token = enrolment.add_location(connection, name_id, name, BY, now_ms, **places)
        return enrolment.printed(connection, central, token)

    _tell_token(settings, name_id, _write(settings, add))


@location.command("describe")
@click.argument("name_id")
@click.option("--directions", default="", help="How to find it.")
@click.option("--photo-url", default="", help="An https address of a picture.")
@click.option("--hours", default="", help="24/7, or as in Mo-Fr 08:00-20:00; Sa 09:00-13:00.")
@click.option("--accessibility", multiple=True, type=click.Choice(list(ACCESSIBILITY)))
@click.option("--service", "services", multiple=True, type=click.Choice(list(SERVICES)))
@click.pass_obj
def location_describe(
    settings: Settings,
    name_id: str,
    directions: str,
    photo_url: str,
    hours: str,
    accessibility: tuple[str, ...],
    services: tuple[str, ...],
) -> None:
    """Write down what check-outs show of location NAME_ID, in place of what was there."""

    def do(connection: Connection, central: Central) -> None:
        describe(
            connection,
            name_id,
            BY,
            central.clock.now_ms(),
            directions=directions,
            photo_url=photo_url,
            opening_hours=hours,
            accessibility=accessibility,
            services=services,
        )

    _write(settings, do)
    click.echo(f"{name_id}: written down")


@location.command("roll")
@click.argument("name_id")
@click.pass_obj
def location_roll(settings: Settings, name_id: str) -> None:
    """Print a new enrolment token for a location."""

    def roll(connection: Connection, central: Central) -> str:
        token = enrolment.roll(connection, name_id, BY, central.clock.now_ms())
        return enrolment.printed(connection, central, token)

    _tell_token(settings, name_id, _write(settings, roll))


@location.command("site-file")
@click.argument("name_id")
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.pass_obj
def location_site_file(settings: Settings, name_id: str, file: Path | None) -> None:
    """Keep FILE as the site file that the kiosk of location NAME_ID is given when it is set up;
    without FILE, print the one that is kept."""
    if file is None:
        kept = _write(settings, lambda connection, _: site_files.of_location(connection, name_id))
        if kept is None:
            raise RequestError(404, "no_site_file", f"no site file is kept for {name_id!r}")
        click.echo(kept.content, nl=False)
        return
    text = file.read_bytes().decode("utf-8-sig", "replace")
    _write(
        settings,
        lambda connection, central: site_files.keep(
            connection, name_id, text, BY, central.clock.now_ms()
        ),
    )
    click.echo(f"{name_id}: kept; the next kiosk that is set up here is given it")


@location.command("revoke")
@click.argument("name_id")
@click.pass_obj
def location_revoke(settings: Settings, name_id: str) -> None:
    """Listen to a location's kiosk no more, until it enrols again."""
    _write(
        settings,
        lambda connection, central: enrolment.revoke(
            connection, name_id, BY, central.clock.now_ms()
        ),
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


@cli.group("signing-key")
def signing_key() -> None:
    """The key that commands to kiosks are signed with."""


@signing_key.command("show")
@click.pass_obj
def signing_key_show(settings: Settings) -> None:
    """Print the key, and which one each enrolled kiosk trusts."""
    newest, known = _write(
        settings, lambda connection, central: signing.states(connection, central.secrets)
    )
    click.echo(newest)
    for location_id, public_key in known:
        click.echo(f"{location_id}	{'trusts it' if public_key == newest else public_key}")


@signing_key.command("rotate")
@click.pass_obj
def signing_key_rotate(settings: Settings) -> None:
    """Make a new key, and announce it to every enrolled kiosk, signed with the one before."""
    newest, count = _write(
        settings, lambda connection, central: signing.rotate(connection, central, BY)
    )
    click.echo(
        f"{newest}: announced to {count} kiosks. Make a backup now: it lies in the database."
    )
    click.echo("Enrolment tokens that were made before are of no use any more.")


cli.add_command(user)
cli.add_command(carrier_group)
cli.add_command(feed_group)
cli.add_command(stream_command)
cli.add_command(region_group)
cli.add_command(release_group)
cli.add_command(webhook_group)
cli.add_command(area_group)
cli.add_command(badge_group)
cli.add_command(directory_group)
cli.add_command(report_command)
cli.add_command(rollout_group)
cli.add_command(fleet_command)


@cli.group()
def key() -> None:
    """API keys of carriers and shops."""


@key.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice([s.value for s in Scope]))
@click.option("--rate", default=600, help="Requests a minute.")
@click.option("--carrier", default=OPERATOR, help="Whose key it is; the operator's unless given.")
@click.option("--sandbox", is_flag=True, help="With a simulated locker, and nothing real.")
@click.pass_obj
def key_add(
    settings: Settings,
    name: str,
    scopes: tuple[str, ...],
    rate: int,
    carrier: str,
    sandbox: bool,
) -> None:
    """Make an API key, with all scopes unless some are named, but for that of couriers' badges;
    prints it, once."""
    if sandbox:
        click.echo(
            _write(settings, lambda connection, central: make(connection, central, BY, name, rate))
        )
        return
    usual = [scope for scope in Scope if scope not in BY_NAME_ALONE]
    wanted = [Scope(scope) for scope in scopes] or usual
    token = _write(
        settings,
        lambda connection, central: accounts.add_key(
            connection, central, BY, name, wanted, rate, carrier
        ),
    )
    click.echo(token)


@cli.group("staff")
def staff_group() -> None:
    """Couriers and technicians, as all kiosks list them."""


@staff_group.command("add")
@click.argument("number")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(["courier", "technician"]), default="courier")
@click.option("--locations", default=EVERYWHERE, help="Ids with commas; * for all.")
@click.option(
    "--carriers", default=OPERATOR, help="Whom a courier serves: ids with commas, his own first."
)
@click.option("--pin", prompt=True, hide_input=True, confirmation_prompt=True)
@click.pass_obj
def staff_add(
    settings: Settings,
    number: str,
    name: str,
    role: str,
    locations: str,
    carriers: str,
    pin: str,
) -> None:
    """List somebody under a NUMBER, which is typed before the PIN: two digits, or as many as
    `central staff digits` says."""
    _write(
        settings,
        lambda connection, central: staff.add(
            connection, central, BY, number, name, role, pin, locations, carriers
        ),
    )
    click.echo(f"{number}: {role}")


@staff_group.command("digits")
@click.argument("digits", type=int)
@click.pass_obj
def staff_digits(settings: Settings, digits: int) -> None:
    """Have numbers of so many DIGITS, 2 to 12, at every kiosk; shorter ones begin with zeros."""
    older = _write(
        settings, lambda connection, central: staff.set_digits(connection, central, BY, digits)
    )
    click.echo(f"{digits} digits")
    if older and digits > NUMBER_DIGITS_MIN:
        click.echo(
            f"{older} kiosks have not said that they take more than 2: until they are updated,"
            " people with longer numbers are not let in there",
            err=True,
        )


@staff_group.command("badge")
@click.argument("number")
@click.pass_obj
def staff_badge(settings: Settings, number: str) -> None:
    """Give somebody a new badge; what its QR code says is shown only now."""
    text = _write(
        settings,
        lambda connection, central: staff.give_badge(connection, central, BY, number),
    )
    click.echo(text)
    if sys.stdout.isatty():
        segno.make(text, micro=False).terminal(compact=True)


@staff_group.command("remove")
@click.argument("number")
@click.pass_obj
def staff_remove(settings: Settings, number: str) -> None:
    """List somebody no more."""
    _write(settings, lambda connection, central: staff.remove(connection, central, BY, number))
    click.echo(f"{number}: removed")


@cli.group()
def person() -> None:
    """What is kept of a person, by their e-mail address or phone number."""


@person.command("export")
@click.argument("contact")
@click.pass_obj
def person_export(settings: Settings, contact: str) -> None:
    """Print everything that is kept of a person, as JSON."""

    def export(connection: Connection, central: Central) -> dict[str, Any]:
        kept = privacy.export(connection, contact)
        viewed.exported(connection, central, BY, kept)
        return kept

    kept = _write(settings, export)
    click.echo(json.dumps(kept, indent=2, ensure_ascii=False))


@person.command("erase")
@click.argument("contact")
@click.pass_obj
def person_erase(settings: Settings, contact: str) -> None:
    """Forget a person who has no package under way."""
    _write(settings, lambda connection, central: privacy.erase(connection, central, BY, contact))
    click.echo("Forgotten. Kiosks forget on their own, some days after the last package.")


@cli.command("rotate-key")
@click.pass_obj
def rotate_command(settings: Settings) -> None:
    """Seal what is personal with a new key, while no server runs."""
    rotation.rotate(settings)
    click.echo("Everything is sealed with a new key.")
    click.echo(f"Keep a copy of {settings.key_path} elsewhere. Older backups need the older key.")


@cli.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup_command(settings: Settings, file: Path) -> None:
    """Copy the database to FILE, also while the server runs. Keep the key file elsewhere."""
    size = backup.backup(settings, file)
    click.echo(f"{file}: {size / 1e6:.1f} MB, read through and sound.")
    click.echo(f"Without {settings.key_path} it is of no use: keep that elsewhere.")


@cli.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.pass_obj
def restore_command(settings: Settings, file: Path) -> None:
    """Put a backup in the database's place, while no server runs."""
    aside = backup.restore(settings, file, SystemClock().now_ms())
    # What a start does: whoever was forgotten since is forgotten again, before anybody looks.
    central = build(settings, may_be_new=False)
    central.database.submit(writing.begin_life_again).result()
    # Kiosks have seen newer signatures than those of the backup.
    central.database.submit(publishing.renew, central, at_once=True).result()
    central.database.close()
    click.echo("Restored. The kiosks send what is missing when they come next.")
    if aside is not None:
        click.echo(f"The database that was there is {aside}.")


@cli.command("advisories")
@click.argument("dump", type=click.Path(path_type=Path, exists=True))
@click.argument("locks", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
def advisories_command(dump: Path, locks: tuple[Path, ...]) -> None:
    """Hold LOCKS against DUMP, OSV's records for PyPI as a zip or folder; exit 1 if one matches.

    Nothing is asked of the network: carry the dump here.
    """
    found = advisories.audit(locks, dump)
    for vulnerability in found.vulnerabilities:
        click.echo(str(vulnerability))
    for source in found.unreadable:
        click.echo(f"{source}: this record cannot be read", err=True)
    click.echo(
        f"{found.packages} packages held against {found.advisories} advisories, the newest of"
        f" {found.newest or 'an unknown time'}: {len(found.vulnerabilities)} match."
    )
    if found.vulnerabilities:
        sys.exit(1)


def entry() -> None:
    """The command line, with refusals as one sentence and exit code 2."""
    try:
        cli(prog_name="central")
    except (AdvisoriesError, CannotServeError, RequestError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        click.echo(f"{place}{error.strerror or error}", err=True)
        sys.exit(2)
    except SQLAlchemyError as error:
        click.echo(f"the database cannot be used: {error}", err=True)
        sys.exit(2)
