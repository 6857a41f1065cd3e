"""`central rollout …` and `central fleet`: releases let out in rings, at the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from central.areas.visible import EVERYWHERE, NETWORK
from central.console import BY, write
from central.context import Central
from central.errors import wrong_field
from central.rollouts import changes, fleet, reading, vulnerable
from central.rollouts.changes import Who
from central.rollouts.planning import HOUR_S, Plan
from central.settings import Settings

CONSOLE = Who(BY, NETWORK)
WHY = click.option("--why", default="", help="Written into the audit log.")
YES = click.option("--yes", is_flag=True, help="Do not ask first.")


@click.group("rollout")
def rollout_group() -> None:
    """Releases of the kiosks' program, let out in rings."""


@rollout_group.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """One line per rollout, the newest first: id, release, state, how many locations are how
    far."""

    def listed(connection: Connection, central: Central) -> list[Any]:
        return reading.rollouts(connection, NETWORK, central.clock.now_ms(), central.settings)

    for row in write(settings, listed):
        click.echo(f"{row['id']}\t{row['release']}\t{row['state']}\t{_in_words(row['all'])}")


@rollout_group.command("show")
@click.argument("rollout")
@click.option("--standing", default="", help="Name the locations that are so far, as WENT_BACK.")
@click.option("--after", default="", help="Only those behind this id.")
@click.pass_obj
def show(settings: Settings, rollout: str, standing: str, after: str) -> None:
    """How far a rollout is: a line per ring, then the locations that are asked for."""

    def found(connection: Connection, central: Central) -> tuple[Any, list[Any]]:
        now_ms = central.clock.now_ms()
        row = reading.one(connection, NETWORK, rollout, now_ms, settings)
        rows: list[Any] = []
        if standing:
            rows = reading.locations(
                connection, NETWORK, rollout, now_ms, settings, standing, after
            )
        return row, rows

    row, rows = write(settings, found)
    click.echo(f"{row['release']}\t{row['state']}\t{row['halted_why']}")
    for ring in row["rings"]:
        state = "not open" if ring["opened_ms"] is None else "open"
        state = state if ring["passed_ms"] is None else "passed"
        click.echo(f"{ring['name']}\t{state}\t{_in_words(ring['counts'])}")
    for each in rows[: reading.SHOWN]:
        click.echo(f"{each['location']}\t{each['standing']}\t{each['why']}")
    if len(rows) > reading.SHOWN:
        click.echo(f"more: --after {rows[reading.SHOWN - 1]['location']}", err=True)


@rollout_group.command("start")
@click.argument("release")
@click.option("--canary", "canaries", multiple=True, required=True, help="Who goes first: 1 to 3.")
@click.option("--area", default=EVERYWHERE, help="Only the locations in this area.")
@click.option("--rings", default="5,25,100", help="Rising per cent of the locations.")
@click.option("--soak-h", default=24.0, help="Hours between enough confirmed and the next ring.")
@click.option("--deadline-h", default=48.0, help="Hours by when something is to have come of it.")
@click.option("--jitter-h", default=1.0, help="Hours over which a ring is asked.")
@click.option("--failures", default=1.0, help="Per cent of a ring that may fail; of canaries none.")
@click.option("--enough", default=90, help="Per cent of a ring that are to be confirmed.")
@YES
@click.pass_obj
def start(
    settings: Settings,
    release: str,
    canaries: tuple[str, ...],
    area: str,
    rings: str,
    soak_h: float,
    deadline_h: float,
    jitter_h: float,
    failures: float,
    enough: int,
    yes: bool,
) -> None:
    """Let RELEASE out; shows the rings and asks first."""
    plan = Plan(
        release=release,
        canaries=canaries,
        area=area,
        percents=_percents(rings),
        failures_per_mille=round(failures * 10),
        jitter_s=round(jitter_h * HOUR_S),
        soak_s=round(soak_h * HOUR_S),
        deadline_s=round(deadline_h * HOUR_S),
        enough_percent=enough,
    )
    for line in write(settings, lambda c, central: changes.preview(c, central, CONSOLE, plan)):
        click.echo(f"{line.name}\t{line.locations} locations\t{line.unable} cannot be asked now")
    _ask(yes, f"Let {release} out?")
    made = write(settings, lambda c, central: changes.start(c, central, CONSOLE, plan))
    click.echo(f"{made}: the canaries are asked")


