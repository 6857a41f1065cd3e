"""What a server may do to a kiosk to help it: so much an hour, and nothing that does not end."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from config import DEMO_SITE, load_site
from config.schema import Site
from kiosk.model.clock import DAY_MS, HOUR_MS, Instant
from kiosk.model.commands import (
    REMOTE_SETTINGS,
    ChangeSettings,
    Command,
    CommandType,
    Pause,
    PauseReason,
    Restart,
    Resume,
    TakePicture,
    UnfitCommandError,
    read_command,
)
from kiosk.remote_helper import keep_settings, settings_in
from kiosk.site_model import with_kept_settings, with_settings
from kiosk.store import commands, remote_help
from kiosk.store.commands import Received
from kiosk.store.errors import RefusedError
from kiosk.store.remote_help import CLOSED_MAX_MS, Paused
from kiosk.store.store import Store
from kiosk.ui.picture import Pixels

NOW_MS = 1_798_761_600_000


class TurnedClock:
    """A clock that a test turns, and that may not be trusted."""

    def __init__(self) -> None:
        self.at = Instant(NOW_MS, NOW_MS, "boot", True)

    def now(self) -> Instant:
        return self.at

    def turn(self, by_ms: int, *, is_trusted: bool = True) -> None:
        self.at = replace(self.at, wall_ms=self.at.wall_ms + by_ms, is_trusted=is_trusted)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def do(tmp_path: Path, clock: TurnedClock) -> Iterator[Callable[..., Any]]:
    store = Store(tmp_path / "kiosk.db", clock, random.Random(1), threaded=False)  # type: ignore[arg-type]
    yield lambda operation, *args: store.submit(operation, *args).result()
    store.close()


class Server:
    """What the server sends, one command after another."""

    def __init__(self, do: Callable[..., Any]) -> None:
        self._do, self._n = do, 0

    def send(self, command: Command, *, is_proven: bool = True) -> None:
        self._n += 1
        received = Received(
            self._n, f"c-{self._n}", command.type.value, command, is_proven=is_proven
        )
        self._do(commands.apply, received, "UTC")


@pytest.fixture
def server(do: Callable[..., Any]) -> Server:
    return Server(do)


@pytest.mark.parametrize(
    "command",
    [
        Restart(),
        TakePicture(),
        Pause(reason=PauseReason.MAINTENANCE),
        Resume(),
        ChangeSettings(settings={"policy.hold_days": 4}),
    ],
    ids=lambda each: each.type,
)
def test_only_so_many_within_an_hour_whatever_the_server_says(
    server: Server, clock: TurnedClock, command: Command
) -> None:
    with pytest.raises(RefusedError, match="signed"):
        server.send(command, is_proven=False)
    for _ in range(remote_help.AN_HOUR_MAX[command.type]):
        server.send(command)
    for by_ms in (0, HOUR_MS - 1, -HOUR_MS + 1):
        clock.turn(by_ms)
        with pytest.raises(RefusedError, match="within an hour"):
            server.send(command)
    clock.turn(2 * HOUR_MS)
    server.send(command)


def test_a_pause_ends_at_its_time_or_when_it_is_taken_back(
    do: Callable[..., Any], server: Server, clock: TurnedClock
) -> None:
    until_ms = NOW_MS + 2 * HOUR_MS
    server.send(Pause(reason=PauseReason.SITE_CLOSED, until_ms=until_ms))
    assert do(remote_help.paused) == Paused(PauseReason.SITE_CLOSED, until_ms, False)
    clock.turn(2 * HOUR_MS)
    assert do(remote_help.paused) is None
    server.send(Pause(reason=PauseReason.MAINTENANCE))
    clock.turn(40 * DAY_MS)
    assert do(remote_help.paused) == Paused(PauseReason.MAINTENANCE, None, False)
    server.send(Resume())
    assert do(remote_help.paused) is None


@pytest.mark.parametrize("until_ms", [None, NOW_MS + 30 * DAY_MS])
def test_what_keeps_people_from_their_packages_ends_by_itself(
    do: Callable[..., Any], server: Server, clock: TurnedClock, until_ms: int | None
) -> None:
    closing = Pause(reason=PauseReason.OUT_OF_ORDER, until_ms=until_ms, is_closed=True)
    server.send(closing)
    paused = do(remote_help.paused)
    assert (paused.is_closed, paused.until_ms) == (True, NOW_MS + CLOSED_MAX_MS)
    for by_ms, is_trusted in ((-1, True), (DAY_MS + 1, True), (-DAY_MS, False)):
        clock.turn(by_ms, is_trusted=is_trusted)
        assert do(remote_help.paused) is None
    with pytest.raises(RefusedError, match="does not know what time it is"):
        server.send(closing)


def test_what_ends_with_the_next_start_is_reported_then(
    do: Callable[..., Any], server: Server
) -> None:
    server.send(Restart())
    server.send(ChangeSettings(settings={"policy.hold_days": 4}))
    assert do(remote_help.end_begun) == 2
    assert do(remote_help.end_begun) == 0


def test_settings_are_kept_together_and_taken_back_one_by_one(
    do: Callable[..., Any], server: Server
) -> None:
    server.send(ChangeSettings(settings={"policy.hold_days": 4, "look.night": ""}))
    server.send(ChangeSettings(settings={"policy.hold_days": None, "sound.volume_percent": 20}))
    assert do(remote_help.settings) == {"look.night": "", "sound.volume_percent": 20}
    with pytest.raises(RefusedError, match="not changed remotely"):
        server.send(ChangeSettings(settings={"policy.pin_wait_max_s": 60}))


SITE = load_site(DEMO_SITE)


@pytest.mark.parametrize("name", REMOTE_SETTINGS)
def test_what_may_be_changed_remotely_is_a_setting_of_the_site_file(name: str) -> None:
    table, _, key = name.partition(".")
    value = getattr(getattr(SITE, table), key)
    assert with_settings(SITE, {name: value}) == SITE


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("policy.hold_days", 8, "from 3 to 7"),
        ("policy.hold_days", "4", "from 3 to 7"),
        ("policy.late_pickup", 1, "true or false"),
        ("look.night", "25:00-06:00", "like"),
        ("server.url", "http://thief", "not changed remotely"),
        ("staff.pin_hash", "x", "not changed remotely"),
    ],
)
def test_a_setting_that_the_site_file_could_not_have_is_refused(
    name: str, value: Any, right: str
) -> None:
    with pytest.raises(RefusedError, match=right):
        with_settings(SITE, {name: value})


def test_what_was_changed_counts_at_the_next_start_and_what_does_not_fit_is_passed_over(
    tmp_path: Path,
) -> None:
    def site() -> Site:
        return with_kept_settings(SITE, tmp_path)

    assert site() == SITE
    keep_settings(tmp_path, {"policy.hold_days": 7, "policy.low_reserve": -1})
    assert site().policy == SITE.policy.model_copy(update={"hold_days": 7})
    (tmp_path / "remote-settings.json").write_text("[", encoding="utf-8")
    assert settings_in(tmp_path) == {}
    assert site() == SITE


@pytest.mark.parametrize(
    "body",
    [
        {"settings": {}},
        {"settings": {"hold_days": 4}},
        {"settings": {"policy.hold_days": 4.5}},
        {"settings": {f"policy.a{number}": 1 for number in range(30)}},
    ],
)
def test_settings_that_are_none_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UnfitCommandError, match="settings"):
        read_command(CommandType.CHANGE_SETTINGS, body)


def test_a_picture_is_a_png_of_what_was_drawn() -> None:
    lower, upper = bytes((255, 0, 0, 0)) * 2, bytes((0, 0, 255, 9)) * 2
    picture = Image.open(io.BytesIO(Pixels(2, 2, lower + upper).png()))
    assert picture.size == (2, 2)
    assert [picture.getpixel((0, row)) for row in (0, 1)] == [(0, 0, 255), (255, 0, 0)]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_picture_of_a_panel_on_its_side_is_sent_as_people_see_it(rotation: int) -> None:
    rng = random.Random(rotation)
    upright = Image.frombytes("RGBA", (7, 5), rng.randbytes(7 * 5 * 4))
    drawn = upright.rotate(rotation, expand=True)
    lowest_first = drawn.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes()
    found = Pixels(*drawn.size, lowest_first).turned_back(rotation)
    shown = Image.open(io.BytesIO(found.png()))
    assert shown.size == upright.size
    assert shown.tobytes() == upright.convert("RGB").tobytes()
