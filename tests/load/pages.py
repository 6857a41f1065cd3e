"""How long each page and `/metrics` take at a server with a past (`tests.load.fill`).

    python -m tests.load.pages data/folder

Prints one JSON object: the middle of some looks at each, in milliseconds, the slowest first.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import Any

import click
import requests
from sqlalchemy import Connection, select

from central import schema, sums
from central.adapters import SystemClock
from central.auth import Role
from central.errors import RequestError
from central.monitoring import figures
from central.pages.paths import HOME
from central.periods import LONGEST_DAYS
from tests.bench.figures import timed
from tests.support.central_server import Server, TurnedClock
from tests.support.operators import PASSWORD, Browser

PAGES = (
    *("", "/unjoined", "/disputed", "/notifications", "/quarantine", "/staff", "/keys"),
    *("/audit", "/views", "/reports", "/reports?days=366", "/reports?days=366&q=L7"),
    *("?health=trouble&order=taken&number=2", "/places", "/search?q=L7", "/search?q=Eva"),
    *("/packages", "/packages?q=Eva", "/packages?status=MISSING", "/packages?sort=barcode"),
    *("/notifications?status=dead", "/notifications?q=L7", "/audit?sort=subject"),
    *("/locations/L7", "/locations/L7/live", "/locations/L7/doors/7", "/locations/L7/directory"),
    *("/fleet", "/fleet?sort=-last_sync_ms", "/rollouts", "/areas", "/carriers", "/badges"),
    *("/webhooks", "/accounts", "/account"),
)
LOOKS = 5


def measure(folder: Path) -> dict[str, float]:
    """The milliseconds of each."""
    server = Server(folder, TurnedClock(SystemClock().now_ms()))
    server.start()
    try:
        asyncio.run(_sum_up(server))
        package = server.central.database.read(_a_package)
        browser = _signed_in(server)
        found = {}
        for page in (*PAGES, f"/packages/{package.id}", f"/packages?q={package.barcode}"):
            url = f"{server.url}{HOME}{page}"
            found[page or "overview"] = _middle_ms(browser.http, url)
            click.echo(f"{found[page or 'overview']:8.1f} {page or 'overview'}", err=True)
        found["/metrics"] = _middle_ms(requests.Session(), f"{server.url}/metrics")
        _, took_s = timed(lambda: asyncio.run(figures.make(server.central)))
        found["the figures, beside the writer"] = round(took_s * 1000, 1)
    finally:
        server.stop()
    return dict(sorted(found.items(), key=lambda each: -each[1]))


async def _sum_up(server: Server) -> None:
    """As the keeper has done it some minutes after the start."""
    for _ in range(LONGEST_DAYS // sums.DAYS_A_ROUND + 1):
        await sums.sum_up(server.central)


def _signed_in(server: Server) -> Browser:
    """An administrator, also at a server that was measured before."""
    try:
        return Browser(server, Role.ADMIN)
    except RequestError:
        known = Browser(server)
        known.role = Role.ADMIN
        assert known.sign_in(PASSWORD).ok
        return known


def _a_package(connection: Connection) -> Any:
    table = schema.package
    old = select(table).order_by(table.c.announced_ms.desc()).offset(500).limit(1)
    return connection.execute(old).one()


def _middle_ms(session: requests.Session, url: str) -> float:
    took = []
    for _ in range(LOOKS):
        began_s = time.perf_counter()
        answer = session.get(url, timeout=120)
        took.append((time.perf_counter() - began_s) * 1000)
        assert answer.ok, (url, answer.status_code)
    return round(statistics.median(took), 1)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
def main(folder: Path) -> None:
    """Measure at the data FOLDER."""
    click.echo(json.dumps(measure(folder), indent=1))


if __name__ == "__main__":
    main()
