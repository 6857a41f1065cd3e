"""`kiosk …`: the command line."""

from __future__ import annotations

import asyncio
import base64
import csv
import json
import logging
import re
import secrets
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import click
import segno

from config import DEMO_SITE, ConfigError, Site, check_site, load_site
from kiosk import app, rehearsing, rescue
from kiosk.adapters import LocationKeyError, hash_pin, key_path
from kiosk.console import announcements, report
from kiosk.console.command_socket import ConsoleClient, ConsoleError
from kiosk.data_folder import was_newer_here
from kiosk.demo import demo
from kiosk.demo import text as text_demo
from kiosk.demo.processes import DemoError
from kiosk.engine import run_window
from kiosk.model.cells import safe_cell
from kiosk.model.masking import log_to_stderr
from kiosk.model.person import (
    Role,
    Staff,
    badge_text,
    is_new_pin_secret,
    is_staff_number,
    kept_number,
    new_badge_secret,
    secret_digits_wanted,
)
from kiosk.new_machine import NewMachine, is_new, require_set_up
from kiosk.private_files import is_open_to_others, make_private
from kiosk.retirement import RetireError
from kiosk.server_link import enrol_kiosk, transport_of
from kiosk.set_up_window import run_set_up_window
from kiosk.site_model import remarks, risks_of_guessing, with_kept_settings
from kiosk.store.errors import StoreError
from kiosk.store.exports import TABLES
from kiosk.sync.enrol import EnrolError
from kiosk.sync.journal_import import RecallError
from kiosk.ui.environment import NoDisplayError
from kiosk.vitals import version

EXIT_MISTAKE = 2
"""The exit code for what a person has to put right: a wrong file, a missing right."""
HEALTH_S = 15.0
SUPPORT_S = 200.0
"""How long a kiosk that runs has to answer."""
EXIT_FOUND = 1
"""The exit code of a check that found something wrong."""


class Geometry(click.ParamType[tuple[int, int, int, int]]):
    """A window's place: WIDTHxHEIGHT+LEFT+TOP."""

    name = "WxH+X+Y"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        found = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", value)
        if found is None:
            self.fail(f"{value!r} is no window's place; right is 540x960+0+0", param, ctx)
        width, height, left, top = (int(number) for number in found.groups())
        return width, height, left, top


def site_of(config: Path, data: Path) -> Site:
    """The site of a kiosk's data folder. Raises `ConfigError`."""
    return load_site(config, may_be_newer=was_newer_here(data))


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEMO_SITE,
    show_default="the demo site",
    help="The site file.",
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data/kiosk"),
    show_default=True,
    help="The folder with the database and the key.",
)


@click.group()
@click.version_option(version())
def main() -> None:
    """The parcel kiosk: the software a parcel locker runs on."""
    log_to_stderr("%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("kivy").setLevel(logging.WARNING)


@main.command()
@config_option
@data_option
@click.option("--geometry", type=Geometry(), help="An ordinary window instead of the whole panel.")
@click.option(
    "--set-up",
    "may_set_up",
    is_flag=True,
    help="Where no kiosk is yet, have one set up at the panel; --config is written then.",
)
def run(
    config: Path, data: Path, geometry: tuple[int, int, int, int] | None, may_set_up: bool
) -> None:
    """Run the kiosk in its window."""
    if may_set_up and is_new(config, data):
        run_set_up(config, data, geometry)
    require_set_up(data)
    site = with_kept_settings(site_of(config, data), data)
    # What is wrong with a kiosk's folder stands on its screen; that there is no kiosk, here.
    app.require_kiosk(site, data)
    try:
        sys.exit(run_window(site, data, geometry, config))
    except NoDisplayError as error:
        click.echo(str(error), err=True)
        with app.own_console_server(site, data):
            sys.exit(EXIT_MISTAKE)


def run_set_up(config: Path, data: Path, geometry: tuple[int, int, int, int] | None) -> NoReturn:
    """Have the kiosk set up at its panel; then this program begins again, as that kiosk."""
    try:
        sys.exit(run_set_up_window(NewMachine(config, data), geometry))
    except NoDisplayError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_MISTAKE)


