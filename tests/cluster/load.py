"""A cluster under the load of kiosks: what they were promised is there at the end, all of it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator

from central.cluster import database, states
from tests.cluster.kiosks import Connection, Kiosks, lost, wait_until
from tests.support.cluster_process import ClusterProcess

PATIENCE_S = 240.0
TOWNS = itertools.count(1)


@contextlib.contextmanager
def connected(cluster: ClusterProcess) -> Iterator[Connection]:
    """A connection to whichever database is the primary."""
    with database.connect(cluster.plan, "central") as connection:
        yield connection


@contextlib.contextmanager
def under_load(cluster: ClusterProcess, count: int, every_s: float) -> Iterator[Kiosks]:
    """Kiosks that come all the time; at the end the cluster is whole again, each of them has sent
    what it had, and nothing is lost."""
    servers, balancer = cluster.plan.server_urls, (cluster.plan.balancer_url,)
    is_balanced = states.answers(f"{balancer[0]}/healthz")
    # Half of them by the balancer, where there is one, the others by a list of all servers.
    ways = [servers, servers[::-1], *([balancer] * 2 if is_balanced else [])]
    lists = [ways[number % len(ways)] for number in range(count)]
    with connected(cluster) as connection:
        made = Kiosks(f"town{next(TOWNS)}", lists, every_s)
        made.make_known(connection)
    with made:
        wait_until(lambda: made.all_came_since(0.0), PATIENCE_S, "the first syncs")
        yield made
        wait_until(lambda: states.is_whole(cluster.plan), PATIENCE_S, "the cluster whole again")
    print(f"The longest time without a success: {made.longest_gap_s:.1f} s")
    print(f"Tries that failed: {sum(made.failed.values())} of {len(made.syncs)} {made.failed}")
    with connected(cluster) as connection:
        promised = {each.name: each.acknowledged for each in made.all}
        assert sum(promised.values()) > 2 * count
        assert lost(connection, promised) == {}
        assert [each.name for each in made.all if each.waiting is not None] == []
        assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)


def another_than(cluster: ClusterProcess, before: str) -> Callable[[], bool]:
    """Whether another database is the primary than before."""

    def is_another() -> bool:
        now = states.primary(cluster.plan)
        return now is not None and now.name != before

    return is_another
