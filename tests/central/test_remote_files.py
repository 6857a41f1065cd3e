"""Files that kiosks send: only what was asked for, by the kiosk that it was asked of, and kept
shortly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import requests

from central import schema
from central.auth import Role
from central.errors import RequestError
from central.remote import asking, files
from kiosk.model.clock import HOUR_MS
from kiosk.model.commands import Pause, PauseReason, Restart, SendSupportFile, TakePicture
from kiosk.store import commands as kiosk_commands
from kiosk.store import remote_help
from kiosk.sync.contract import FILE_MAX_BYTES, HELP_VALID_MS
from kiosk.sync.receiving import receive
from tests.support.central_server import LOCATION, Journal, Server
from tests.support.operators import Browser, sync

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


def ask(server: Server, command: asking.Help) -> str:
    found: str = server.write(asking.ask, server.central, LOCATION.id, command, "test", "a look")
    return found


def send(kiosk: Journal, command: str, content: bytes, place: str = LOCATION.id) -> int:
    answer = requests.put(
        f"{kiosk.url}/v1/locations/{place}/files",
        params={"command": command},
        data=content,
        headers={"authorization": f"Bearer {kiosk.token}"},
        timeout=20,
    )
    return answer.status_code


def test_only_what_was_asked_for_is_taken_in(
    server: Server, kiosk: Journal, tmp_path: Path
) -> None:
    other = Journal(tmp_path / "other.db", replace(LOCATION, id="other"))
    assert other.enrol(server, server.add_location("other")).ok
    picture, restart = ask(server, TakePicture()), ask(server, Restart())
    assert send(other, picture, PNG) == 401
    assert send(other, picture, PNG, "other") == 409
    assert send(kiosk, "made-up", PNG) == 409
    assert send(kiosk, restart, PNG) == 409
    assert send(kiosk, picture, b"<html>") == 422
    assert send(kiosk, picture, PNG + bytes(FILE_MAX_BYTES)) == 413
    assert server.rows(schema.location_file) == []
    assert send(kiosk, picture, PNG) == 200
    assert send(kiosk, picture, PNG + b"another") == 200, "one that comes again is the same"
    browser = Browser(server, Role.OPERATOR)
    shown = browser.get(f"/files/{picture}")
    assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png")
    assert "Remote screen picture seen" in browser.get("/audit").text
    other.store.close()


def test_a_file_is_kept_sealed_and_for_a_day(server: Server, kiosk: Journal) -> None:
    command = ask(server, SendSupportFile())
    assert send(kiosk, command, b"PK\x03\x04 and more") == 200
    [row] = server.rows(schema.location_file)
    assert b"PK" not in row.content
    server.tidy(server.clock.wall_ms + files.KEPT_H * HOUR_MS)
    assert len(server.rows(schema.location_file)) == 1
    server.tidy(server.clock.wall_ms + files.KEPT_H * HOUR_MS + 1)
    assert server.rows(schema.location_file) == []


def test_a_file_that_comes_too_late_is_not_taken(server: Server, kiosk: Journal) -> None:
    command = ask(server, TakePicture())
    server.clock.wall_ms += 2 * HELP_VALID_MS + 1
    assert send(kiosk, command, PNG) == 409


def test_remote_help_of_a_location_has_a_ceiling(server: Server, kiosk: Journal) -> None:
    for _ in range(asking.AN_HOUR_MAX):
        ask(server, Restart())
    with pytest.raises(RequestError, match="too much remote help"):
        ask(server, Restart())


def test_a_setting_that_no_form_offers_is_refused(server: Server, kiosk: Journal) -> None:
    browser = Browser(server, Role.ADMIN)
    for name, text in (("policy.pin_wait_max_s", "60"), ("look.night", "x" * 65)):
        answer = browser.post(f"/locations/{LOCATION.id}/setting", setting=name, value=text)
        assert answer.ok
        assert name in answer.text
    assert server.rows(schema.command) == []


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("true", True), ("", None), ("21:00-06:00", "21:00-06:00")]
)
def test_a_setting_is_read_as_a_form_says_it(text: str, value: object) -> None:
    read = asking.setting_of("policy.hold_days", text).settings["policy.hold_days"]
    assert (read, type(read)) == (value, type(value))


def test_a_pause_that_a_technician_took_back_says_so_at_the_page(
    server: Server, kiosk: Journal
) -> None:
    pause = ask(server, Pause(reason=PauseReason.MAINTENANCE))
    for each in sync(kiosk).commands:
        proven = replace(receive(each), is_proven=True)
        kiosk.do(kiosk_commands.apply, proven, "UTC")
    kiosk.do(remote_help.take_back, "staff:99")
    sync(kiosk)
    [row] = [each for each in server.rows(schema.command) if each.id == pause]
    assert (row.state, row.answer) == ("DONE", "taken back at the panel by staff:99")
    page = Browser(server, Role.OPERATOR).get(f"/locations/{LOCATION.id}").text
    assert "taken back at the panel by staff:99" in page
