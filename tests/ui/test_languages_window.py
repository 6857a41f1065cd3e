"""Every language on the glass: it fits, it is mirrored where it is read from right to left, codes
and keys are not, and the first screen changes its language while it is shown."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hands import Hands, faults_of

from kiosk.flows.views import Choice, First
from kiosk.ui.gallery import PANELS
from kiosk.ui.language import PSEUDO, languages
from kiosk.ui.samples import sample_views

pytestmark = pytest.mark.window

SMALL = PANELS["540x960"]
WIDE = PANELS["1280x800"]
FIRST = First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP))


@pytest.mark.parametrize("panel_name", ["540x960", "1280x800", "1024x600"])
@pytest.mark.parametrize("language", [*languages()[1:], PSEUDO])
def test_every_screen_fits_in_every_language(
    kivy: SimpleNamespace, language: str, panel_name: str
) -> None:
    hands = Hands(kivy, PANELS[panel_name], language)
    faults = []
    for name, view in sample_views():
        page = hands.show(view, fresh=True)
        assert type(page).__name__ != "FaultPage", name
        faults += [f"{name}: {fault}" for fault in faults_of(page, PANELS[panel_name])]
    assert not faults, "\n".join(faults)