def _percents(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
        raise wrong_field("rings", text, "numbers of per cent with commas, as 5,25,100")
    return tuple(int(part) for part in parts)


@rollout_group.command("pause")
@click.argument("rollout")
@WHY
@click.pass_obj
def pause(settings: Settings, rollout: str, why: str) -> None:
    """Ask nobody more; what was asked for goes on."""
    write(settings, lambda c, central: changes.pause(c, central, CONSOLE, rollout, why))
    click.echo(f"{rollout}: paused")


@rollout_group.command("resume")
@click.argument("rollout")
@WHY
@YES
@click.pass_obj
def resume(settings: Settings, rollout: str, why: str, yes: bool) -> None:
    """Go on with a rollout that is paused or halted: what failed until now halts it no more."""
    _ask(yes, "Go on with it?")
    write(settings, lambda c, central: changes.resume(c, central, CONSOLE, rollout, why))
    click.echo(f"{rollout}: goes on")


@rollout_group.command("promote")
@click.argument("rollout")
@WHY
@YES
@click.pass_obj
def promote(settings: Settings, rollout: str, why: str, yes: bool) -> None:
    """Open the next ring now, though the last one has not soaked."""
    _ask(yes, "Open the next ring now?")
    ring = write(settings, lambda c, central: changes.promote(c, central, CONSOLE, rollout, why))
    click.echo(f"{rollout}: ring {ring} is open")


@rollout_group.command("halt")
@click.argument("rollout")
@WHY
@click.pass_obj
def halt(settings: Settings, rollout: str, why: str) -> None:
    """Stop it: who has not switched yet stays with what runs."""
    count = write(settings, lambda c, central: changes.halt(c, central, CONSOLE, rollout, why))
    click.echo(f"{rollout}: halted; {count} locations are to stay with what runs")


@rollout_group.command("back")
@click.argument("rollout")
@click.argument("release")
@WHY
@YES
@click.pass_obj
def back(settings: Settings, rollout: str, release: str, why: str, yes: bool) -> None:
    """Have everybody who was asked by ROLLOUT run the older RELEASE again."""
    _ask(yes, f"Go back to {release}?")
    made = write(
        settings, lambda c, central: changes.go_back(c, central, CONSOLE, rollout, release, why)
    )
    click.echo(f"{made}: they are asked to run {release}")


@rollout_group.command("end")
@click.argument("rollout")
@WHY
@YES
@click.pass_obj
def end(settings: Settings, rollout: str, why: str, yes: bool) -> None:
    """Look after it no more; who has not switched yet stays with what runs."""
    _ask(yes, "End it?")
    write(settings, lambda c, central: changes.end(c, central, CONSOLE, rollout, why))
    click.echo(f"{rollout}: ended")


@rollout_group.command("hold")
@click.argument("location")
@WHY
@click.pass_obj
def hold(settings: Settings, location: str, why: str) -> None:
    """Have no rollout change a location."""
    write(settings, lambda c, central: changes.hold(c, central, BY, location, why))
    click.echo(f"{location}: held")


@rollout_group.command("let-go")
@click.argument("location")
@click.pass_obj
def let_go(settings: Settings, location: str) -> None:
    """Hold a location no more."""
    write(settings, lambda c, central: changes.let_go(c, central, BY, location))
    click.echo(f"{location}: held no more")


@rollout_group.command("advisories")
@click.argument("release")
@click.argument("dump", type=click.Path(path_type=Path, exists=True))
@click.argument("bills", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.pass_obj
def advisories(settings: Settings, release: str, dump: Path, bills: tuple[Path, ...]) -> None:
    """Hold BILLS, the bills of materials of RELEASE, against DUMP, OSV's records for PyPI, and keep
    what matches for the page of the fleet. Nothing is asked of the network."""
    found = vulnerable.look(bills, dump)
    write(settings, lambda c, central: vulnerable.keep(c, central, BY, release, found))
    for each in found.vulnerabilities:
        click.echo(str(each))
    for source in found.unreadable:
        click.echo(f"{source}: this record cannot be read", err=True)
    click.echo(f"{release}: {len(found.vulnerabilities)} match, of {found.packages} packages")


def _ask(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True)


def _in_words(counts: Any) -> str:
    """How many are how far, the most first."""
    by = sorted(counts.by.items(), key=lambda each: -each[1])
    return ", ".join(f"{count} {state.value.lower().replace('_', ' ')}" for state, count in by)


@click.command("fleet")
@click.option("--version", "wanted", help="Only where this version runs.")
@click.option("--health", default="", help=f"Only those that are {', '.join(fleet.HEALTH)}.")
@click.option("--after", default="", help="Only those behind this id.")
@click.pass_obj
def fleet_command(settings: Settings, wanted: str | None, health: str, after: str) -> None:
    """What runs where: a line per version, and one per location that is asked for."""

    def found(connection: Connection, central: Central) -> tuple[list[Any], list[Any]]:
        now_ms = central.clock.now_ms()
        rows = fleet.versions(connection, NETWORK, now_ms, central.settings)
        return rows, fleet.locations(connection, NETWORK, wanted, health, after)

    versions, rows = write(settings, found)
    for each in versions:
        about = [f"{each['count']} locations", f"{each['unwell']} not well"]
        about.append(f"{each['silent']} silent")
        if each["is_unsupported"]:
            about.append("no longer supported")
        if each["checked_ms"] is not None:
            about.append(f"{len(each['advisories'])} known vulnerabilities")
        click.echo(f"{each['version'] or 'not said'}\t{', '.join(about)}")
    for each in rows[: fleet.SHOWN]:
        why = each["unwell_reason"] or each["back_reason"]
        state = each["release_state"] or "no keeper"
        click.echo(f"{each['id']}\t{each['version'] or 'not said'}\t{state}\t{why}")
    if len(rows) > fleet.SHOWN:
        click.echo(f"more: --after {rows[fleet.SHOWN - 1]['id']}", err=True)
