"""Many programs that announce packages and look at the same moment, as `wrk` would.

    python -m tests.load.crowd --connections 400 --seconds 30
    python -m tests.load.crowd --connections 400 --seconds 30 --on postgresql --servers 2
    python -m tests.load.crowd --connections 400 --seconds 30 --per-s 100
    python -m tests.load.crowd --connections 400 --seconds 30 --wrk

Each connection asks in turns: it announces, asks what room a location has, and asks for the nearest
one; as fast as it is answered, or all of them together so many times a second. With `--wrk` it is
`wrk` that asks, where that is installed. Printed: how many a second, their times, which share went
wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import click

from tests.load.client import Call
from tests.load.journals import get, kiosk_of
from tests.load.load import CALLS_PER_S_MAX, Figures, announcement, measure
from tests.load.servers import Servers, running

WRK = "wrk"
LUA = Path(__file__).with_name("crowd.lua")


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


def crowd(
    servers: Servers,
    connections: int,
    locations: int,
    seconds: float,
    per_s: float | None = None,
) -> Figures:
    """What comes of it; `error_share` of all that were sent. `per_s`: of all together; none: as
    fast as they are answered."""
    most = CALLS_PER_S_MAX / 2 if per_s is None else per_s
    calls = max(connections * 3, int(seconds * most))
    lines = lines_of(connections, locations, calls, servers.api_key)
    figures = measure(servers, lines, pace_per_s=per_s, seconds=seconds)
    errors, answered = figures["errors"], figures["answered"]
    assert isinstance(errors, int) and isinstance(answered, int)
    return {**figures, "error_share": errors / max(1, errors + answered)}


def crowd_by_wrk(servers: Servers, connections: int, locations: int, seconds: float) -> Figures:
    """The same by `wrk`, at the first server; it asks as fast as it is answered."""
    host, port = servers.addresses[0]
    command = [WRK, "-t2", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s"]
    command += ["-s", str(LUA), f"http://{host}:{port}", "--", servers.api_key, str(locations)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    wrong, answered = (figures[name] for name in ("errors", "answered"))
    assert isinstance(wrong, int) and isinstance(answered, int)
    return {**figures, "error_share": wrong / max(1, answered + wrong)}


def has_wrk() -> bool:
    """Whether `wrk` is installed here."""
    return shutil.which(WRK) is not None


@click.command()
@click.option("--connections", default=400, show_default=True)
@click.option("--locations", default=1000, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--on", "database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite")
@click.option("--servers", "count", default=1, show_default=True, help="On PostgreSQL.")
@click.option("--per-s", default=None, type=float, help="Of all; else as fast as it goes.")
@click.option("--wrk", "by_wrk", is_flag=True, help="By wrk, as fast as it goes.")
def main(
    connections: int,
    locations: int,
    seconds: float,
    database: str,
    count: int,
    per_s: float | None,
    by_wrk: bool,
) -> None:
    """Measure servers that many programs ask at the same moment."""
    with running(locations, database, count, 0.0) as servers:
        if by_wrk:
            figures = crowd_by_wrk(servers, connections, locations, seconds)
        else:
            figures = crowd(servers, connections, locations, seconds, per_s)
    shown = {"connections": connections, "machine_load": os.getloadavg()[0], **figures}
    click.echo(json.dumps(shown))


if __name__ == "__main__":
    main()
