"""Screens of words: one moment, trouble, a question, thanks, an answer, out of order."""

from __future__ import annotations

from kiosk.flows.views import Receipt, View
from kiosk.ui import wording
from kiosk.ui.screens.page import Context, Page


class NoticePage(Page[View]):
    """A picture, a sentence, what to do, and the choices."""


class ReceiptPage(Page[Receipt]):
    """What changed hands: as many lines as the glass has room for."""

    def words(self) -> wording.Words:
        if self.theme.is_portrait:
            return super().words()
        small = self.theme.is_small
        return wording.receipt_words(self.view, 3 if small else 5, brief=small)


class FaultPage(Page[View]):
    """Shown when a screen itself broke: other words, the choices of the view it stands for."""

    def __init__(self, context: Context, view: View, reference: str) -> None:
        self._reference = reference
        super().__init__(context, view)

    def words(self) -> wording.Words:
        return wording.fault_words(self.context.location, self._reference)
