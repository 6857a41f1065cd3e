"""A cluster on this machine: `python -m central.cluster up`, and what is tried on it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click
import psycopg

from central.adapters import monotonic_s
from central.cluster import harm
from central.cluster.folder import Folder
from central.cluster.plan import ACCOUNT, FIRST_PORT
from central.cluster.processes import pause, running
from central.errors import CannotServeError
from central.pages.paths import HOME

if TYPE_CHECKING:
    from central.cluster.local import LocalCluster

PROGRAM = "python -m central.cluster"
END_WITHIN_S = 60.0
LOOK_S = 0.1


class _StoppedError(BaseException):
    """Somebody asked the cluster to end (SIGINT, SIGTERM, SIGHUP)."""


@click.group()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("build/cluster"),
    show_default=True,
    help="Where all of it lies.",
)
@click.pass_context
def cli(context: click.Context, folder: Path) -> None:
    """PostgreSQL with two standbys and two servers, all on this machine, to be tried."""
    context.obj = Folder(folder)


@cli.command()
@click.option("--fresh", is_flag=True, help="Forget what an earlier one left.")
@click.option(
    "--port",
    type=click.IntRange(1024, 65_400),
    default=FIRST_PORT,
    show_default=True,
    help="A new cluster takes ports that are free, from this one on.",
)
@click.pass_obj
def up(folder: Folder, fresh: bool, port: int) -> None:
    """Bring the cluster up, and run it until Ctrl-C."""
    # Only here: it brings all of the server, and the other commands are to answer at once.
    from central.cluster.local import LocalCluster

    with folder.alone(), _signals_raise():
        try:
            if fresh:
                folder.end_left_behind()
                folder.empty()
            with LocalCluster(folder, _say) as cluster:
                _say("The cluster comes up …")
                cluster.up(port)
                _tell(cluster)
                cluster.watch()
        except _StoppedError:
            _say("The cluster has ended; its data stays.")


@cli.command()
@click.option("--every", type=click.FloatRange(0.1, 3600), help="Again every so many seconds.")
@click.pass_obj
def status(folder: Folder, every: float | None) -> None:
    """How each part is."""
    while True:
        click.echo("\n".join(harm.status(folder)))
        if every is None:
            return
        pause(every)
        click.echo()


@cli.command("kill-primary")
@click.pass_obj
def kill_primary(folder: Folder) -> None:
    """Kill -9 the PostgreSQL that writes now."""
    click.echo(f"{harm.kill_primary(folder)} was the primary and is dead; see: {PROGRAM} status")


@cli.command("kill-server")
@click.argument("name", required=False)
@click.pass_obj
def kill_server(folder: Folder, name: str | None) -> None:
    """Kill -9 a server, the first one unless NAME says which."""
    click.echo(f"{harm.kill_server(folder, name)} is dead; it comes back by itself")


@cli.command()
@click.pass_obj
def upgrade(folder: Folder) -> None:
    """Migrate the tables, then start the servers again one after the other."""
    harm.upgrade(folder, click.echo)


@cli.command()
@click.pass_obj
def down(folder: Folder) -> None:
    """End the cluster, also one that was killed half way; its data stays."""
    whole = running(folder.running).get("")
    if folder.is_in_use() and whole is not None:
        whole.terminate()
        until_s = monotonic_s() + END_WITHIN_S
        while folder.is_in_use() and monotonic_s() < until_s:
            pause(LOOK_S)
    with folder.alone():
        folder.end_left_behind()
    click.echo("The cluster has ended; its data stays.")


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _tell(cluster: LocalCluster) -> None:
    """Where everything is, and what to try."""
    plan, folder = cluster.plan, cluster.folder
    is_balanced = cluster.programs.haproxy is not None
    first = plan.balancer_url if is_balanced else plan.server_urls[0]
    parts = f"{len(plan.databases)} PostgreSQL, {len(plan.databases)} etcd"
    parts += f", {len(plan.servers)} servers"
    parts += ", HAProxy" if is_balanced else " (no HAProxy is installed)"
    parts += ", Prometheus" if cluster.programs.prometheus else " (no Prometheus is installed)"
    settings = harm.settings_of(folder, plan)
    lines = [
        f"Running     {parts}",
        f"Pages       {first}{HOME}, {ACCOUNT} {plan.secrets.account}",
        f"Kiosks      {first if is_balanced else ' or '.join(plan.server_urls)}",
        f"Servers     {', '.join(plan.server_urls)}",
    ]
    if cluster.programs.prometheus is not None:
        lines.append(f"Prometheus  {plan.prometheus_url}")
    lines += [
        f"Commands    python -m central --config {settings} …",
        f"Logs        {folder.logs}",
        "Try         make run CLUSTER=1            the demo's kiosk, enrolled here",
        f"            {PROGRAM} status --every 1",
        f"            {PROGRAM} kill-primary",
        f"            {PROGRAM} kill-server",
        f"            {PROGRAM} upgrade",
        f"Stop        press Ctrl-C here (make cluster goes on with the data; {PROGRAM} up --fresh"
        " starts over)",
    ]
    _say("\n".join(lines))


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Make each signal that asks for the end go through every `finally`; a second one changes
    nothing."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise _StoppedError

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def entry() -> None:
    """The command line, with refusals as one sentence and exit code 2."""
    try:
        cli(prog_name=PROGRAM)
    except CannotServeError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except psycopg.Error as error:
        click.echo(f"the database cannot be used: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    entry()