@main.command()
@data_option
@click.argument("file", type=click.Path(path_type=Path))
def check(data: Path, file: Path) -> None:
    """Check a site FILE: every mistake at once, with what would be right. And who may read it, and
    the key in the data folder."""
    mistakes = check_site(file)
    for mistake in mistakes:
        click.echo(str(mistake), err=True)
    if mistakes:
        sys.exit(EXIT_MISTAKE)
    site = load_site(file)
    transport = transport_of(site, data)
    for url in transport.urls:
        transport.require_safe(url)
    click.echo(f"{file}: no mistakes")
    for sentence in (*risks_of_guessing(site), *remarks(site), *_remarks_on_rights(file, data)):
        click.echo(sentence)


def _remarks_on_rights(file: Path, data: Path) -> Iterator[str]:
    """What somebody else than its owner may read and should not."""
    if is_open_to_others(file):
        yield f"{file}: others may read it, and PIN hashes are in it; run: chmod 600 {file}"
    if is_open_to_others(data):
        yield f"{data}: others may enter the data folder; run: chmod 700 {data}"
    key = key_path(data)
    if is_open_to_others(key):
        yield f"{key}: others may read the key, and no kiosk starts so; run: chmod 600 {key}"


@main.command()
@config_option
@data_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def announce(config: Path, data: Path, file: Path) -> None:
    """Expect the packages in FILE (CSV: barcode,size,name,phone); the kiosk must not run."""
    site = site_of(config, data)
    read = announcements.read_announcements(file, site)
    if not (read.expected or read.results):
        raise app.CannotRunError(f"{file}: {announcements.summary([])}")
    results = [*announcements.announce_lines(site, data, read.expected), *read.results]
    for each in sorted(results, key=lambda each: each.line):
        click.echo(str(each), err=each.outcome is announcements.Outcome.REFUSED)
    if read.unknown:
        click.echo(f"not used: column {', '.join(read.unknown)}")
    click.echo(announcements.summary(results))
    if any(each.outcome is announcements.Outcome.REFUSED for each in results):
        sys.exit(EXIT_MISTAKE)


# --- the console: beside the running kiosk, or with none ----------------------------------------


def console_of(config: Path, data: Path) -> ConsoleClient:
    """How the commands below reach the kiosk."""
    return ConsoleClient(data, lambda: app.own_console_server(site_of(config, data), data))


@main.command()
@config_option
@data_option
@click.argument("package")
def code(config: Path, data: Path, package: str) -> None:
    """Say the pickup code of a PACKAGE, by its id or barcode."""
    with console_of(config, data) as console:
        shown = console.ask("code", package=package)
    click.echo(f"{shown['code']}  slot {shown['slot']}, {shown['status']}, {shown['qr']}")


@main.command()
@config_option
@data_option
def verify(config: Path, data: Path) -> None:
    """Follow the journal's chain from its first event; exit 1 when it is not whole."""
    with console_of(config, data) as console:
        found = console.ask("verify")
    if found["problem"]:
        click.echo(found["problem"], err=True)
        sys.exit(EXIT_FOUND)
    click.echo(f"{found['events']} events, the chain is whole; {found['epoch']} {found['head']}")


def running_console(data: Path, answer_s: float) -> ConsoleClient:
    """How a command reaches the kiosk that is of use for a running one alone."""

    def nobody() -> NoReturn:
        raise ConsoleError(f"no kiosk runs with the data folder {data}")

    return ConsoleClient(data, nobody, answer_s)


@main.command()
@config_option
@data_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def support(config: Path, data: Path, file: Path) -> None:
    """Write one FILE (ZIP) for whoever looks for a fault; nobody is in it. Also where no kiosk
    runs, or the one that runs does not answer."""
    try:
        with running_console(data, SUPPORT_S) as console:
            made = base64.b64decode(console.ask("support")["file"])
    except ConsoleError as error:
        click.echo(f"{error}: it is made without the kiosk", err=True)
        made = asyncio.run(app.support_without_kiosk(site_of(config, data), data, str(error)))
    make_private(file)
    file.write_bytes(made)
    click.echo(f"{file}: {len(made)} bytes")


