"""The main job as people do it: the real window, the real ports, fingers, a scanner, and at the end
the database and the bytes on the wire."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest

from kiosk.flows.maintenance import REASONS
from tests.support.panel_spots import Spots
from tests.support.screen import PATIENCE_S
from tests.support.window_bench import (
    DEMO_BADGE,
    WindowBench,
    bench,
    unlock_frame,
    wait_open_enough,
)


def test_three_packages_go_in_two_come_out_and_a_slot_goes_out_of_service(
    tmp_path: Path, where: Spots
) -> None:
    with bench(tmp_path, where) as machine:
        machine.picture("first")
        used = courier(machine)
        customers(machine, used)
        technician(machine)
        assert machine.stop() == 0
        statuses = dict(machine.rows("SELECT barcode, status FROM package WHERE slot IS NOT NULL"))
        assert statuses == {"TBA306214578001": "STORED"}
        [(service, reason)] = machine.rows(
            "SELECT service, service_reason FROM slot WHERE label = '5'"
        )
        assert (service, reason) == ("NO_DEPOSITS", "door jams")
        order = [used[0], used[1], used[2], used[0], used[1]]
        assert machine.unlocks_on_the_wire() == [unlock_frame(slot) for slot in order]


def courier(machine: WindowBench) -> list[str]:
    machine.press("first", "COURIER")
    machine.type("114711\n")
    machine.picture("scan")
    used = []
    for barcode in ("00340434123456789012", "1Z999AA10123456784"):
        slot = machine.scan_and_open(barcode)
        machine.picture("put-in")
        machine.shut(slot)
        used.append(slot)
    machine.act(lambda: machine.bank.tell("scan TBA306214578001"))
    machine.picture("size")
    machine.screen.touch(machine.where["size"]["L"])
    slot = str(machine.bank.wait_for("opened")["slot"])
    machine.now = machine.screen.after(machine.now)
    machine.shut(slot)
    machine.picture("stored")
    machine.press("scan", "DONE")
    machine.picture("receipt")
    machine.press("receipt", "DONE")
    return [*used, slot]


def customers(machine: WindowBench, used: list[str]) -> None:
    machine.press("first", "PICK_UP")
    machine.picture("code")
    machine.screen.type(machine.code_for("491713920001"))
    assert machine.bank.wait_for("opened")["slot"] == used[0]
    machine.now = machine.screen.after(machine.now)
    machine.picture("take")
    wait_open_enough()
    machine.shut(used[0])
    machine.picture("thanks")
    machine.press("thanks", "DONE")
    code = machine.code_for("491713920002")
    assert machine.scan_and_open(f"PK1:demo:{code}") == used[1]
    wait_open_enough()
    machine.shut(used[1])
    machine.press("thanks", "DONE")


def technician(machine: WindowBench) -> None:
    machine.press("first", "SERVICE")
    machine.type("998080\n")
    machine.picture("doors")
    machine.press("doors", "5")
    machine.picture("door")
    machine.press("door", "OUT_OF_SERVICE")
    machine.press("reason", REASONS[0])
    machine.picture("out-of-service")


def test_a_courier_with_nothing_but_the_scanner(tmp_path: Path, where: Spots) -> None:
    with bench(tmp_path, where) as machine:
        machine.act(lambda: machine.bank.tell(f"scan {DEMO_BADGE}"))
        machine.picture("signed-in-by-badge")
        first = machine.scan_and_open("00340434123456789012")
        machine.act(lambda: machine.bank.tell("scan 1Z999AA10123456784"))
        machine.picture("kept-as-next")
        machine.bank.tell(f"close {first}")
        second = str(machine.bank.wait_for("opened")["slot"])
        machine.now = machine.screen.after(machine.now)
        machine.shut(second)
        machine.act(lambda: machine.bank.tell(f"scan {DEMO_BADGE}"))
        machine.picture("receipt-by-badge")
        machine.press("receipt", "DONE")
        code = machine.code_for("491713920001")
        assert machine.scan_and_open(f"PK1:demo:{code}") == first
        wait_open_enough()
        machine.shut(first)
        assert machine.stop() == 0
        packages = dict(machine.rows("SELECT barcode, status FROM package WHERE stored_ms > 0"))
        assert packages == {
            "00340434123456789012": "RETRIEVED",
            "1Z999AA10123456784": "STORED",
        }


def test_a_technician_restarts_the_program_and_it_is_the_same_process(
    tmp_path: Path, where: Spots
) -> None:
    with bench(tmp_path, where) as machine:
        assert machine.kiosk is not None
        machine.press("first", "SERVICE")
        machine.type("998080\n")
        machine.press("doors", "MACHINE")
        machine.press("machine", "RESTART")
        machine.press("restart", "YES")
        machine.type("998080\n")
        machine.notified.settimeout(PATIENCE_S)
        assert [machine.notified.recv(100) for _ in range(2)] == [b"READY=1", b"READY=1"]
        assert machine.kiosk.poll() is None
        machine.picture("restarted")
        machine.press("first", "PICK_UP")
        assert machine.stop() == 0
        assert machine.notified.recv(100) == b"STOPPING=1"
        started = "SELECT count(*) FROM journal WHERE kind = 'KIOSK_STARTED'"
        assert machine.rows(started) == [(2,)]


def test_killed_with_a_door_open_it_starts_again_and_pulses_nothing(
    tmp_path: Path, where: Spots
) -> None:
    with bench(tmp_path, where) as machine:
        machine.press("first", "COURIER")
        machine.type("114711\n")
        slot = machine.scan_and_open("RR473129083DE")
        machine.stop(signal.SIGKILL)
        pulsed = machine.unlocks_on_the_wire()
        machine.start()
        machine.picture("after-the-kill")
        machine.bank.tell(f"close {slot}")
        machine.bank.wait_for("closed")
        machine.now = machine.screen.after(machine.now)
        assert machine.stop() == 0
        assert machine.unlocks_on_the_wire() == pulsed == [unlock_frame(slot)]
        [(status, suspect)] = machine.rows(
            f"SELECT status, suspect FROM slot WHERE label = '{slot}'"
        )
        assert (status, suspect) == ("SUSPECT", "MAY_HOLD_SOMETHING")
        [(status,)] = machine.rows("SELECT status FROM package WHERE barcode = 'RR473129083DE'")
        assert status == "PENDING"
        machine.start()
        round_of_what_is_in_doubt(machine, slot)
        assert machine.stop() == 0
        [(status,)] = machine.rows(f"SELECT status FROM slot WHERE label = '{slot}'")
        assert status == "EMPTY"


def round_of_what_is_in_doubt(machine: WindowBench, slot: str) -> None:
    machine.press("first", "SERVICE")
    machine.type("998080\n")
    machine.picture("in-doubt")
    machine.press("doubt", "ROUND")
    machine.type("998080\n")
    machine.picture("round")
    machine.screen.touch(machine.where["round"]["LOOK_INSIDE"])
    assert machine.bank.wait_for("opened")["slot"] == slot
    machine.now = machine.screen.after(machine.now)
    machine.press("look", "IT_IS_EMPTY")
    machine.shut(slot)
    machine.picture("round-is-over")


@pytest.mark.parametrize("state", ["damaged", "newer"])
def test_a_database_that_cannot_be_used_is_said_on_the_screen(
    tmp_path: Path, where: Spots, state: str
) -> None:
    with bench(tmp_path, where) as machine:
        assert machine.stop() == 0
        path = tmp_path / "kiosk.db"
        if state == "damaged":
            path.write_bytes(b"no database at all " * 500)
        else:
            connection = sqlite3.connect(path)
            connection.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
                " VALUES ('parcel-kiosk', 'm999', 'now')"
            )
            # Which none but the version of that change may write, and not one that only adds to it.
            connection.execute("UPDATE meta SET value = 'm999' WHERE key = 'oldest_writer'")
            connection.commit()
            connection.close()
        before = path.read_bytes()
        machine.start()
        machine.picture(f"database-{state}")
        assert b"cannot start" in (tmp_path / "kiosk.log").read_bytes()
        assert machine.stop() == 0
        assert path.read_bytes() == before
