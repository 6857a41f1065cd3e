"""Screens of words: one moment, trouble, a question, thanks, an answer, out of order."""

from __future__ import annotations

from kiosk.flows.views import View
from kiosk.ui import wording
from kiosk.ui.screens.page import Context, Page


class NoticePage(Page[View]):
    """A picture, a sentence, what to do, and the choices."""


class FaultPage(Page[View]):
    """Shown when a screen itself broke: other words, the choices of the view it stands for."""

    def __init__(self, context: Context, view: View, reference: str) -> None:
        self._reference = reference
        super().__init__(context, view)

    def words(self) -> wording.Words:
        return wording.fault_words(self.context.location, self._reference)