@main.command()
@data_option
def health(data: Path) -> None:
    """Say how the running kiosk is, as a line of JSON; exit 1 when it is not well."""

    with running_console(data, HEALTH_S) as console:
        found = console.ask("health")
    click.echo(json.dumps(found))
    if not found["is_well"]:
        sys.exit(EXIT_FOUND)


@main.command()
@config_option
@data_option
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv")
@click.option("--table", type=click.Choice(list(TABLES)), default="packages", show_default=True)
@click.option("--personal", is_flag=True, help="With recipients' names and numbers.")
def export(config: Path, data: Path, form: str, table: str, personal: bool) -> None:
    """Print a whole table."""
    with console_of(config, data) as console:
        print_rows(form, exported_rows(console, table, personal))


@main.command("report")
@config_option
@data_option
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table")
@click.option(
    "--from-counters",
    "snapshot",
    type=click.Path(path_type=Path),
    help="Count from an earlier report (JSON) on, not from the beginning.",
)
def report_command(config: Path, data: Path, form: str, snapshot: Path | None) -> None:
    """Print what happened here: packages, utilisation, pickup times, faults."""
    before = report.read_snapshot(snapshot) if snapshot else {}
    with console_of(config, data) as console:
        found = console.ask("report")
    figures = report.lines(report.since(found["counters"], before))
    click.echo(report.as_text(form, found, figures))


@main.command("rehearse")
@config_option
@data_option
@click.option("--own-screen", is_flag=True, hidden=True)
def rehearse_command(config: Path, data: Path, own_screen: bool) -> None:
    """Try this release on a COPY of a kiosk's data folder: the database, the journal's chain, the
    site file, the first screen."""
    site = with_kept_settings(site_of(config, data), data)
    if own_screen:
        rehearsing.require_own_screen(site, data)
        return
    click.echo(rehearsing.rehearse(site, data, config))


@main.command("backup")
@config_option
@data_option
def backup_command(config: Path, data: Path) -> None:
    """Copy the database to the site's backup folder, and check the copy."""
    with console_of(config, data) as console:
        made = console.ask("backup")
    click.echo(f"{made['file']}: {made['size_bytes']} bytes, sound")


@main.command()
@config_option
@data_option
@click.argument("url")
@click.argument("token")
@click.option("--at-older-server", is_flag=True, help="It is of 0.2: send it the key as it is.")
def enrol(config: Path, data: Path, url: str, token: str, at_older_server: bool) -> None:
    """Make this kiosk known to the central server at URL, with its one-time TOKEN."""
    enrol_kiosk(site_of(config, data), data, url, token, at_older_server=at_older_server)
    click.echo(f"enrolled at {url}; the kiosk syncs from its next start on")


@main.command()
@config_option
@data_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--without-server", is_flag=True, help="Ask no server: every slot is in doubt then.")
@click.option("--without-centre", "without_server", is_flag=True, hidden=True)
@click.option(
    "--ran-offline",
    is_flag=True,
    help="It ran on after the server last heard of it: every slot is in doubt then.",
)
def restore(config: Path, data: Path, file: Path, without_server: bool, ran_offline: bool) -> None:
    """Put the backup FILE in the database's place; the kiosk must not run.

    An enrolled kiosk takes back from its server what happened since the backup.
    """
    doubt = "the kiosk ran on where the server did not hear it" if ran_offline else ""
    transport = transport_of(site_of(config, data), data)
    restored = app.restore(
        data, file, with_server=not without_server, doubt=doubt, transport=transport
    )
    if restored.aside is not None:
        click.echo(f"the database from before is {restored.aside}")
    if restored.heard_ms is not None:
        heard = datetime.fromtimestamp(restored.heard_ms / 1000).astimezone()
        click.echo(
            f"the server gave {restored.taken_back} newer events back;"
            f" it last heard of this kiosk on {heard:%Y-%m-%d at %H:%M:%S %Z}"
        )
    if restored.doubt:
        click.echo(
            f"restored; all {restored.slots} slots are in doubt until somebody has looked inside:"
            f" {restored.doubt}"
        )
        return
    click.echo(f"restored; {restored.slots} slots are in doubt, as they were or in mid-opening")
    click.echo("Did it run on after that without network? Then restore again with --ran-offline.")


