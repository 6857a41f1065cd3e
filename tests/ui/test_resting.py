"""What the window does while nobody is there: little, and it still says when it cannot draw."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest


@pytest.fixture
def sixty_per_s(kivy: SimpleNamespace) -> Iterator[None]:
    """The clock's usual rate; the other tests' clock never waits."""
    before = kivy.Clock._max_fps
    kivy.Clock._max_fps = 60.0
    yield
    kivy.Clock._max_fps = before


def test_nobody_there_slows_the_clock_down_and_a_touch_wakes_it(
    kivy: SimpleNamespace, sixty_per_s: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiosk.ui import frame_rate

    monkeypatch.setattr(frame_rate, "REST_AFTER_S", 0)
    rate = frame_rate.FrameRate()
    assert not rate.is_resting

    kivy.Clock.tick()
    assert rate.is_resting

    rate.wake()
    assert not rate.is_resting
    rate.stop()
    kivy.Clock.tick()
    assert not rate.is_resting


def test_what_was_heard_is_handed_on_without_a_sleep_before_it(
    kivy: SimpleNamespace, sixty_per_s: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiosk.ui import frame_rate

    slept = list[float]()
    sleep = kivy.Clock.usleep

    def counted(microseconds: float) -> None:
        slept.append(microseconds)
        sleep(microseconds)

    monkeypatch.setattr(kivy.Clock, "usleep", counted)
    rate = frame_rate.FrameRate()
    kivy.Clock.tick()
    kivy.Clock.tick()
    assert slept, "the control: it sleeps between two rounds"

    slept.clear()
    rate.hurry()
    kivy.Clock.tick()
    assert not slept
    kivy.Clock.tick()
    assert slept, "for one round only"
    rate.stop()


def test_what_is_drawn_out_of_sight_is_read_back(kivy: SimpleNamespace) -> None:
    from kiosk.ui.drawing_probe import DrawingProbe

    probe = DrawingProbe()

    assert [probe.draws() for _ in range(4)] == [True] * 4


def test_a_picture_that_does_not_change_is_found(
    kivy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiosk.ui import drawing_probe

    probe = drawing_probe.DrawingProbe()
    assert probe.draws()
    monkeypatch.setattr(probe, "_fbo", SimpleNamespace(draw=lambda: None, pixels=probe._fbo.pixels))

    assert not probe.draws()
