"""One key struck twice by a hand that trembles: the second strike so soon after is the same one."""

from __future__ import annotations


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
