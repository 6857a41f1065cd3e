"""`central badge …`: carriers' keys, badges for couriers, what is revoked, codes of the day."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import segno
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from central.adapters import RNG, SystemClock
from central.badges import drawing, issuing, keys, revoking, site_codes
from central.badges.issuing import Issued, Wanted
from central.console import BY, write
from central.context import Central
from central.errors import CannotServeError
from central.settings import Settings
from kiosk.model.signed_badge import ID_BYTES, SignedBadge, UnfitBadgeError, sign
from kiosk.private_files import make_private

_UNTIL = click.option(
    "--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="A day or moment in UTC."
)


@click.group("badge")
def badge_group() -> None:
    """Couriers who are on no list: badges that their carrier's key signs, and codes of the day."""


@badge_group.command("key")
@click.argument("carrier")
@click.option("--public-key", default="", help="Of a carrier who keeps the private part: 64 hex.")
@click.option("--end", "ended", help="A public key that is to count no more: now, or --until.")
@_UNTIL
@click.option("--list", "is_list", is_flag=True, help="Only say which keys count.")
@click.pass_obj
def badge_key(
    settings: Settings,
    carrier: str,
    public_key: str,
    ended: str | None,
    until: datetime | None,
    is_list: bool,
) -> None:
    """Give CARRIER another key to sign badges with: made here, unless a public one is named. Print
    those that count."""

    def do(connection: Connection, central: Central) -> list[dict[str, Any]]:
        if ended is not None:
            keys.end(connection, central, BY, carrier, ended, _ms(until))
        elif not is_list:
            keys.add(connection, central, BY, carrier, public_key)
        return keys.rows(connection, carrier, central.clock.now_ms())

    for row in write(settings, do):
        until_ms = row["until_ms"]
        ends = "" if until_ms is None else f"\tuntil {drawing.moment(until_ms // 1000)}"
        signs = "\tsigns" if row["signs"] else ""
        click.echo(f"{row['public_key']}\tkept by the {row['kept_by']}{signs}{ends}")


@badge_group.command("issue")
@click.argument("carrier")
@click.argument("pseudonym")
@click.option("--days", type=click.FloatRange(0.01, 31), default=7, show_default=True)
@click.option("--location", "locations", multiple=True, help="Where it is good; else everywhere.")
@click.option("--region", "regions", multiple=True, help="Where it is good; else everywhere.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write a .png or .svg, too.")
@click.pass_obj
def badge_issue(
    settings: Settings,
    carrier: str,
    pseudonym: str,
    days: float,
    locations: tuple[str, ...],
    regions: tuple[str, ...],
    picture: Path | None,
) -> None:
    """Make a badge for the courier whom CARRIER calls PSEUDONYM; it is shown only now."""
    if picture is not None and picture.suffix not in (".png", ".svg"):
        raise click.UsageError(f"{picture}: name a file that ends with .png or .svg")

    def make(connection: Connection, central: Central) -> Issued:
        until_ms = central.clock.now_ms() + round(timedelta(days=days).total_seconds()) * 1000
        wanted = Wanted(carrier, pseudonym, None, until_ms, locations, regions)
        return issuing.issue(connection, central, BY, wanted)

    made = write(settings, make)
    click.echo(made.text)
    click.echo(f"{made.badge.id}\tuntil {drawing.moment(made.badge.until_s)} UTC", err=True)
    if picture is not None:
        is_png = picture.suffix == ".png"
        drawn = drawing.png(made.badge, made.text) if is_png else drawing.svg(made.text)
        picture.write_bytes(drawn)
    elif sys.stdout.isatty():
        segno.make_qr(made.text, error="m").terminal(compact=True)


