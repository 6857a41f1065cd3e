"""The simulator's hint: it follows what is going on, and else says what to try next."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from drivers.simulator.window_hint import Scene, hint

CALM = Scene(has_code=True)


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        (Scene(), "Deliver a package"),
        (CALM, "Enter a code from a phone"),
        (replace(CALM, has_fetched=True), "Deliver a package"),
        (replace(CALM, has_brought=True), "Enter a code from a phone"),
        (replace(CALM, has_fetched=True, has_brought=True), "cause trouble"),
        (replace(CALM, open_slots=["7"]), "Door 7 is open. Touch it to close it"),
        (replace(CALM, open_slots=["7", "8"]), "2 doors are open"),
        (replace(CALM, jammed_slots=["7"]), "lock of door 7 is jammed"),
        (replace(CALM, jammed_slots=["7"], open_slots=["7"]), "Door 7 is open"),
        (replace(CALM, is_cabled=False), "The cable is unplugged"),
        (replace(CALM, is_networked=False), "The network is off"),
        (replace(CALM, is_networked=False, open_slots=["7"]), "Door 7 is open"),
        (replace(CALM, is_powered=False, open_slots=["7"]), "The power is off"),
    ],
)
def test_the_hint_follows_what_is_going_on(scene: Scene, said: str) -> None:
    assert said in hint(scene)


def test_without_a_scanner_nobody_is_asked_to_scan() -> None:
    for has_code, has_fetched, has_brought in product([False, True], repeat=3):
        scene = Scene(
            has_scanner=False, has_code=has_code, has_fetched=has_fetched, has_brought=has_brought
        )
        assert "scan" not in hint(scene) and "touch" not in hint(scene)
