"""How wrong codes are slowed down: a bucket of tries that refills with time, for one kiosk.

Slow for a guesser, fair to everyone else: a right code is never counted, and the bucket never
locks. The numbers are the design's: five tries, one back every 30 s; more than 20 wrong in a day
(or 5 against one package) and typed codes also ask the last digits of the phone.
"""

from __future__ import annotations

from dataclasses import dataclass

BUCKET_TRIES = 5
REFILL_MS = 30_000
KIOSK_WRONG_A_DAY = 20
PACKAGE_WRONG_A_DAY = 5
NO_PHONE_INTERVAL_MS = 600_000
"""Where phone digits would be asked and none are on file: one try in ten minutes."""


SHARE_FULL = 0.75
"""How full a bank is taken to be when its risk is reckoned."""


def opened_by_guessing(slot_count: int, locator_digits: int) -> float:
    """How many packages somebody is expected to open who guesses for a whole year.

    Patiently, so that the phone's digits are never asked: 20 wrong tries a day by typing and as
    many by scanning, each with a probability of one in a million against a locator that is in use.
    """
    tries = 2 * KIOSK_WRONG_A_DAY * 365
    in_use = SHARE_FULL * slot_count / float(10**locator_digits)
    return tries * in_use / 10**6


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many wrong tries are left, in thousandths of a try, and when that was counted."""

    level_thousandths: int = BUCKET_TRIES * 1000
    at_ms: int = 0

    def at(self, now_ms: int) -> Bucket:
        """The bucket as it is at a moment. A clock that stepped back refills nothing."""
        elapsed_ms = max(0, now_ms - self.at_ms)
        level = self.level_thousandths + elapsed_ms * 1000 // REFILL_MS
        return Bucket(min(level, BUCKET_TRIES * 1000), now_ms)

    def spend(self, now_ms: int) -> Bucket:
        """The bucket after one wrong try."""
        current = self.at(now_ms)
        return Bucket(max(0, current.level_thousandths - 1000), now_ms)

    def wait_ms(self, now_ms: int) -> int:
        """How long until the next try is allowed; 0 when one is now."""
        missing = 1000 - self.at(now_ms).level_thousandths
        return max(0, -(-missing * REFILL_MS // 1000))
