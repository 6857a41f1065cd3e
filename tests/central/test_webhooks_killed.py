"""A server that is killed while it sends webhooks loses none, and keeps them in order."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import requests

from tests.support.central_server import LOCATION, Journal, announce, wait_until
from tests.support.operators import obey, sync
from tests.support.server_process import ServerProcess
from tests.support.webhook_receiver import ReceiverProcess, receiver_process

ROUNDS = 6 if os.environ.get("TEST_BUDGET") == "nightly" else 3
KILLED_AFTER = (1, 3, 4) if os.environ.get("TEST_BUDGET") == "nightly" else (1,)
"""Each costs the time of a lease."""
STORY = ["package.announced", "package.deposited", "package.picked_up"]


def test_none_is_lost_however_often_the_server_is_killed(tmp_path: Path) -> None:
    config = tmp_path / "central.toml"
    config.write_text('[webhooks]\naddresses = ["127.0.0.1"]\n', encoding="utf-8")
    server = ServerProcess(tmp_path / "central", config)
    server.run("init")
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    with receiver_process() as receiver:
        try:
            assert kiosk.enrol(server, server.add_location(LOCATION.id)).ok  # type: ignore[arg-type]
            headers = {"authorization": f"Bearer {server.run('key', 'add', 'shop').strip()}"}
            register(server, receiver, headers)
            ids = [one_round(server, kiosk, receiver, headers, number) for number in range(ROUNDS)]
            wait_until(lambda: received(receiver).keys() >= set(ids), 60)
            wait_until(lambda: all(received(receiver)[each][-1] == STORY[-1] for each in ids), 60)
        finally:
            server.kill()
            kiosk.store.close()
        for name in ids:
            # What came twice came again from where it was: without that, the story.
            assert without_repeats(received(receiver)[name]) == STORY
        came = receiver.came("killed")
        assert {each["problem"] for each in came} == {""}
        # By its id whoever receives knows what came twice.
        by_id = defaultdict[str, set[str]](set)
        for each in came:
            by_id[each["id"]].add(each["text"])
        assert all(len(texts) == 1 for texts in by_id.values())
        numbers = {each["data"]["sequence"] for each in came if "sequence" in each["data"]}
        assert numbers == set(range(1, max(numbers) + 1))  # none is missing


def register(server: ServerProcess, receiver: ReceiverProcess, headers: dict[str, str]) -> None:
    body = {"url": receiver.url("killed"), "events": ["package.*"]}
    made = requests.post(f"{server.url}/v1/webhooks", json=body, headers=headers, timeout=20)
    assert made.status_code == 201, made.text
    receiver.tell("killed", secret=made.json()["secret"])
    wait_until(lambda: server.rows("SELECT feeds FROM location")[0][0] == "webhooks")


def one_round(
    server: ServerProcess,
    kiosk: Journal,
    receiver: ReceiverProcess,
    headers: dict[str, str],
    number: int,
) -> str:
    """A package comes and is fetched; in some rounds the server dies while its webhooks are on
    their way."""
    is_killed, before = number in KILLED_AFTER, len(receiver.came("killed"))
    receiver.tell("killed", mode="hang" if is_killed else "ok")
    barcode = f"B{number}"
    package = str(announce(server, headers, barcode).json()["id"])
    obey(kiosk)
    kiosk.put_in(barcode)
    kiosk.take_out(package)
    sync(kiosk)
    if is_killed:
        wait_until(lambda: len(receiver.came("killed")) > before)
        server.kill()
        receiver.tell("killed", mode="ok")
        server.start()
    return package


def received(receiver: ReceiverProcess) -> dict[str, list[str]]:
    """What was taken of each package, in the order in which it came."""
    found = defaultdict[str, list[str]](list)
    for each in receiver.came("killed"):
        if each["mode"] == "ok" and "package" in each["data"]:
            found[each["data"]["package"]].append(each["type"])
    return found


def without_repeats(types: list[Any]) -> list[Any]:
    return [each for at, each in enumerate(types) if each not in types[:at]]
