"""`central user …`: operators' accounts at the console, also for the last administrator who has
lost password or second factor."""

from __future__ import annotations

import click
from sqlalchemy import Connection

from central.areas.visible import EVERYWHERE, NETWORK, Grant
from central.auth import Role
from central.console import BY, write
from central.context import Central
from central.operators import accounts, factors, passwords
from central.pages import queries
from central.pages.paths import HOME
from central.settings import Settings
from kiosk.model.urls import path

AREA = click.option("--area", default=EVERYWHERE, help="In this area and all within it.")
ROLES = click.Choice([role.value for role in Role])


@click.group()
def user() -> None:
    """Operators."""


@user.command("add")
@click.argument("email")
@click.option("--name", default="")
@click.option("--role", type=ROLES, default="operator")
@AREA
@click.password_option()
@click.pass_obj
def add(settings: Settings, email: str, name: str, role: str, area: str, password: str) -> None:
    """Make an operator's account."""
    passwords.require(password)
    write(
        settings,
        lambda connection, central: accounts.add_user(
            connection, central, BY, email, name, Role(role), password, area
        ),
    )
    click.echo(f"{email}: {Grant(area, Role(role))}")


@user.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """One line per account: e-mail, its roles and where it has them, what it signs in by, how many
    sessions it has."""
    for row in write(
        settings, lambda connection, central: queries.accounts(connection, NETWORK, central)
    ):
        ways = [name for name in ("password", "app", "passkey", "provider") if row[f"has_{name}"]]
        state = "disabled" if row["disabled_ms"] is not None else ",".join(ways) or "nothing"
        roles = ",".join(map(str, row["grants"])) or "no role"
        click.echo(f"{row['email']}\t{roles}\t{state}\t{row['sessions']}")


@user.command("role")
@click.argument("email")
@click.argument("role", type=ROLES)
@AREA
@click.pass_obj
def role_command(settings: Settings, email: str, role: str, area: str) -> None:
    """Let an account do more or less, everywhere or in an area; its sessions end."""

    def do(connection: Connection, central: Central) -> None:
        account = accounts.known(connection, email)
        accounts.set_role(connection, central, BY, account, Role(role), area)

    write(settings, do)
    click.echo(f"{email}: {Grant(area, Role(role))}")


@user.command("take-role")
@click.argument("email")
@AREA
@click.pass_obj
def take_role_command(settings: Settings, email: str, area: str) -> None:
    """Take the role away that an account has everywhere, or right in an area; its sessions end."""

    def do(connection: Connection, central: Central) -> None:
        account = accounts.known(connection, email)
        accounts.take_role(connection, central, BY, account, area)

    write(settings, do)
    click.echo(f"{email}: no role {f'in {area}' if area else 'everywhere'} any more")


@user.command("password")
@click.argument("email")
@click.password_option()
@click.pass_obj
def password_command(settings: Settings, email: str, password: str) -> None:
    """Set an account's password; its sessions end."""
    passwords.require(password)

    def do(connection: Connection, central: Central) -> None:
        account = accounts.known(connection, email)
        password_hash = central.secrets.hash_password(password)
        passwords.change(connection, central, BY, account, password_hash)

    write(settings, do)
    click.echo(f"{email}: the password is set; the sessions have ended")


@user.command("link")
@click.argument("email")
@click.pass_obj
def link(settings: Settings, email: str) -> None:
    """Print a link with which the account's owner sets a new password, once."""

    def do(connection: Connection, central: Central) -> str:
        account = accounts.known(connection, email)
        return passwords.make_link(connection, central, BY, account)

    token = write(settings, do)
    click.echo(f"Good once, for {settings.sign_in.link_h} hours:")
    click.echo(f"    {settings.base_url}{HOME}{path('link', token)}")


@user.command("reset-factor")
@click.argument("email")
@click.pass_obj
def reset_factor(settings: Settings, email: str) -> None:
    """Take the second factors of somebody away who has lost them; the sessions end."""

    def do(connection: Connection, central: Central) -> None:
        account = accounts.known(connection, email)
        factors.reset(connection, central, BY, account)

    write(settings, do)
    click.echo(f"{email}: no second factor; where one must be had, the next sign-in sets one up")


@user.command("sign-out")
@click.argument("email")
@click.pass_obj
def sign_out(settings: Settings, email: str) -> None:
    """End all sessions of an account."""

    def do(connection: Connection, central: Central) -> int:
        account = accounts.known(connection, email)
        return accounts.sign_out_everywhere(connection, central, BY, account)

    click.echo(f"{email}: {write(settings, do)} sessions have ended")


@user.command("disable")
@click.argument("email")
@click.pass_obj
def disable(settings: Settings, email: str) -> None:
    """Let an account sign in no more; its sessions end."""

    def do(connection: Connection, central: Central) -> None:
        account = accounts.known(connection, email)
        accounts.disable_user(connection, central, BY, account)

    write(settings, do)
    click.echo(f"{email}: disabled")


@user.command("enable")
@click.argument("email")
@click.pass_obj
def enable(settings: Settings, email: str) -> None:
    """Let a disabled account sign in again."""

    def do(connection: Connection, central: Central) -> None:
        account = accounts.known(connection, email)
        accounts.enable_user(connection, central, BY, account)

    write(settings, do)
    click.echo(f"{email}: enabled")
