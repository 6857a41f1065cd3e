"""`central webhook …`: the receivers of carriers' webhooks, and what was sent to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import Connection

from central.carriers.visible import Visible
from central.console import BY, write
from central.context import Central
from central.settings import Settings
from central.webhooks import deliveries, endpoints
from central.webhooks.events import EVERYTHING
from kiosk.model.carriers import OPERATOR


@click.group("webhook")
def webhook_group() -> None:
    """Receivers of carriers, which are sent what happens to their packages."""


@webhook_group.command("add")
@click.argument("url")
@click.option("--carrier", default=OPERATOR, help="Whose; the operator's unless given.")
@click.option("--event", "events", multiple=True, help="As package.*; all unless some are named.")
@click.pass_obj
def add(settings: Settings, url: str, carrier: str, events: tuple[str, ...]) -> None:
    """Send what happens to a carrier's packages to URL; prints the secret, once."""

    def do(connection: Connection, central: Central) -> dict[str, Any]:
        whose = Visible(carrier, None)
        return endpoints.add(connection, central, BY, whose, url, events or (EVERYTHING,))

    _say_secret(write(settings, do))


def _say_secret(made: dict[str, Any]) -> None:
    click.echo(f"{made['id']}\tsecret {made['secret']}")
    click.echo(f"{made['id']}\tpublic key {made['public_keys'][0]}")


@webhook_group.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """One line per receiver: its id, whose, where, and whether something is sent there."""
    for row in write(settings, lambda connection, _central: endpoints.rows(connection)):
        state = "enabled" if row.disabled_ms is None else f"disabled: {row.disabled_why}"
        click.echo(f"{row.id}\t{row.carrier}\t{row.url}\t{state}")


@webhook_group.command("secret")
@click.argument("receiver")
@click.option("--keep-hours", default=endpoints.KEEP_HOURS, show_default=True)
@click.pass_obj
def secret(settings: Settings, receiver: str, keep_hours: int) -> None:
    """Give a RECEIVER a new secret; the one before signs as well for some hours."""

    def do(connection: Connection, central: Central) -> dict[str, Any]:
        return endpoints.rotate(connection, central, BY, receiver, None, keep_hours)

    _say_secret(write(settings, do))


def _change(settings: Settings, receiver: str, *, disabled: bool) -> None:
    def do(connection: Connection, central: Central) -> None:
        endpoints.change(connection, central, BY, receiver, None, disabled=disabled)

    write(settings, do)
    click.echo(f"{receiver}: {'disabled' if disabled else 'enabled'}")


@webhook_group.command("disable")
@click.argument("receiver")
@click.pass_obj
def disable(settings: Settings, receiver: str) -> None:
    """Send a RECEIVER nothing; what waits for it is given up."""
    _change(settings, receiver, disabled=True)


@webhook_group.command("enable")
@click.argument("receiver")
@click.pass_obj
def enable(settings: Settings, receiver: str) -> None:
    """Send a RECEIVER what happens from now on."""
    _change(settings, receiver, disabled=False)


@webhook_group.command("remove")
@click.argument("receiver")
@click.pass_obj
def remove(settings: Settings, receiver: str) -> None:
    """Send a RECEIVER nothing ever again."""
    write(
        settings,
        lambda connection, central: endpoints.remove(connection, central, BY, receiver, None),
    )
    click.echo(f"{receiver}: removed")


@webhook_group.command("test")
@click.argument("receiver")
@click.pass_obj
def test(settings: Settings, receiver: str) -> None:
    """Send a RECEIVER a test event."""
    id_ = write(
        settings,
        lambda connection, central: endpoints.try_out(connection, central, BY, receiver, None),
    )
    click.echo(f"{id_}: it goes out as soon as a server runs")


@webhook_group.command("log")
@click.argument("receiver")
@click.option("--status", type=click.Choice(list(deliveries.STATUSES)), default=None)
@click.pass_obj
def log(settings: Settings, receiver: str, status: str | None) -> None:
    """The newest webhooks of a RECEIVER: when, which, how often tried, what became of them."""

    def do(connection: Connection, _central: Central) -> list[Any]:
        return deliveries.listed(connection, endpoints.find(connection, receiver).id, status or "")

    for row in write(settings, do):
        at = datetime.fromtimestamp(row.created_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        click.echo(f"{row.id}\t{at}\t{row.kind}\t{row.status}\t{row.attempts}\t{row.error}")


@webhook_group.command("replay")
@click.argument("receiver")
@click.option("--webhook", help="The id of one.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    help="All that were written since then (UTC).",
)
@click.pass_obj
def replay(settings: Settings, receiver: str, webhook: str | None, since: datetime | None) -> None:
    """Send again what was given up for a RECEIVER: one, or all since a time."""
    if webhook is not None and since is None:
        name = webhook
        write(
            settings,
            lambda connection, central: deliveries.replay_one(
                connection, central, BY, receiver, None, name
            ),
        )
        click.echo("1 is sent again")
    elif since is not None and webhook is None:
        since_ms = int(since.replace(tzinfo=UTC).timestamp() * 1000)
        click.echo(f"{_replay_since(settings, receiver, since_ms)} are sent again")
    else:
        raise click.UsageError("--webhook or --since: one of the two")


def _replay_since(settings: Settings, receiver: str, since_ms: int) -> int:
    def bite(connection: Connection, central: Central) -> int:
        return deliveries.replay_since(connection, central, BY, receiver, None, since_ms)

    count = 0
    while found := write(settings, bite):
        count += found
    return count
