"""A network with a past, looked at in a real browser: no page is longer than somebody asks for.

Nightly 1,001 locations with a year of hours; by day a few of everything that fills a list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.adapters import SystemClock
from central.auth import Role
from central.pages.paths import HOME
from central.pages.session import COOKIE
from tests.accessibility.axe import set_width
from tests.load.fill import Past, fill
from tests.load.pages import PAGES
from tests.support.central_server import Server, TurnedClock
from tests.support.chromium import running_chromium
from tests.support.operators import Browser

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
WIDTH_PX, HEIGHT_PX = 1280, 2000


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Server]:
    now_ms = SystemClock().now_ms()
    folder = tmp_path / "central"
    server = Server(folder, TurnedClock(now_ms))
    server.start()
    server.stop()
    past = Past(1001, 366, 2, 1, now_ms) if IS_NIGHTLY else Past(60, 9, 1, 1, now_ms)
    fill(f"sqlite:///{folder / 'central.db'}", past)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.timeout(1800)  # a year of a thousand locations is nine million rows to write first
def test_no_page_is_longer_than_somebody_asks_for(filled: Server) -> None:
    admin = Browser(filled, Role.ADMIN)
    too_long = []
    with running_chromium() as window:
        window.get(f"{filled.url}{HOME}/sign-in")
        cookie = str(admin.http.cookies[COOKIE])
        window.add_cookie({"name": COOKIE, "value": cookie, "path": "/"})
        set_width(window, WIDTH_PX)
        for path in PAGES:
            if path.startswith("/places") or path.endswith("/live"):
                continue  # parts of pages
            window.get(f"{filled.url}{HOME}{path}")
            high = window.execute_script("return document.documentElement.scrollHeight")
            wide = window.execute_script("return document.documentElement.scrollWidth")
            if high > HEIGHT_PX or wide > WIDTH_PX:
                too_long.append(f"{path or 'overview'}: {wide} by {high}")
    assert not too_long, "\n".join(too_long)
