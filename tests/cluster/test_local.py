"""A cluster on this machine, as who tries one meets it: brought up, killed, brought up again."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from central.cluster import database
from central.cluster.folder import Folder
from central.cluster.processes import running
from central.errors import CannotServeError
from tests.cluster.kiosks import wait_until
from tests.support.cluster_process import ClusterProcess

PATIENCE_S = 120.0


def of_folder(folder: Folder) -> list[psutil.Process]:
    """What runs of a cluster, by whatever is in its command."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if str(folder.path) in words and process.pid != os.getpid():
            found.append(process)
    return found


@pytest.mark.timeout(600)
def test_a_cluster_that_was_killed_leaves_nothing_and_goes_on_with_its_data(tmp_path: Path) -> None:
    with ClusterProcess(tmp_path / "all") as cluster:
        assert cluster.plan.secrets.account in cluster.said.read_text()
        with database.connect(cluster.plan, "central") as connection:
            connection.execute("INSERT INTO location (id, name) VALUES ('kept', 'Kept')")
        said = cluster.run("status")
        assert said.count("running") + said.count("streaming") == 3
        assert "DOES NOT ANSWER" not in said
        cluster.kill()
        cluster.run("down")
        assert of_folder(cluster.folder) == []
        cluster.up()
        with database.connect(cluster.plan, "central") as connection:
            rows = connection.execute("SELECT name FROM location WHERE id = 'kept'").fetchall()
        assert rows == [("Kept",)]
        said = cluster.interrupt()
        assert said.endswith("The cluster has ended; its data stays.\n")
        assert of_folder(cluster.folder) == []


def test_what_is_killed_while_it_comes_up_leaves_nothing(tmp_path: Path) -> None:
    cluster = ClusterProcess(tmp_path / "all")
    cluster.start()
    wait_until(lambda: "etcd-db3" in running(cluster.folder.running), PATIENCE_S, "three etcd")
    cluster.kill()
    cluster.run("down")
    assert of_folder(cluster.folder) == []


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("mine")
    with (
        pytest.raises(CannotServeError, match="holds files that are no cluster's"),
        Folder(tmp_path).alone(),
    ):
        pass
    assert (tmp_path / "letter").read_text() == "mine"


def test_a_folder_holds_one_cluster(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "all")
    assert not folder.is_in_use()
    with folder.alone():
        assert folder.is_in_use()
        with (
            pytest.raises(CannotServeError, match="already; to end it"),
            Folder(folder.path).alone(),
        ):
            pass
    assert not folder.is_in_use()
