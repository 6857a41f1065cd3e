"""The JSON schema of the commands is the one that both ends hold to, also for earlier bodies."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
import requests
from sqlalchemy import Connection, insert

from central import schema
from central.sync import commands, staff
from kiosk.model.command_schema import FILE, command_schema, text
from kiosk.model.commands import (
    ChangeSettings,
    ChooseRelease,
    CommandType,
    EndDelegate,
    ListStaff,
    NameDelegate,
    Open,
    Pause,
    PauseReason,
    ReleaseDoor,
    ReserveDoor,
    Restart,
    Resume,
    SendSupportFile,
    SlotService,
    TakePicture,
    TrustKey,
    read_command,
)
from kiosk.model.location import Service
from kiosk.store import commands as kiosk_commands
from kiosk.sync.receiving import receive
from tests.support.central_server import LOCATION, Journal, Server, announce
from tests.support.operators import sync

VALIDATOR = jsonschema_rs.Draft202012Validator(command_schema())

EARLIER: dict[CommandType, list[dict[str, Any]]] = {
    CommandType.ANNOUNCE: [
        {
            "barcode": "A",
            "is_alone": False,
            "needs_low": True,
            "package": "p-1",
            "recipient": {"id": "r-1"},
            "size": None,
        },
        {"barcode": "A", "package": "p-1"},
    ],
    CommandType.CANCEL: [{"barcode": "A", "package": "p-1", "why": "recalled by the sender"}],
    CommandType.REISSUE: [{"counter": 2, "package": "p-1"}],
    CommandType.EXTEND: [{"days": 1, "package": "p-1"}],
    CommandType.CONTACT: [{"package": "p-1", "recipient": {"id": "r-1"}}],
    CommandType.SLOT_SERVICE: [{"reason": "", "service": "IN_SERVICE", "slot": "3"}],
    CommandType.RESERVE_DOOR: [{"reservation": "r-1", "size": "S", "until_ms": 1_798_761_600_000}],
    CommandType.RELEASE_DOOR: [{"reservation": "r-1"}],
    CommandType.OPEN: [{"slot": "3"}],
    CommandType.STAFF: [
        {
            "staff": [
                {
                    "badge_hash": "",
                    "name": "Kim",
                    "number": "17",
                    "pin_hash": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
                    "role": "courier",
                    "valid_from_ms": None,
                    "valid_until_ms": None,
                }
            ]
        },
        {"staff": []},
    ],
}
"""Bodies as version 0.1 wrote them into the server's table."""
EARLIER_ROWS = [(kind, body) for kind, bodies in EARLIER.items() for body in bodies]


def sent(kind: object, body: object, **more: object) -> dict[str, Any]:
    return {"n": 1, "id": "c-1", "type": kind, "body": body, **more}


def test_the_file_is_what_the_models_say() -> None:
    found = FILE.read_text(encoding="utf-8")
    assert found == text(), "run: python -m kiosk.model.command_schema"


