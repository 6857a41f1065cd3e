"""A primary and a server are cut off from everybody else for a while, under the load of kiosks.

    unshare --net python -m tests.cluster.partition FOLDER [--kiosks 100] [--cut-s 30] [--unfenced]

The kiosks reach both sides, as they do over the public network when the line between two places is
dead. Printed at the end, as one JSON object: what came of it. With `--unfenced`, the control, both
sides are made to write, which has to be found.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import httpx
import psycopg

from central.cluster import database, states
from central.cluster.plan import DatabaseNode, Plan
from tests.cluster.kiosks import Connection, Kiosks, lost, wait_until
from tests.cluster.spread import spread_cluster
from tests.cluster.writers import TABLE, Writers
from tests.support.machines import Machines

PATIENCE_S = 240.0
EVERY_S = 3.0
CUT_SERVER = "server1"
DATABASE = "central"


def kiosks_of(plan: Plan, count: int) -> Kiosks:
    """Half of them come to the one server first, half to the other."""
    urls = plan.server_urls
    return Kiosks("town", [urls[::-1] if n % 2 else urls for n in range(count)], EVERY_S)


def primary_of(plan: Plan) -> DatabaseNode:
    """The one that writes now."""
    found = states.primary(plan)
    assert found is not None, "there is no primary"
    return found


def at(plan: Plan, node: DatabaseNode, name: str = DATABASE) -> Connection:
    """A connection to one node, whether it is the primary or not."""
    return psycopg.connect(
        host=node.address,
        port=node.port,
        dbname=name,
        user="postgres",
        password=plan.secrets.superuser,
        connect_timeout=5,
        autocommit=True,
    )


def wait_for_another(plan: Plan, old: DatabaseNode, others: list[DatabaseNode]) -> str:
    """The name of the primary that the others have made."""
    rest = plan.model_copy(update={"databases": tuple(others)})

    def is_another() -> bool:
        now = states.primary(rest)
        return now is not None and now.name != old.name

    wait_until(is_another, PATIENCE_S, "another primary")
    return primary_of(rest).name


def unfence(plan: Plan, old: DatabaseNode) -> None:
    """Have Patroni look after nobody any more."""
    who = ("patroni", plan.secrets.patroni)
    url = patroni_url(old)
    httpx.patch(f"{url}/config", json={"pause": True}, auth=who, timeout=20).raise_for_status()
    wait_until(lambda: all(map(is_paused, plan.databases)), PATIENCE_S, "Patroni at rest")


def is_paused(node: DatabaseNode) -> bool:
    """Whether a Patroni only looks on."""
    return httpx.get(f"{patroni_url(node)}/patroni", timeout=20).json().get("pause") is True


def patroni_url(node: DatabaseNode) -> str:
    """Where a node's Patroni answers."""
    return f"http://{node.address}:{node.patroni_port}"


def have_both_write(plan: Plan, old: DatabaseNode, other: DatabaseNode) -> str:
    """Without anybody's word but their own; the name of the one that begins to."""
    with at(plan, other, "postgres") as connection:
        connection.execute("SELECT pg_promote()")
    for node in (old, other):
        with at(plan, node, "postgres") as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            connection.execute("SELECT pg_reload_conf()")
    return other.name


@dataclass
class Cut:
    """What came of it while it lasted."""

    new: str
    another_after_s: float
    written_beside: int
    lasted_s: float


def cut(
    plan: Plan, machines: Machines, kiosks: Kiosks, writers: Writers, wanted_s: float, fenced: bool
) -> Cut:
    """Cut the primary and a server off for as long as is wanted, or as another primary takes."""
    old = primary_of(plan)
    others = [each for each in plan.databases if each.name != old.name]
    if not fenced:
        unfence(plan, old)
    began_s = time.monotonic()
    with machines.cut({old.name, CUT_SERVER}):
        if fenced:
            new = wait_for_another(plan, old, others)
        else:
            new = have_both_write(plan, old, others[0])
        changed_s = time.monotonic()
        wait_until(lambda: writers.confirmed_since(new, changed_s) > 0, PATIENCE_S, "writes")
        if fenced:
            wait_until(lambda: kiosks.all_came_since(changed_s), PATIENCE_S, "syncs meanwhile")
        else:
            wait_until(
                lambda: writers.confirmed_since(old.name, changed_s) > 0, PATIENCE_S, "both write"
            )
        time.sleep(max(0.0, began_s + wanted_s - time.monotonic()))
        beside = writers.confirmed_since(old.name, changed_s)
        return Cut(new, changed_s - began_s, beside, time.monotonic() - began_s)


def partition(
    plan: Plan, machines: Machines, count: int, wanted_s: float, fenced: bool
) -> dict[str, object]:
    """What comes of it in all."""
    kiosks, writers = kiosks_of(plan, count), Writers(plan)
    with database.connect(plan, DATABASE) as connection:
        kiosks.make_known(connection)
    with database.connect(plan) as connection:
        connection.execute(TABLE)
    old = primary_of(plan).name
    with kiosks, writers:
        wait_until(lambda: kiosks.all_came_since(0.0), PATIENCE_S, "the first syncs")
        wait_until(lambda: writers.confirmed_since(old, 0.0) > 0, PATIENCE_S, "the first writes")
        harm = cut(plan, machines, kiosks, writers, wanted_s, fenced)
        healed_s = time.monotonic()
        if fenced:
            wait_until(lambda: states.is_whole(plan), PATIENCE_S, "the cluster whole again")
            wait_until(lambda: kiosks.all_came_since(healed_s), PATIENCE_S, "syncs afterwards")
    [node] = [each for each in plan.databases if each.name == harm.new]
    return {
        "old": old,
        "new": harm.new,
        "lasted_s": round(harm.lasted_s, 1),
        "another_after_s": round(harm.another_after_s, 1),
        "without_success_s": round(kiosks.longest_gap_s, 1),
        "written_beside": harm.written_beside,
        "turns": writers.turns()[:20],
        **what_is_left(plan, node, kiosks, writers),
        "never_sent": [each.name for each in kiosks.all if each.waiting is not None],
        "failed_tries": dict(kiosks.failed),
    }


def what_is_left(
    plan: Plan, node: DatabaseNode, kiosks: Kiosks, writers: Writers
) -> dict[str, object]:
    """What was promised, held against the database that goes on."""
    promised = {each.name: each.acknowledged for each in kiosks.all}
    with at(plan, node) as connection:
        lost_events = lost(connection, promised)
        parked = connection.execute("SELECT count(*) FROM quarantine").fetchall()
    with at(plan, node, "postgres") as connection:
        lost_writes = writers.lost(connection)
    return {
        "acknowledged": sum(promised.values()),
        "lost_events": lost_events,
        "lost_writes": len(lost_writes),
        "parked": parked[0][0],
    }


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--kiosks", "count", default=100, show_default=True)
@click.option("--cut-s", default=30.0, show_default=True)
@click.option("--unfenced", is_flag=True, help="The control: have both sides write.")
def main(folder: Path, count: int, cut_s: float, unfenced: bool) -> None:
    """Cut a primary and a server off."""
    with spread_cluster(folder, partial(print, file=sys.stderr)) as (plan, machines):
        found = partition(plan, machines, count, cut_s, fenced=not unfenced)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
