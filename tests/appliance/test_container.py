"""The real kiosk as a release under a real systemd: good updates, each kind of bad one, and kills
of the whole machine in the middle of a change."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.appliance.computer import DATA, SITE
from tests.appliance.container import Container, why_not
from tests.appliance.releases import Release, build_base, build_kinds
from tests.crash.budget import NIGHTLY, budget

KILLS = 20
IDENTITY = {"token": "enrolled", "public_key": "07" * 32, "former_key": ""}
"""Of a kiosk at a server, which it never reaches."""

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=f"no container can run here: {why_not()}"),
    pytest.mark.skipif(budget() is not NIGHTLY, reason="whole machines are started at night"),
    pytest.mark.timeout(0),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Release]]:
    folder = tmp_path_factory.mktemp("releases")
    return build_base(folder), build_kinds(folder)


@pytest.fixture
def machine(tmp_path: Path, built: tuple[Path, dict[str, Release]]) -> Iterator[Container]:
    """A machine that runs the factory release."""
    container = Container(tmp_path, built[0])
    container.start()
    try:
        container.install()
        container.until(container.is_up, "the factory release does not get ready")
        assert container.status()["state"] == "factory"
        yield container
    finally:
        container.cut()


def update(machine: Container, release: Release) -> None:
    """Hand a release over, and wait until it is decided."""
    machine.hand_over(release.file, release.version, release.sha256)
    machine.until(
        lambda: (
            (said := machine.status()).get("good") == release.version
            or release.version in said.get("bad", {})
            or (said.get("refused") or {}).get("version") == release.version
        ),
        f"nothing is decided about {release.version}",
    )


def runs(machine: Container, version: str) -> None:
    machine.until(
        lambda: machine.is_up() and machine.health().get("version") == version,
        f"{version} does not run",
    )


def test_good_releases_stay_and_each_kind_of_bad_one_goes_back(
    machine: Container, built: tuple[Path, dict[str, Release]]
) -> None:
    releases = built[1]
    events = machine.events()
    update(machine, releases["9.1.0"])
    assert machine.status()["good"] == "9.1.0"
    runs(machine, "9.1.0")
    for version, reason in (
        ("9.2.0", "it did not get well in 3 starts"),
        ("9.4.0", "it was ill"),
    ):
        update(machine, releases[version])
        assert reason in machine.status()["bad"][version]
        runs(machine, "9.1.0")
    assert machine.events() >= events


def test_an_older_release_runs_if_the_database_allows_it_and_only_then(
    machine: Container, built: tuple[Path, dict[str, Release]]
) -> None:
    update(machine, built[1]["9.1.0"])
    runs(machine, "9.1.0")
    update(machine, built[1]["0.1.0"])
    assert "0.1.0 is too old for this database" in machine.status()["refused"]["reason"]
    assert machine.health()["version"] == "9.1.0"
    update(machine, built[1]["9.0.0"])
    assert machine.status()["good"] == "9.0.0"


def test_a_dead_link_is_made_again_out_of_its_sandbox_and_the_kiosk_goes_on(
    machine: Container,
) -> None:
    """Of a kiosk that is enrolled where nobody listens; here ten minutes are none."""
    identity = json.dumps({"url": "http://127.0.0.1:9", "location": "demo"} | IDENTITY)
    at_once = "import sys; sys.path.insert(0, '/usr/lib/parcel-kiosk'); import parcel_link"
    machine.run(
        f"""set -e
        systemctl stop parcel-kiosk
        echo '{identity}' >{DATA}/centre.json; chown kiosk: {DATA}/centre.json
        chmod 600 {DATA}/centre.json; printf '[server]\nallow_plain_http = true\n' >>{SITE}
        cd /etc/systemd/system; mkdir parcel-link.service.d
        cat >parcel-link.service.d/at-once.conf <<'END'
[Service]
ExecStart=
ExecStart=/usr/bin/python3 -c "{at_once}; parcel_link.LINK_AGAIN_S = 0; parcel_link.main()"
END
        printf '[Service]\nExecStart=/usr/bin/sleep infinity\n' >NetworkManager.service
        systemctl daemon-reload; systemctl start NetworkManager parcel-kiosk""",
        check=True,
    )
    machine.until(lambda: machine.health().get("reaches_server") is False, "it has no server")
    pids = "systemctl show -P MainPID parcel-kiosk NetworkManager"
    kiosk, link = machine.run(pids).split()
    machine.run("systemctl start parcel-link", check=True)
    kiosk_after, link_after = machine.run(pids).split()
    assert link_after not in ("0", link)
    assert kiosk_after == kiosk
    log = machine.run("journalctl -b -u parcel-link -o cat --no-pager")
    assert "the link is started again" in log


def test_a_release_that_hangs_is_started_again_and_left(
    machine: Container, built: tuple[Path, dict[str, Release]]
) -> None:
    """Its gate is open for longer than it takes to hang."""
    machine.run(
        "sed -i 's/--well-s 3/--well-s 600/' /etc/systemd/system/parcel-keeper.service.d/*;"
        " systemctl daemon-reload; systemctl restart parcel-keeper",
        check=True,
    )
    update(machine, built[1]["9.3.0"])
    assert machine.status()["bad"]["9.3.0"] == "it did not get well in 3 starts"
    machine.until(machine.is_up, "the release before does not run")
    log = machine.run("journalctl -b -u parcel-kiosk -o cat --no-pager")
    assert log.count("Watchdog timeout") == 3


def test_a_damaged_file_makes_way_for_what_is_whole(
    machine: Container, built: tuple[Path, dict[str, Release]]
) -> None:
    update(machine, built[1]["9.1.0"])
    (file,) = (machine.root / "var/lib/parcel-keeper/releases").glob("9.1.0-*")
    with file.open("r+b") as opened:
        opened.seek(1_500_000)
        opened.write(b"?")
    machine.run("systemctl restart --no-block parcel-kiosk")
    machine.until(lambda: machine.status().get("state") == "factory", "the damaged one still runs")
    machine.until(machine.is_up, "the factory release does not run")
    assert machine.status()["went_back"]["reason"] == "its file is damaged"


def test_killed_in_mid_change_a_machine_always_has_a_kiosk_and_its_journal(
    machine: Container, built: tuple[Path, dict[str, Release]]
) -> None:
    releases, rng = built[1], Random(7)
    update(machine, releases["9.1.0"])
    found: list[str] = []
    for number in range(KILLS):
        events = machine.events()
        new = releases[("9.5.0", "9.6.0")[number % 2]]
        machine.hand_over(new.file, new.version, new.sha256)
        time.sleep(rng.uniform(0.0, 6.0))  # not waited for: the moment of the kill is drawn
        machine.cut()
        machine.start()
        machine.until(machine.is_up, f"after kill {number} no kiosk runs")
        state = machine.status()["state"]
        found.append(state)
        assert state in ("good", "trial")
        assert machine.events() >= events, f"after kill {number} events are lost"
    print(f"{KILLS} kills in mid-change; then ran: {found}")
