"""A kiosk's journal arrives whole, once and in order, whatever happens to either side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from central import schema
from central.sync import enrolment
from kiosk.sync.client import layout_of
from kiosk.sync.contract import Place, Status, SyncAnswer, SyncRequest
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, Server, TurnedClock
from tests.support.postgresql import copy_server, written_by


def answer_of(kiosk: Journal, *, after: int = 0) -> SyncAnswer:
    answer = kiosk.send(kiosk.events(after))
    assert answer.ok, answer.text
    return SyncAnswer.model_validate_json(answer.content)


def hashes(server: Server) -> list[str]:
    rows = sorted(server.rows(schema.event), key=lambda row: row.seq)
    return [row.hash for row in rows]


def test_an_enrolment_token_is_good_once_and_for_its_own_location(
    tmp_path: Path, server: Server
) -> None:
    token = server.add_location()
    other = server.add_location("other")
    kiosk = Journal(tmp_path / "kiosk.db")
    wrong = kiosk.enrol(server, other)
    assert wrong.status_code == 409
    assert "other" in wrong.json()["message"]
    assert kiosk.enrol(server, token).ok
    assert kiosk.enrol(server, token).status_code == 401
    assert answer_of(kiosk).acked.seq == kiosk.head().seq


def test_a_token_that_is_too_old_or_revoked_is_refused(tmp_path: Path, server: Server) -> None:
    kiosk = Journal(tmp_path / "kiosk.db")
    token = server.add_location()
    server.clock.wall_ms += enrolment.ENROL_VALID_MS + 1
    assert kiosk.enrol(server, token).status_code == 401
    again = server.write(lambda c: enrolment.roll(c, LOCATION.id, "test", server.clock.wall_ms))
    assert kiosk.enrol(server, again).ok
    assert kiosk.send([]).ok  # it was known a moment ago, and is not any more
    server.write(lambda c: enrolment.revoke(c, LOCATION.id, "test", server.clock.wall_ms))
    assert kiosk.send([]).status_code == 401


def test_the_location_key_is_not_readable_in_the_database(server: Server, kiosk: Journal) -> None:
    row = server.rows(schema.location)[0]
    assert LOCATION_KEY not in row.key_sealed
    assert server.central.secrets.open(row.key_sealed) == LOCATION_KEY
    for written in written_by(server.folder):
        assert LOCATION_KEY not in written


def test_what_is_sent_twice_is_there_once(server: Server, kiosk: Journal) -> None:
    kiosk.put_in("A")
    first = answer_of(kiosk)
    assert answer_of(kiosk).acked == first.acked
    kiosk.put_in("B")
    assert answer_of(kiosk).acked.seq == kiosk.head().seq
    assert hashes(server) == [event.hash for event in kiosk.events()]
    assert {row.barcode: row.status for row in server.rows(schema.package)} == {
        "A": "STORED",
        "B": "STORED",
    }
    assert server.alarms() == []


def test_a_gap_is_asked_for(server: Server, kiosk: Journal) -> None:
    middle = kiosk.head().seq
    kiosk.put_in("A")
    answer = answer_of(kiosk, after=middle)
    assert answer.want_after == Place()
    assert hashes(server) == []
    answer = answer_of(kiosk)
    assert answer.want_after is None
    assert answer.acked.seq == kiosk.head().seq


def test_a_number_used_for_another_event_is_quarantined_and_the_rest_goes_on(
    server: Server, kiosk: Journal
) -> None:
    answer_of(kiosk)
    events = kiosk.events()
    forged = events[3].model_copy(update={"body": '{"actor":"nobody"}', "hash": "ab" * 32})
    kiosk.put_in("A")
    answer = kiosk.send([forged, *kiosk.events(events[-1].seq)])
    said = SyncAnswer.model_validate_json(answer.content)
    assert [each.seq for each in said.parked] == [forged.seq]
    assert said.acked.seq == kiosk.head().seq
    assert hashes(server) == [event.hash for event in kiosk.events()]
    assert server.alarms() == ["alarm:quarantine"]


def test_an_event_that_cannot_be_read_does_not_stop_those_behind_it(
    server: Server, kiosk: Journal
) -> None:
    events = kiosk.events()
    events[2] = events[2].model_copy(update={"body": "no JSON"})
    said = SyncAnswer.model_validate_json(kiosk.send(events).content)
    assert [each.seq for each in said.parked] == [events[2].seq]
    assert said.acked.seq == events[-1].seq
    assert len(hashes(server)) == len(events) - 1
    again = SyncAnswer.model_validate_json(kiosk.send(events).content)
    assert again.acked.seq == events[-1].seq


def test_a_message_that_the_network_held_up_is_no_cut_journal(
    server: Server, kiosk: Journal
) -> None:
    def message(monotonic_ms: int, boot_id: str = "boot") -> str:
        status = Status(boot_id=boot_id, monotonic_ms=monotonic_ms, queue=monotonic_ms)
        events = tuple(kiosk.events())
        return SyncRequest(
            epoch=events[-1].epoch, events=events, head=kiosk.head(), status=status, is_idle=True
        ).model_dump_json()

    def send(text: str) -> None:
        url = f"{server.url}/v1/locations/{kiosk.location.id}/sync"
        headers = {"authorization": f"Bearer {kiosk.token}"}
        assert requests.post(url, data=text, headers=headers, timeout=20).ok

    early = message(1)
    kiosk.put_in("A")
    late = message(2)
    send(late)
    send(early)
    assert server.alarms() == []
    [row] = server.rows(schema.location)
    assert json.loads(row.status)["queue"] == 2
    assert row.seq == kiosk.head().seq
    kiosk.put_in("B")
    send(message(1, "the next boot"))
    send(late)
    assert server.alarms() == []
    [row] = server.rows(schema.location)
    assert json.loads(row.status)["boot_id"] == "the next boot"
    assert row.seq == kiosk.head().seq


def test_a_journal_that_was_cut_is_noticed(server: Server, kiosk: Journal) -> None:
    kiosk.put_in("A")
    answer_of(kiosk)
    cut = kiosk.events()[-3]
    kiosk.send([], Place(epoch=cut.epoch, seq=cut.seq, hash=cut.hash))
    assert server.alarms() == ["alarm:journal-cut"]


def test_a_server_restored_from_a_backup_gets_what_it_lost(tmp_path: Path) -> None:
    clock = TurnedClock()
    server = Server(tmp_path / "central", clock)
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    answer_of(kiosk)
    server.stop()
    copy_server(server.folder, tmp_path / "backup")
    server = Server(server.folder, clock)
    server.start()
    kiosk.url = server.url
    before = kiosk.head().seq
    kiosk.put_in("A")
    answer_of(kiosk, after=before)
    server.stop()

    restored = Server(tmp_path / "backup", clock)
    restored.start()
    try:
        kiosk.url = restored.url
        wanted = SyncAnswer.model_validate_json(kiosk.send([]).content).want_after
        assert wanted is not None
        assert wanted.seq == before
        answer_of(kiosk, after=wanted.seq)
        assert hashes(restored) == [event.hash for event in kiosk.events()]
    finally:
        restored.stop()
    kiosk.store.close()


def test_a_fact_is_taken_and_marked_where_the_server_knew_it_otherwise(
    server: Server, kiosk: Journal
) -> None:
    package = kiosk.put_in("A")
    answer_of(kiosk)
    table = schema.package
    server.write(
        lambda c: c.execute(table.update().where(table.c.id == package).values(status="COLLECTED"))
    )
    seq = kiosk.head().seq
    kiosk.take_out(package)
    answer_of(kiosk, after=seq)
    assert server.rows(table)[0].status == "RETRIEVED"
    forced = [row for row in server.rows(schema.event) if row.is_forced]
    assert [row.kind for row in forced] == ["PACKAGE_RETRIEVED"]


def test_a_kiosk_gets_its_own_events_back_and_no_others(
    tmp_path: Path, server: Server, kiosk: Journal
) -> None:
    import requests

    answer_of(kiosk)
    url = f"{server.url}/v1/locations/{LOCATION.id}/events"
    asked: dict[str, str | int] = {"epoch": kiosk.head().epoch, "after": 2}
    headers = {"authorization": f"Bearer {kiosk.token}"}
    answer = requests.get(url, params=asked, headers=headers, timeout=20)
    assert [each["hash"] for each in answer.json()["events"]] == [
        event.hash for event in kiosk.events(2)
    ]
    server.add_location("other")
    url = f"{server.url}/v1/locations/other/events"
    assert requests.get(url, params=asked, headers=headers, timeout=20).status_code == 401


@pytest.mark.parametrize("field", ["cursor", "clock_ms", "left_mm"])
def test_a_number_that_no_database_holds_is_refused_by_name(kiosk: Journal, field: str) -> None:
    request = SyncRequest(epoch="e", head=Place(), status=Status(), layout=layout_of(LOCATION))
    message = json.loads(request.model_dump_json())
    holder = {"cursor": message, "clock_ms": message["status"]}
    holder["left_mm"] = message["layout"]["slots"][0]
    holder[field][field] = 10**30
    answer = requests.post(
        f"{kiosk.url}/v1/locations/{LOCATION.id}/sync",
        json=message,
        headers={"authorization": f"Bearer {kiosk.token}"},
        timeout=20,
    )
    assert answer.status_code == 422
    assert field in answer.json()["problems"][0]["field"]
