"""A database's whole machine is lost under the load of kiosks: PostgreSQL, Patroni, etcd at once.

It stands still first, so that nobody hears that it is gone; then it is killed, or goes on as if
nothing had happened. A kiosk's sync may fail meanwhile, for a machine is missed only after a while:
each is sent again until it is there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.cluster import states
from tests.cluster.kiosks import Kiosks, wait_until
from tests.cluster.load import PATIENCE_S, another_than, under_load
from tests.cluster.nodes import Node
from tests.support.cluster_process import ClusterProcess

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
KIOSKS, EVERY_S = int(os.environ.get("TEST_KIOSKS", "200")), 5.0
ANSWERED = re.compile(r"time-out|503 .*|hung up .*|Connection\w*Error")
"""How a try may fail: nobody answered, or somebody who said that it was not done."""
pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not IS_NIGHTLY, reason="takes minutes; TEST_BUDGET=nightly"),
]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterProcess]:
    """One for each loss: the etcd of the wheel (3.5.1) may be wrong after it was killed."""
    with ClusterProcess(tmp_path / "all") as made:
        yield made


@pytest.fixture
def kiosks(cluster: ClusterProcess) -> Iterator[Kiosks]:
    with under_load(cluster, KIOSKS, EVERY_S) as made:
        yield made
    assert [each for each in made.failed if not ANSWERED.fullmatch(each)] == []


@pytest.mark.parametrize("is_back", [False, True], ids=["is killed", "goes on"])
def test_a_lost_machine_costs_no_event_and_each_sync_arrives(
    cluster: ClusterProcess, kiosks: Kiosks, is_back: bool
) -> None:
    found = states.primary(cluster.plan)
    assert found is not None
    node, frozen_s = Node(cluster.folder, found.name), time.monotonic()
    node.freeze()
    try:
        wait_until(another_than(cluster, node.name), PATIENCE_S, "another primary")
        print(f"Another primary after {time.monotonic() - frozen_s:.1f} s")
        changed_s = time.monotonic()
        wait_until(lambda: kiosks.all_came_since(changed_s), PATIENCE_S, "syncs without it")
        print(f"All kiosks came {time.monotonic() - changed_s:.1f} s after that")
    finally:
        (node.thaw if is_back else node.kill)()
    back_s = time.monotonic()
    wait_until(lambda: kiosks.all_came_since(back_s), PATIENCE_S, "syncs after it")