@badge_group.command("revoke")
@click.argument("carrier")
@click.option("--badge", default="", help="A badge's text or its id.")
@click.option("--courier", "pseudonym", default="", help="All badges of whom the carrier calls so.")
@_UNTIL
@click.pass_obj
def badge_revoke(
    settings: Settings, carrier: str, badge: str, pseudonym: str, until: datetime | None
) -> None:
    """Have a badge of CARRIER, or all of a courier's, be good no more."""
    named = (badge, pseudonym, _ms(until))
    write(
        settings,
        lambda connection, central: revoking.revoke(connection, central, BY, carrier, *named),
    )
    click.echo(f"{badge[:16] or pseudonym}: revoked")


@badge_group.command("revoked")
@click.argument("carrier")
@click.option("--good-again", default="", help="One of them, by its number in front.")
@click.pass_obj
def badge_revoked(settings: Settings, carrier: str, good_again: str) -> None:
    """What CARRIER has revoked and has not ended."""

    def do(connection: Connection, central: Central) -> list[dict[str, Any]]:
        if good_again:
            revoking.take_back(connection, central, BY, carrier, good_again)
        return revoking.rows(connection, carrier, central.clock.now_ms())

    for row in write(settings, do):
        what = row["badge"] or f"courier {row['pseudonym']}"
        click.echo(f"{row['id']}\t{what}\tuntil {drawing.moment(row['until_ms'] // 1000)}")


@badge_group.command("codes")
@click.argument("carrier")
@click.argument("state", type=click.Choice(["on", "off"]))
@click.pass_obj
def badge_codes(settings: Settings, carrier: str, state: str) -> None:
    """Let CARRIER's couriers type the code of the day of each site, or let them no more."""
    write(
        settings,
        lambda connection, central: site_codes.allow(
            connection, central, BY, carrier, is_allowed=state == "on"
        ),
    )
    click.echo(f"{carrier}: codes of the day are {state}")


@badge_group.command("code")
@click.argument("carrier")
@click.argument("location")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Today unless given.")
@click.pass_obj
def badge_code(settings: Settings, carrier: str, location: str, day: datetime | None) -> None:
    """What CARRIER's couriers type at LOCATION today, or on another day."""
    given = write(
        settings,
        lambda connection, central: site_codes.code(
            connection, central, carrier, location, None if day is None else day.date()
        ),
    )
    click.echo(given.typed)


@badge_group.command("new-key")
@click.argument("file", type=click.Path(path_type=Path))
def badge_new_key(file: Path) -> None:
    """For a carrier who signs by itself: make a key in FILE, and print its public part."""
    key = Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    try:
        make_private(file)
    except OSError as error:
        raise CannotServeError(
            f"{file}: no key is made there ({error.strerror}); name a file that is not there yet"
        ) from error
    file.write_bytes(key.private_bytes(*form, serialization.NoEncryption()))
    click.echo(key.public_key().public_bytes_raw().hex())


@badge_group.command("sign")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.argument("carrier")
@click.argument("pseudonym")
@click.option("--days", type=click.FloatRange(0.01, 31), default=7, show_default=True)
@click.option("--location", "locations", multiple=True, help="Where it is good; else everywhere.")
@click.option("--region", "regions", multiple=True, help="Where it is good; else everywhere.")
def badge_sign(
    file: Path,
    carrier: str,
    pseudonym: str,
    days: float,
    locations: tuple[str, ...],
    regions: tuple[str, ...],
) -> None:
    """For a carrier who signs by itself: a badge signed with FILE's key. No server is asked."""
    now_s, badge_id = SystemClock().now_ms() // 1000, RNG.randbytes(ID_BYTES).hex()
    until_s = now_s + round(timedelta(days=days).total_seconds())
    places = (tuple(sorted(set(locations))), tuple(sorted(set(regions))))
    badge = SignedBadge(carrier, pseudonym, badge_id, now_s, until_s, *places)
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("it is of another kind")
    except (ValueError, TypeError) as error:
        raise CannotServeError(f"{file}: no Ed25519 key in PEM is in it: {error}") from error
    try:
        click.echo(sign(badge, key))
    except UnfitBadgeError as error:
        raise CannotServeError(str(error)) from error


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1000)
