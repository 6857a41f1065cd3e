"""Many kiosks wait at one server: who something is there for hears of it, and nobody else does."""

from __future__ import annotations

import asyncio
import json
import os

from tests.load.waiting import waited_at, wake

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
KIOSKS, WOKEN = (10_000, 200) if IS_NIGHTLY else (150, 10)


def test_those_that_something_is_there_for_are_woken_and_no_others() -> None:
    some = range(0, KIOSKS, KIOSKS // WOKEN)
    with waited_at(KIOSKS) as servers:
        woken = asyncio.run(wake(servers, KIOSKS, some, quiet_s=0))
    print(json.dumps(woken.said()))
    assert set(woken.took_ms) == set(some)
    assert woken.for_nothing == 0
