"""A link that stays dead is helped: it, the modem, the machine; each once, and never the kiosk."""

from __future__ import annotations

from pathlib import Path

from config.base.parcel_link import Outage, read, step_for, write

MISSING: dict[str, object] = {
    "is_well": None,
    "why": "the server was not reached for 90 s",
    "is_idle": True,
    "reaches_server": False,
}
WELL: dict[str, object] = {"is_well": True, "is_idle": True, "reaches_server": True}
DAY_S, LOOK_S = 86_400, 300


def steps(health: dict[str, object], begun_s: int, ended_s: int, outage: Outage) -> list[object]:
    """What is done, and how many minutes after the beginning, with a look every five minutes."""
    found: list[object] = []
    for now_s in range(begun_s, ended_s, LOOK_S):
        if step := step_for(outage, health, now_s):
            found.append((step, (now_s - begun_s) // 60))
    return found


def test_the_longer_it_lasts_the_more_is_done_and_each_once() -> None:
    done = steps(MISSING, DAY_S, 3 * DAY_S, Outage())
    assert done == [("link", 10), ("modem", 30), ("machine", 360)]


def test_after_the_server_answered_it_begins_again() -> None:
    outage = Outage()
    assert steps(MISSING, 0, 1_200, outage) == [("link", 10)]
    assert steps(WELL, 1_200, 1_500, outage) == []
    assert steps(MISSING, 1_500, 2_700, outage) == [("link", 10)]


def test_a_machine_is_not_restarted_under_somebody_nor_twice_a_day() -> None:
    busy = {**MISSING, "is_idle": False}
    assert steps(busy, DAY_S, 3 * DAY_S, Outage()) == [("link", 10), ("modem", 30)]
    fresh = steps(MISSING, 0, DAY_S + LOOK_S, Outage())
    assert fresh == [("link", 10), ("modem", 30), ("machine", 1440)]


def test_a_kiosk_that_says_nothing_or_has_another_trouble_is_no_dead_link() -> None:
    assert steps({}, 0, DAY_S, Outage()) == []
    for reaches_server in (True, None):
        ill = {"is_well": False, "why": "a board is away", "reaches_server": reaches_server}
        assert steps(ill, 0, DAY_S, Outage()) == []


def test_a_link_is_helped_whatever_else_is_wrong_with_the_kiosk() -> None:
    ill = {**MISSING, "is_well": False, "why": "a board is away"}
    done = steps(ill, DAY_S, 3 * DAY_S, Outage())
    assert done == [("link", 10), ("modem", 30), ("machine", 360)]


def test_what_was_done_is_remembered_and_nonsense_is_not(tmp_path: Path) -> None:
    (tmp_path / "run/parcel-keeper").mkdir(parents=True)
    write(str(tmp_path), Outage(600.0, 2))
    assert read(str(tmp_path)) == Outage(600.0, 2)
    (tmp_path / "run/parcel-keeper/link.json").write_text('["nonsense"]')
    assert read(str(tmp_path)) == Outage()
