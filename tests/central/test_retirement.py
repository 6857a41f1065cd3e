"""A machine that is retired keeps nothing, wherever it was stopped, and its server is notified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
import requests

from central import schema
from central.auth import Role
from central.sync import enrolment
from config import DEMO_SITE, load_site
from config.schema import Backup, Messages, Site
from kiosk import app, retirement, wiping
from kiosk.adapters import key_check, location_key
from kiosk.model.allocation import FirstAvailable
from kiosk.model.location import SlotStatus
from kiosk.retirement import RetireError
from kiosk.server_link import enrol_kiosk
from kiosk.site_model import location_of
from kiosk.store import deposits
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import InUseError, StoreError
from kiosk.sync.enrol import identity_in
from tests.support.central_server import Server
from tests.support.operators import Browser

OTHERS = ["another-program-1", "kiosk-20260102T000000Z.db"]
"""Another program's message, and another kiosk's backup."""


@dataclass
class Machine:
    """A machine that was in use: its data folder, its backups, and its server."""

    site: Site
    data: Path
    server: Server
    key: bytes

    def retire(self, *, is_forced: bool = False, with_server: bool = True) -> retirement.Retired:
        return app.retire(self.site, self.data, is_forced=is_forced, with_server=with_server)

    def left(self) -> list[str]:
        """Every file that is still there."""
        roots = [self.data, self.data.parent / "backups", self.data.parent / "spool"]
        return sorted(each.name for root in roots for each in root.rglob("*") if each.is_file())


def put_in(site: Site, data: Path) -> None:
    """A package lies inside."""
    location = location_of(site)
    size = location.sizes[0].name
    request = DepositRequest(str(UUID(int=1)), "BARCODE-1", size, str(UUID(int=2)), "11")
    with app.own_console_server(site, data) as console:
        submit = console.store.submit
        deposit = submit(deposits.begin_deposit, request, location, FirstAvailable()).result()
        assert deposit is not None
        submit(deposits.store_package, deposit, location, 5, Random(1)).result()


@pytest.fixture
def machine(tmp_path: Path, server: Server) -> Iterator[Machine]:
    """Enrolled, with one package inside, a backup, and another kiosk's backup beside it."""
    data = tmp_path / "kiosk"
    site = load_site(DEMO_SITE).model_copy(
        update={
            "backup": Backup(folder=tmp_path / "backups"),
            "messages": Messages(folder=tmp_path / "spool"),
        }
    )
    app.make_kiosk(site, data)
    put_in(site, data)
    enrol_kiosk(site, data, server.url, server.add_location(site.location.id))
    key = location_key(data / "location.key", may_make=False)
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "kiosk-20260101T000000Z.db").write_bytes(
        (data / "kiosk.db").read_bytes()
    )
    (tmp_path / "spool").mkdir()
    for name in (f"{UUID(int=7)}-2", f"{UUID(int=7)}.part", "another-program-1"):
        (tmp_path / "spool" / name).write_text("To: 49171\n\nCode 123 456 789")
    other = tmp_path / "other"
    app.make_kiosk(site.model_copy(update={"backup": None}), other)
    (tmp_path / "backups" / "kiosk-20260102T000000Z.db").write_bytes(
        (other / "kiosk.db").read_bytes()
    )
    yield Machine(site, data, server, key)


def test_with_packages_inside_nothing_is_wiped_unless_it_is_forced(machine: Machine) -> None:
    before = machine.left()
    with pytest.raises(RetireError, match="1 packages lie inside"):
        machine.retire()
    assert machine.left() == before
    assert machine.server.rows(schema.location)[0].retired_ms is None
    done = machine.retire(is_forced=True)
    assert done.left == ()
    assert machine.left() == OTHERS
    assert any("flash" in each for each in done.beyond)


def test_the_server_revokes_the_token_and_operators_see_what_lies_inside(machine: Machine) -> None:
    identity = identity_in(machine.data)
    assert identity is not None
    machine.retire(is_forced=True)
    server = machine.server
    (place,) = server.rows(schema.location)
    assert place.retired_ms and not place.token_hash and not place.enrol_token_hash
    answer = requests.post(
        f"{server.url}/v1/locations/{identity.location}/sync",
        json={"epoch": ""},
        headers={"authorization": f"Bearer {identity.token}"},
        timeout=20,
    )
    assert answer.status_code == 401
    assert "alarm:retired-with-packages" in server.alarms()
    assert "location.retire" in [row.action for row in server.rows(schema.audit)]
    # What it had not sent came before, and no package is said to have left.
    (package,) = [row for row in server.rows(schema.package) if row.slot]
    assert package.status == "STORED"
    assert {row.status for row in server.rows(schema.slot)} >= {SlotStatus.OCCUPIED.value}
    page = Browser(server, Role.VIEWER).get(f"/locations/{identity.location}").text
    assert "was retired" in page and "1 package lies inside" in page


