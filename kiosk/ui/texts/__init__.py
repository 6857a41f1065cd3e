"""Every sentence the kiosk says, in one place, and which words go with which view.

Nothing here draws: a terminal or a test can use the same words. Each sentence is a whole string
with named places, so that a translation can put them in another order. The language comes with the
`speech`: `speech.say` where a sentence is said, `N_` around those that stand in a table. One file
per family of screens; each has a table `WORDS` of its views.
"""

from __future__ import annotations

from kiosk.flows.views.shared import View
from kiosk.model.location import Location
from kiosk.ui.language import ENGLISH, Speech
from kiosk.ui.texts import (
    access,
    choice_labels,
    courier,
    customer,
    doors,
    parts,
    service,
    set_up,
    spoken,
    unannounced,
)
from kiosk.ui.texts.parts import Words

__all__ = [
    "access",
    "choice_labels",
    "courier",
    "customer",
    "doors",
    "parts",
    "service",
    "set_up",
    "spoken",
    "unannounced",
    "words_for",
]

_WORDS = {
    **customer.WORDS,
    **doors.WORDS,
    **courier.WORDS,
    **service.WORDS,
    **unannounced.WORDS,
    **set_up.WORDS,
}


def words_for(view: View, location: Location, speech: Speech = ENGLISH) -> Words:
    """What this view says at this location, in this language."""
    return _WORDS[type(view)](view, location, speech)
