"""A real cluster under the load of kiosks: what dies costs no sync and no event."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from central.cluster import harm, states
from tests.cluster.kiosks import Kiosks, lost, wait_until
from tests.cluster.load import PATIENCE_S, another_than, connected, under_load
from tests.support.cluster_process import ClusterProcess

KIOSKS, EVERY_S = 200, 5.0
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    with ClusterProcess(tmp_path_factory.mktemp("cluster") / "all") as made:
        yield made


@pytest.fixture
def kiosks(cluster: ClusterProcess) -> Iterator[Kiosks]:
    """They come all the time; at the end nothing has failed, and nothing is lost."""
    with under_load(cluster, KIOSKS, EVERY_S) as made:
        yield made
    assert made.failed == {}


def test_a_killed_primary_costs_no_sync_and_no_event(
    cluster: ClusterProcess, kiosks: Kiosks
) -> None:
    before = harm.kill_primary(cluster.folder)
    killed_s = time.monotonic()
    wait_until(another_than(cluster, before), PATIENCE_S, "another primary")
    wait_until(lambda: kiosks.all_came_since(killed_s), PATIENCE_S, "syncs after it")


def test_a_killed_server_costs_no_sync_and_no_event(
    cluster: ClusterProcess, kiosks: Kiosks
) -> None:
    killed = harm.kill_server(cluster.folder)
    killed_s = time.monotonic()
    wait_until(lambda: kiosks.all_came_since(killed_s), PATIENCE_S, "syncs after it")
    [node] = [each for each in cluster.plan.servers if each.name == killed]
    wait_until(lambda: states.is_ready(node), PATIENCE_S, "the server back")


def test_servers_that_start_again_in_turn_cost_no_sync_and_no_event(
    cluster: ClusterProcess, kiosks: Kiosks
) -> None:
    began_s, said = time.monotonic(), list[str]()
    harm.upgrade(cluster.folder, said.append)
    assert [line.split(" ")[0] for line in said[1:]] == [n.name for n in cluster.plan.servers]
    wait_until(lambda: kiosks.all_came_since(began_s), PATIENCE_S, "syncs after it")


def test_a_sync_that_fails_and_an_event_that_is_lost_are_found(cluster: ClusterProcess) -> None:
    """The control: kiosks that know one server only, which dies; an event that somebody deletes."""
    [name, *_] = [each.name for each in cluster.plan.servers]
    with connected(cluster) as connection:
        made = Kiosks("control", [cluster.plan.server_urls[:1]] * 10, every_s=0.5)
        made.make_known(connection)
        with made:
            wait_until(lambda: made.all_came_since(0.0), PATIENCE_S, "the first syncs")
            harm.kill_server(cluster.folder, name)
            wait_until(lambda: bool(made.failed), PATIENCE_S, "a sync that failed")
        promised = {each.name: each.acknowledged for each in made.all}
        assert lost(connection, promised) == {}
        connection.execute("DELETE FROM event WHERE location = 'control-3' AND seq = 1")
        assert lost(connection, promised) == {"control-3": 1}
