"""Many programs that announce packages and look at the same moment, as `wrk` would.

    python -m tests.load.crowd --connections 400 --seconds 30
    python -m tests.load.crowd --connections 400 --seconds 30 --on postgresql --servers 2

Each connection asks as fast as it is answered, in turns: it announces, asks what room a location
has, and asks for the nearest one. Printed: how many a second, their times, which share went wrong.
"""

from __future__ import annotations

import json
import os

import click

from tests.load.client import Call
from tests.load.journals import get, kiosk_of
from tests.load.load import CALLS_PER_S_MAX, Figures, announcement, measure
from tests.load.servers import Servers, running


def lines_of(connections: int, locations: int, calls: int, api_key: str) -> list[list[Call]]:
    """So many calls over so many connections, made beforehand."""
    lines: list[list[Call]] = [[] for _ in range(connections)]
    for turn in range(calls):
        place = turn % locations
        line = turn % connections
        asked = (turn // connections + line) % 3
        if asked == 0:
            lines[line].append(announcement(turn, locations, api_key))
        elif asked == 1:
            path = f"/v1/locations/{kiosk_of(place).name}"
            lines[line].append(Call(get(path, api_key), _is_found))
        else:
            near = f"lat={40 + place % 100 / 10}&lon={place // 100 / 10}"
            path = f"/v1/locations/nearest?{near}"
            lines[line].append(Call(get(path, api_key), _is_found))
    return lines


def _is_found(status: int, body: bytes) -> bool:
    return status == 200 and b'"free"' in body


def crowd(servers: Servers, connections: int, locations: int, seconds: float) -> Figures:
    """What comes of it; `error_share` of all that were sent."""
    calls = max(connections * 3, int(seconds * CALLS_PER_S_MAX / 2))
    lines = lines_of(connections, locations, calls, servers.api_key)
    figures = measure(servers, lines, pace_per_s=None, seconds=seconds)
    errors, answered = figures["errors"], figures["answered"]
    assert isinstance(errors, int) and isinstance(answered, int)
    return {**figures, "error_share": errors / max(1, errors + answered)}


@click.command()
@click.option("--connections", default=400, show_default=True)
@click.option("--locations", default=1000, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--on", "database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite")
@click.option("--servers", "count", default=1, show_default=True, help="On PostgreSQL.")
def main(connections: int, locations: int, seconds: float, database: str, count: int) -> None:
    """Measure servers that many programs ask at the same moment."""
    with running(locations, database, count, 0.0) as servers:
        figures = crowd(servers, connections, locations, seconds)
    shown = {"connections": connections, "machine_load": os.getloadavg()[0], **figures}
    click.echo(json.dumps(shown))


if __name__ == "__main__":
    main()
