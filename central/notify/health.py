"""Whether a channel or a receiver is up: how it went lately, and when it is worth another try."""

from __future__ import annotations

from dataclasses import dataclass

FAILURES = 5
"""So many in a row are the channel's and no accident."""
PAUSE_MIN_S = 5
PAUSE_MAX_S = 600


def pause_ms(waited_ms: int, longest_s: int = PAUSE_MAX_S) -> int:
    """How long to wait after having waited so long already: half of it, within limits."""
    return max(PAUSE_MIN_S * 1000, min(longest_s * 1000, waited_ms // 2))


@dataclass(slots=True)
class Health:
    """One channel's or receiver's, on a clock that is handed in."""

    failures: int = 0
    failing_since_ms: int = 0
    shut_until_ms: int = 0
    is_reported: bool = False

    def is_shut(self, now_ms: int) -> bool:
        """Whether nothing is tried now."""
        return now_ms < self.shut_until_ms

    def failed(self, now_ms: int) -> bool:
        """The channel refused; True when operators are to be notified now."""
        if self.failures == 0:
            self.failing_since_ms = now_ms
        self.failures += 1
        if self.failures < FAILURES:
            return False
        self.shut_until_ms = now_ms + pause_ms(now_ms - self.failing_since_ms)
        is_news, self.is_reported = not self.is_reported, True
        return is_news

    def worked(self) -> bool:
        """A message went out; True when operators are to hear that it works again."""
        was_reported = self.is_reported
        self.failures, self.shut_until_ms, self.is_reported = 0, 0, False
        return was_reported
