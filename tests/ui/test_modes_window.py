"""The access mode and the night on the glass: large text fits, hands reach everything low, and who
comes next finds the usual screens."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from hands import HALF_A_PIXEL_MM, Hands, faults_of, is_seen, pressables, texts

from kiosk.flows.views import (
    Ask,
    Checking,
    DoorOpen,
    EnterCode,
    EnterPhoneDigits,
    EnterPin,
    First,
    HoldExtended,
    MorePackages,
    Opening,
    Thanks,
    Told,
    Trouble,
)
from kiosk.ui.gallery import PANELS
from kiosk.ui.language import PSEUDO
from kiosk.ui.panel import Panel
from kiosk.ui.samples import sample_views
from kiosk.ui.theme import CAPITAL_PER_EM

pytestmark = pytest.mark.window

SMALL = PANELS["540x960"]
FOR_CUSTOMERS = (
    *(First, EnterCode, EnterPhoneDigits, EnterPin, Checking, Opening, DoorOpen, Trouble, Ask),
    *(Thanks, Told, MorePackages, HoldExtended),
)
LEAST_CAPITAL_MM = 6.1
FITS = [(code, panel) for code in ("en", "de", "ar", PSEUDO) for panel in ("540x960", "1280x800")]
if os.environ.get("TEST_BUDGET") == "nightly":
    FITS += [(code, panel) for code in ("en", "fr", "es", "pl") for panel in PANELS]


def faults_for_weak_eyes_and_hands(page: Any, panel: Panel) -> list[str]:
    faults = []
    for label in texts(page):
        capital_mm = label.font_size * CAPITAL_PER_EM / panel.px_per_mm
        if type(label).__name__ == "Words" and capital_mm < LEAST_CAPITAL_MM - HALF_A_PIXEL_MM:
            faults.append(f"{label.text!r} has capitals of {capital_mm:.1f} mm")
    if panel.is_portrait:
        for target in pressables(page):
            if is_seen(target) and target.top > page.y + page.height * 2 / 3:
                faults.append(f"{target.spoken!r} is in the upper third")
    return faults


@pytest.mark.parametrize(("language", "panel_name"), FITS)
def test_every_screen_fits_in_the_access_mode(
    kivy: SimpleNamespace, language: str, panel_name: str
) -> None:
    panel = PANELS[panel_name]
    hands = Hands(kivy, panel, language, is_access=True)
    faults = []
    for name, view in sample_views():
        if isinstance(view, FOR_CUSTOMERS):
            page = hands.show(view, fresh=True)
            found = faults_of(page, panel) + faults_for_weak_eyes_and_hands(page, panel)
            faults += [f"{name}: {fault}" for fault in found]
    assert not faults, "\n".join(faults)