@main.command("rescue")
@config_option
@data_option
@click.argument("backup", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--key", type=click.Path(path_type=Path, exists=True), help="Its location.key.")
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="[OLD=]NEW",
    help="Where the boards' cable is on this computer.",
)
@click.option(
    "--server", type=(str, str), metavar="URL TOKEN", help="Enrol there with a new token."
)
@click.option("--only-send", is_flag=True, help="Open nothing: send the server the journal.")
def rescue_command(
    config: Path,
    data: Path,
    backup: Path | None,
    key: Path | None,
    ports: tuple[str, ...],
    server: tuple[str, str] | None,
    only_send: bool,
) -> None:
    """Empty the locker of a machine that is dead, from another computer: in a new --data folder,
    with a BACKUP and its key; without BACKUP go on with a rescue that has begun."""
    site = rescue.on_laptop(with_kept_settings(site_of(config, data), data), ports)
    if backup is not None:
        restored = rescue.begin(site, data, backup, key, server)
        click.echo(restored.doubt or "What is inside is known.")
        server = None
    app.require_kiosk(site, data)
    if not only_send:
        left = rescue.run(site, data, click.echo, rescue.from_terminal)
        for slot, package in left.items():
            click.echo(f"still inside: door {slot}, package {package}")
    if rescue.send(site, data, server):
        click.echo("The server was sent all that it was reached for.")
    else:
        click.echo("Later, with a network: kiosk rescue --only-send --server URL TOKEN")


@main.command()
@config_option
@data_option
@click.option("--force", is_flag=True, help="Also with packages inside: nobody knows whose then.")
@click.option("--without-server", is_flag=True, help="Without its server, which is not reached.")
@click.confirmation_option(prompt="Wipe all that this machine knows, for good?")
def retire(config: Path, data: Path, force: bool, without_server: bool) -> None:
    """Take this machine out of service for good: notify its server, and wipe database, keys and
    backups. The kiosk must not run. Stopped in the middle, the same command goes on."""
    done = app.retire(site_of(config, data), data, is_forced=force, with_server=not without_server)
    click.echo(f"retired; {done.wiped} files were overwritten and removed")
    if without_server:
        click.echo("The server knows nothing of it: there, central location revoke.")
    click.echo("What nobody can wipe from here:")
    for each in done.beyond:
        click.echo(f"- {each}")
    for each in done.left:
        click.echo(f"not wiped: {each}", err=True)
    if done.left:
        sys.exit(EXIT_FOUND)


@main.command()
@config_option
@data_option
@click.option(
    "--technician",
    type=(str, str),
    metavar="NUMBER NAME",
    required=True,
    help="The first technician: a number of two to twelve digits, and a name.",
)
@click.option("--pin-stdin", is_flag=True, help="Read the PIN's secret digits from a line.")
def init(config: Path, data: Path, technician: tuple[str, str], pin_stdin: bool) -> None:
    """Make a new kiosk: its data folder, its key, its database, its first technician."""
    number, name = technician
    require_number(number)
    site = load_site(config)
    if pin_stdin:
        secret = sys.stdin.readline().strip()
    else:
        asked = f"Secret digits of {name}'s PIN, which follow {number}"
        secret = click.prompt(asked, hide_input=True, confirmation_prompt=True)
    secret_hash = hash_pin(require_secret(secret, Role.TECHNICIAN))
    person = Staff(kept_number(number), name, Role.TECHNICIAN, secret_hash)
    key = app.init(site, data, person, digits=len(number))
    click.echo(f"{data} is ready. Keep a copy of {key} in a safe place: without it no code opens.")


