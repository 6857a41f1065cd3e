"""One real window for all tests of the screens: a process can have no second one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.gallery.panels import PANELS
from tests.support.fake_user import FakeUser
from tests.support.panel_spots import Spots, spots
from tests.support.screen import own_screen
from tests.support.window_bench import PLACE, VIEWS

SMALL = PANELS["540x960"]


@pytest.fixture(scope="session")
def kivy() -> Iterator[SimpleNamespace]:
    """Kivy with the kiosk's settings and one window on a screen of its own."""
    from kiosk.ui.environment import prepare

    with own_screen(SMALL.width_px, SMALL.height_px) as screen:
        before = dict(os.environ)
        os.environ.update(DISPLAY=screen.environment["DISPLAY"], SDL_VIDEODRIVER="x11")
        prepare(SMALL, (SMALL.width_px, SMALL.height_px, 0, 0), frames_per_second=0)
        from kivy.base import EventLoop
        from kivy.clock import Clock
        from kivy.core.window import Window
        from kivy.tests.common import UnitTestTouch

        from kiosk.ui import window as kiosk_window

        Window.create_window()
        Window.register()
        Window.initialized = True
        EventLoop.window = Window
        yield SimpleNamespace(
            Clock=Clock, EventLoop=EventLoop, Window=Window, Touch=UnitTestTouch, ui=kiosk_window
        )
        Window.close()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def where() -> Spots:
    """Where things stand on the screens of a kiosk in a window of 540 × 960."""
    with own_screen(600, 1000) as screen, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", screen.environment["DISPLAY"])
        return spots(VIEWS, PLACE)


@pytest.fixture
def fake_user(kivy: SimpleNamespace) -> FakeUser:
    return FakeUser(kivy, SMALL)