def test_all_that_the_server_sends_is_as_the_schema_says(server: Server, kiosk: Journal) -> None:
    sync(kiosk)
    headers = server.add_key()
    package = announce(server, headers, "A").json()["id"]
    staff_of = (server.central, "test", "17", "Kim", "courier", "1234")
    server.write(staff.add, *staff_of)
    kiosk.announce("A", package)
    kiosk.put_in("A")
    sync(kiosk)
    url = f"{server.url}/v1/packages/{package}"
    for method, path, body in (
        ("POST", "extend", {"days": 1}),
        ("POST", "code", {"user_id": "eva"}),
        ("PUT", "recipient", {"name": "Bo", "email": "bo@example.org"}),
        ("POST", "cancel", {}),
    ):
        answer = requests.request(method, f"{url}/{path}", json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
    now_ms = server.clock.wall_ms
    named = NameDelegate(package=package, delegate="d", until_ms=now_ms)
    delegates = named, EndDelegate(package=package, delegate="d")
    key = TrustKey(public_key="00" * 32)
    kept = ReserveDoor(reservation="r", size="S", until_ms=now_ms), ReleaseDoor(reservation="r")
    served = SlotService(slot="3", service=Service.IN_SERVICE)
    helped = (
        *(Restart(), Pause(reason=PauseReason.MAINTENANCE), Resume(), TakePicture()),
        *(SendSupportFile(), ChangeSettings(settings={"policy.hold_days": 4, "look.night": None})),
    )
    chosen = ChooseRelease(release="1.4.0", rollout="r", sha256={"cp311-x86_64": "0a" * 32})
    for command in (served, Open(slot="3"), key, *kept, *helped, *delegates, chosen):
        server.write(commands.queue, LOCATION.id, command, "op", now_ms)
    came = [each for each in sync(kiosk).commands if isinstance(each, dict)]
    assert {each["type"] for each in came} == {kind.value for kind in CommandType}
    for each in came:
        VALIDATOR.validate(each)
        assert receive(each).command is not None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("extend", {"package": "p", "days": 31}),
        ("extend", {"package": "p", "days": "2"}),
        ("extend", {"days": 1}),
        ("reissue", {"package": "p", "counter": 0}),
        ("reissue", {"package": "", "counter": 1}),
        ("slot_service", {"slot": "3", "service": "OFF"}),
        ("slot_service", {"slot": "3" * 65, "service": "IN_SERVICE"}),
        ("staff", {"staff": "nobody"}),
        ("staff", {"staff": [{"number": "1", "name": "", "role": "courier", "pin_hash": "x"}]}),
        ("announce", {"package": "p", "barcode": "A", "recipient": "Eva"}),
        ("announce", {"package": "p", "barcode": "A", "is_alone": 1}),
        ("contact", {"package": "p"}),
        ("open", {"slot": "3", "signed_ms": 5}),
        ("open", {"slot": "3", "signed_ms": 4_102_444_800_000}),
        ("release.choose", {"release": "1.4", "rollout": "r"}),
        ("release.choose", {"release": "1.4.0-rc1", "rollout": "r"}),
        ("release.choose", {"release": "1.4.0"}),
        ("release.choose", {"release": "1.4.0", "rollout": "r", "sha256": {"windows": "0a" * 32}}),
        ("release.choose", {"release": "1.4.0", "rollout": "r", "sha256": {"cp311-x86_64": "x"}}),
        ("dance", {}),
    ],
)
def test_what_the_schema_refuses_the_kiosk_refuses(kind: str, body: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(sent(kind, body))
    received = receive(sent(kind, body))
    assert received.command is None
    assert received.problem


@pytest.mark.parametrize(("kind", "body"), EARLIER_ROWS)
def test_bodies_of_an_earlier_version_are_read(kind: CommandType, body: dict[str, Any]) -> None:
    VALIDATOR.validate(sent(kind.value, body))
    assert read_command(kind, body).type is kind
    assert receive(sent(kind.value, body)).command == read_command(kind, body)


def test_commands_that_an_earlier_server_wrote_are_sent_and_what_no_kiosk_knows_is_answered(
    server: Server, kiosk: Journal
) -> None:
    sync(kiosk)
    package = announce(server, server.add_key(), "A").json()["id"]
    person = server.rows(schema.package)[0].recipient
    earlier = [
        (kind.value, json.dumps(body).replace("p-1", package).replace("r-1", person))
        for kind, body in EARLIER_ROWS
    ]
    unfit = [("dance", "{}"), ("extend", "{}"), ("open", "no JSON"), ("cancel", "[]")]

    def write(connection: Connection) -> None:
        for n, (kind, body) in enumerate([*unfit, *earlier], 100):
            row = {"location": LOCATION.id, "n": n, "id": f"c-{n}", "type": kind, "body": body}
            row["created_ms"] = server.clock.wall_ms
            connection.execute(insert(schema.command).values(**row))

    server.write(write)
    came = [receive(each) for each in sync(kiosk).commands]
    assert [each.type for each in came] == ["announce", *(kind for kind, _ in earlier)]
    assert all(each.command is not None for each in came)
    answers = {row.n: (row.state, row.answer) for row in server.rows(schema.command)}
    assert answers[100] == ("REFUSED", "not sent: the command 'dance' is not known to this version")
    assert "package: it is missing" in answers[101][1]
    assert answers[102] == ("REFUSED", "not sent: its body is no JSON")
    assert answers[103] == ("REFUSED", "not sent: its body is no object")


def test_a_list_of_nobody_is_a_list(kiosk: Journal) -> None:
    body: dict[str, Any] = {"staff": []}
    assert read_command("staff", body) == ListStaff(staff=())
    assert kiosk.do(kiosk_commands.apply, receive(sent("staff", body)), "UTC")