def require_number(number: str) -> None:
    if not is_staff_number(number):
        raise click.UsageError(f"{number!r} is no staff number; right are 2 to 12 digits, like 99")


def require_secret(secret: str, role: Role) -> str:
    """The secret digits of a new PIN, if that is what they are."""
    if not is_new_pin_secret(secret, role):
        wanted = secret_digits_wanted(role)
        raise click.UsageError(f"the secret digits of a {role.value}'s PIN are {wanted}")
    return secret


def exported_rows(
    console: ConsoleClient, table: str, personal: bool
) -> Iterator[dict[str, object]]:
    """Every row of a table, page after page."""
    after: int | None = 0
    while after is not None:
        page = console.ask("export", table=table, after=after, personal=personal)
        yield from page["rows"]
        after = page["next"]


def print_rows(form: str, rows: Iterator[dict[str, object]]) -> None:
    """Print rows as they come, however many there are."""
    if form == "csv":
        writer = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(sys.stdout, list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow({name: safe_cell(value) for name, value in row.items()})
        return
    before = "[\n"
    for row in rows:
        click.echo(before + json.dumps(row, ensure_ascii=False), nl=False)
        before = ",\n"
    click.echo("[]" if before == "[\n" else "\n]")


# --- making and playing --------------------------------------------------------------------------


@main.command()
@click.option(
    "--role",
    type=click.Choice([each.value for each in Role]),
    default=Role.TECHNICIAN.value,
    show_default=True,
    help="Whose PIN it will be: a technician's has six digits.",
)
@click.password_option("--secret", help="The PIN's digits after the staff number.")
def pin(role: str, secret: str) -> None:
    """Print the hash of a PIN's secret digits, and how many they are, for [[staff]] in the site
    file."""
    click.echo(f'pin_hash = "{hash_pin(require_secret(secret, Role(role)))}"')
    click.echo(f"pin_digits = {len(secret)}")


@main.command()
@click.argument("number")
@click.option("--png", type=click.Path(path_type=Path), help="Also draw its QR code here.")
def badge(number: str, png: Path | None) -> None:
    """Make a badge for the staff member with this NUMBER: the text of its QR code, which is shown
    only now, and the hash for [[staff]] in the site file."""
    require_number(number)
    secret = new_badge_secret(secrets.SystemRandom())
    text = badge_text(kept_number(number), secret)
    code = segno.make(text, micro=False)
    # First, as a badge whose hash is not shown below is of no use.
    if png is not None:
        try:
            code.save(str(png), kind="png", scale=12, border=4)
        except OSError as error:
            raise OSError(
                error.errno, error.strerror, str(png)
            ) from error  # a full disk has no name
    click.echo(f"{text}\n")
    if sys.stdout.isatty():
        code.terminal(compact=True)
    click.echo(f'badge_hash = "{hash_pin(secret)}"')


@main.command("demo")
@click.option("--window", is_flag=True, help="In windows, to play with, instead of as text.")
@click.option("--fresh", is_flag=True, help="Start the demo over.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data/demo"),
    show_default=True,
    help="The demo's data folder.",
)
@click.option(
    "--cluster",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of a running cluster, at which the kiosk enrols.",
)
def demo_command(window: bool, fresh: bool, data: Path, cluster: Path | None) -> None:
    """Play the main job against a simulated locker bank."""
    sys.exit(demo.run_window_demo(fresh, data, cluster) if window else text_demo.run_text_demo())


def entry() -> None:
    """Run the command line; what a person has to put right is one message and exit 2."""
    try:
        main()
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_MISTAKE)
    except (
        app.CannotRunError,
        DemoError,
        StoreError,
        LocationKeyError,
        ConsoleError,
        EnrolError,
        RetireError,
        RecallError,
        rescue.RescueError,
        report.SnapshotError,
    ) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_MISTAKE)
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        click.echo(f"{place}{error.strerror or error}", err=True)
        sys.exit(EXIT_MISTAKE)