def test_a_new_machine_enrols_at_the_place(machine: Machine, tmp_path: Path) -> None:
    machine.retire(is_forced=True)
    roll = enrolment.roll
    now_ms = machine.server.clock.wall_ms
    token = machine.server.write(roll, machine.site.location.id, "operator", now_ms)
    app.make_kiosk(machine.site.model_copy(update={"backup": None}), tmp_path / "new")
    enrol_kiosk(machine.site, tmp_path / "new", machine.server.url, token)
    assert machine.server.rows(schema.location)[0].retired_ms is None


class StoppedError(Exception):
    """The power went."""


def test_stopped_anywhere_it_goes_on_and_until_then_no_kiosk_starts(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = wiping.wipe
    for at in range(1, 40):
        done = [0]

        def wipe(path: Path, at: int = at, done: list[int] = done) -> str:
            done[0] += 1
            if done[0] == 2:
                raise StoppedError(str(at))
            return real(path)

        monkeypatch.setattr(retirement, "wipe", wipe)
        try:
            machine.retire(is_forced=True)
        except StoppedError:
            with pytest.raises(RetireError, match="goes on"):
                app.make_kiosk(machine.site, machine.data)
            with (
                pytest.raises((RetireError, StoreError)),
                app.own_console_server(machine.site, machine.data),
            ):
                pass
            continue
        break
    else:
        pytest.fail("it never came to its end")
    assert at > 3
    monkeypatch.setattr(retirement, "wipe", real)
    if machine.data.exists():
        machine.retire(is_forced=True)
    assert machine.left() == OTHERS


def test_an_answer_of_the_server_that_was_lost_is_no_hindrance(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = retirement._ask

    def lost(*arguments: object) -> object:
        real(*arguments)  # type: ignore[arg-type]
        raise RetireError("the network went")

    monkeypatch.setattr(retirement, "_ask", lost)
    with pytest.raises(RetireError):
        machine.retire(is_forced=True)
    monkeypatch.setattr(retirement, "_ask", real)
    machine.retire(is_forced=True)
    assert machine.left() == OTHERS


def test_without_its_server_it_is_retired_only_where_somebody_says_so(machine: Machine) -> None:
    machine.server.stop()
    with pytest.raises(RetireError, match="--without-server"):
        machine.retire(is_forced=True)
    assert "kiosk.db" in machine.left()
    machine.retire(is_forced=True, with_server=False)
    assert machine.left() == OTHERS


def test_a_running_kiosk_is_not_retired(machine: Machine) -> None:
    with app.own_console_server(machine.site, machine.data), pytest.raises(InUseError):
        machine.retire(is_forced=True)
    assert "location.key" in machine.left()


def test_a_rehearsals_copy_of_the_database_goes_with_the_rest(machine: Machine) -> None:
    """As a power cut left it, with its link to the key."""
    copy = machine.data / "updates" / "rehearsal" / "data"
    copy.mkdir(parents=True)
    (copy / "kiosk.db").write_bytes(b"a copy of the database")
    (copy / "location.key").symlink_to(machine.data / "location.key")
    done = machine.retire(is_forced=True, with_server=False)
    assert done.left == ()
    assert not machine.data.exists()


def test_what_is_not_the_kiosks_is_left_and_named(machine: Machine) -> None:
    (machine.data / "holiday.jpg").write_bytes(b"x")
    done = machine.retire(is_forced=True)
    assert any("holiday.jpg" in each for each in done.left)
    assert (machine.data / "holiday.jpg").exists()


def test_a_wiped_file_was_overwritten_before_it_was_removed(tmp_path: Path) -> None:
    """Its other name shows what became of its bytes."""
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"secret" * 100)
    other.hardlink_to(file)
    assert wiping.wipe(file) == ""
    assert not file.exists() and b"secret" not in other.read_bytes()
    assert wiping.wipe(file) == "", "what is not there is wiped"


def test_the_mark_names_no_secret(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_path: Path) -> str:
        raise StoppedError

    monkeypatch.setattr(retirement, "wipe", stop)
    with pytest.raises(StoppedError):
        machine.retire(is_forced=True)
    mark = (machine.data / retirement.MARK).read_text()
    assert machine.key.hex() not in mark
    assert key_check(machine.key) in mark


@pytest.mark.parametrize("name", ["location.key", "kiosk.db", "centre.json"])
def test_what_lies_elsewhere_behind_a_link_is_not_said_to_be_wiped(
    machine: Machine, tmp_path: Path, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (machine.data / name).rename(elsewhere / name)
    (machine.data / name).symlink_to(elsewhere / name)
    before = (elsewhere / name).read_bytes()
    done = machine.retire(is_forced=True)
    assert any(str(elsewhere / name) in each for each in done.left)
    assert not (machine.data / name).is_symlink()
    if name != "kiosk.db":
        assert (elsewhere / name).read_bytes() == before, "it may be another's"
