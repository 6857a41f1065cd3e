"""Thousands of openings with all faults at once: every outcome true, no unlock sent twice.

2,000 in every run, 100,000 with `TEST_BUDGET=nightly`. The harness has negative controls: banks
that lie, repeat or leak, with which it must find something.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from drivers import bank as bank_module
from drivers.bus import Bus
from drivers.bus_events import UnlockJob
from drivers.door import Outcome, Unlocked
from drivers.port import Port
from drivers.simulator.virtual import VirtualSite
from tests.support.openings import CONTROL, LINES, STEEL, run_openings

OPENINGS = 100_000 if os.environ.get("TEST_BUDGET") == "nightly" else 2_000
ENOUGH = 90
"""Openings within which a bank that is not true is found out."""


@pytest.mark.timeout(600 if OPENINGS == 2_000 else 7200)
@pytest.mark.parametrize("line", LINES)
def test_every_outcome_is_true_and_no_unlock_is_sent_twice(
    line: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    tally = run_openings(LINES[line], -(-OPENINGS // len(LINES)), seed=20261123)
    assert tally.problems == []
    # Every board at 19,200 baud has sensors, so nothing there needs a person's word.
    without_sensors = {Outcome.SENT} if line == "9600 baud" else set()
    assert set(tally.outcomes) >= set(Outcome) - {Outcome.SENT} | without_sensors
    assert set(tally.faults) == set(STEEL)


def found(
    caplog: pytest.LogCaptureFixture,
    on_site: Callable[[VirtualSite], None] = lambda site: None,
) -> str:
    caplog.set_level("CRITICAL")
    return "\n".join(run_openings(CONTROL, ENOUGH, seed=1, on_site=on_site).problems)


def test_it_would_be_found_if_unlocks_were_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pulse = Bus._pulse

    def pulse_twice(self: Bus, port: Port, job: UnlockJob, request: bytes) -> None:
        pulse(self, port, job, request)
        pulse(self, port, job, request)

    monkeypatch.setattr(Bus, "_pulse", pulse_twice)
    assert "unlocks were sent for" in found(caplog)


@pytest.mark.parametrize(
    ("true", "reported"),
    [
        (Outcome.JAMMED, Outcome.OPENED),
        (Outcome.WRONG_DOOR, Outcome.OPENED),
        (Outcome.OPENED, Outcome.JAMMED),
        (Outcome.ALREADY_OPEN, Outcome.OPENED),
        (Outcome.UNREACHABLE, Outcome.ALREADY_OPEN),
        (Outcome.OPENED, Outcome.SENT),
    ],
)
def test_it_would_be_found_if_an_outcome_were_not_true(
    true: Outcome, reported: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    def lie(site: VirtualSite) -> None:
        open_slot = site.bank.open_slot

        async def open_and_lie(slot: str, *, force: bool = False) -> Unlocked:
            unlocked = await open_slot(slot, force=force)
            return replace(unlocked, outcome=reported) if unlocked.outcome is true else unlocked

        site.bank.open_slot = open_and_lie  # type: ignore[method-assign]

    assert "it is not so in the steel" in found(caplog, lie)


def test_it_would_be_found_if_a_pulse_were_denied(caplog: pytest.LogCaptureFixture) -> None:
    def deny(site: VirtualSite) -> None:
        open_slot = site.bank.open_slot

        async def open_and_deny(slot: str, *, force: bool = False) -> Unlocked:
            return replace(await open_slot(slot, force=force), pulsed=False)

        site.bank.open_slot = open_and_deny  # type: ignore[method-assign]

    assert "an unlock was sent and is denied" in found(caplog, deny)


def test_it_would_be_found_if_one_odd_reading_made_a_jam(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bank that ends a window as a jam while the newest reading says open, as it once did."""

    def window_over(self: bank_module.Bank, attempt: Any, door: Any) -> None:
        attempt.end(Unlocked(Outcome.JAMMED, pulsed=True))

    monkeypatch.setattr(bank_module.Bank, "_window_over", window_over)
    assert "it is not so in the steel" in found(caplog)


def test_it_would_be_found_if_memory_grew(caplog: pytest.LogCaptureFixture) -> None:
    def leak(site: VirtualSite) -> None:
        kept: list[object] = []
        site.bank.listen(lambda change: kept.append((change, [])))
        site.steel.listen(lambda move: kept.append([move]))

    assert "objects more" in found(caplog, leak)
