"""Keys that say more than was meant: one that is held, one struck twice by a trembling hand."""

from __future__ import annotations

from typing import Final

REPEAT_AFTER_S: Final = 0.15
"""A key that is held repeats no sooner. Sooner it is a scanner's: of one that strikes a key twice
within 2 ms SDL loses the end of the first stroke."""
REPEAT_WITHIN_S: Final = 2.0
"""A key that is held repeats at least so often. One that comes later was let go, though the system
did not hear it, as where the keyboard was pulled out."""


class HeldKey:
    """The key that went down last and is not up again (EN 301 549 5.7)."""

    def __init__(self) -> None:
        self._key: int | None = None
        self._since_s = self._heard_s = 0.0

    def repeats(self, key: int, heard_s: float) -> bool:
        """Whether this key goes down again because it is held, which means nothing."""
        if key != self._key or heard_s - self._heard_s >= REPEAT_WITHIN_S:
            self._key, self._since_s = key, heard_s
        self._heard_s = heard_s
        return heard_s - self._since_s >= REPEAT_AFTER_S

    def let_go(self, key: int) -> None:
        """It is up."""
        if key == self._key:
            self._key = None


class Strikes:
    """The key that was struck last, and when; of a keypad on the panel or of a number pad."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """No key was struck before."""
        self._name, self._at_s = "", float("-inf")

    def is_double(
        self, name: str, heard_s: float, within_s: float, earliest_s: float | None = None
    ) -> bool:
        """Whether this strike, which is noted, is the last one again: the same key, no other
        between, and surely less than `within_s` after it. So each of a whole row of them is.

        A slow frame hears its keys late: `earliest_s` is when this one can have been struck, so
        that no later one is ever lost for coming too soon.
        """
        is_same = name == self._name and heard_s - self._at_s < within_s
        self._name = name
        self._at_s = heard_s if earliest_s is None else earliest_s
        return is_same

    def let_go(self, name: str, earliest_s: float) -> None:
        """The key was let go: who presses it long trembles only then."""
        if name == self._name:
            self._at_s = max(self._at_s, earliest_s)
