"""How wrong codes, PINs and badges are slowed down: tries come back with time, waits grow.

Slow for a guesser, fair to everyone else: what is right is never counted, what was not checked is
not counted, and nothing ever locks. The numbers are the design's: five wrong codes, one back every
30 s; more than 20 wrong in a day (or 5 against one package) and codes also ask the last digits of
the phone. PINs are counted by the person whose number was typed, and the wait after each wrong one
grows; badges are too long to be guessed and never wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from kiosk.model.clock import DAY_MS, MINUTE_MS

BUCKET_TRIES = 5
REFILL_MS = 30_000
KIOSK_WRONG_A_DAY = 20
PACKAGE_WRONG_A_DAY = 5
NO_PHONE_INTERVAL_MS = 600_000
"""Where phone digits would be asked and none are on file: one try in ten minutes."""
LOOK_AHEAD = 2
"""How many re-issues of a code that a kiosk has not heard of it accepts, while the last sync is
long ago."""
ALARM_AT = (5, 20, 80, 320)
"""At so many wrong tries in a day against one person, or with badges, operators are alarmed."""
KIOSK_ALARM_AT = (20, 100, 500)
"""At so many wrong PINs in a day at one kiosk, whosever, operators are alarmed."""

SHARE_FULL = 0.75
"""How full a bank is taken to be when its risk is reckoned."""
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many wrong tries are left, in thousandths of a try, and when that was counted."""

    level_thousandths: int = BUCKET_TRIES * 1000
    at_ms: int = 0

    def at(self, now_ms: int, refill_ms: int = REFILL_MS) -> Bucket:
        """The bucket as it is at a moment. A clock that stepped back refills nothing."""
        elapsed_ms = max(0, now_ms - self.at_ms)
        level = self.level_thousandths + elapsed_ms * 1000 // refill_ms
        return Bucket(min(level, BUCKET_TRIES * 1000), now_ms)

    def spend(self, now_ms: int, refill_ms: int = REFILL_MS) -> Bucket:
        """The bucket after one wrong try."""
        current = self.at(now_ms, refill_ms)
        return Bucket(max(0, current.level_thousandths - 1000), now_ms)

    def wait_ms(self, now_ms: int, refill_ms: int = REFILL_MS) -> int:
        """How long until the next try is allowed; 0 when one is now."""
        missing = 1000 - self.at(now_ms, refill_ms).level_thousandths
        return max(0, -(-missing * refill_ms // 1000))


# --- PINs ----------------------------------------------------------------------------------------

PIN_FREE_TRIES = 2
"""So many wrong PINs of one person wait for nothing: people mistype."""
PIN_FIRST_WAIT_MS = 30_000
PIN_LONGEST_WAIT_MS = 15 * MINUTE_MS
"""The longest that somebody waits for a PIN, whatever a guesser does; a site may say otherwise."""
SIGN_INS_A_DAY = 4
"""How often a person is taken to sign in, after which their wrong tries are forgiven."""


def pin_wait_ms(wrong: int, longest_ms: int = PIN_LONGEST_WAIT_MS) -> int:
    """How long after so many wrong PINs of one person their next is tried: it doubles each time."""
    if wrong <= PIN_FREE_TRIES:
        return 0
    return int(min(longest_ms, PIN_FIRST_WAIT_MS * 2 ** min(wrong - PIN_FREE_TRIES - 1, 40)))


def kiosk_refill_ms(wrong_today: int) -> int:
    """How soon a kiosk gives back one wrong PIN, whosever: more slowly in a day of many."""
    if wrong_today <= 50:
        return REFILL_MS
    return 2 * REFILL_MS if wrong_today <= 200 else 4 * REFILL_MS


# --- what a guesser may expect -------------------------------------------------------------------


def opened_by_guessing(slot_count: int, locator_digits: int, look_ahead: int = LOOK_AHEAD) -> float:
    """How many packages somebody is expected to open who guesses for a whole year.

    Patiently, so that the phone's digits are never asked: 21 wrong tries a day by typing and as
    many by scanning, each with a few chances in a million against a locator that is in use: the
    code and, as if the kiosk were offline all year, the re-issues that are looked ahead for.
    """
    tries = 2 * (KIOSK_WRONG_A_DAY + 1) * YEAR_DAYS
    in_use = SHARE_FULL * slot_count / float(10**locator_digits)
    return tries * in_use * (1 + look_ahead) / 10**6


def pin_tries_a_year(longest_wait_ms: int = PIN_LONGEST_WAIT_MS) -> int:
    """How often somebody at the keypad day and night gets to try one person's PIN in a year."""
    growing = PIN_FREE_TRIES + 1
    while pin_wait_ms(growing, longest_wait_ms) < longest_wait_ms:
        growing += 1
    return YEAR_DAYS * (DAY_MS // longest_wait_ms + SIGN_INS_A_DAY * growing)


def kiosk_pin_tries_a_year() -> int:
    """How often somebody gets to try any PIN at one kiosk in a year."""
    return YEAR_DAYS * (200 + DAY_MS // kiosk_refill_ms(DAY_MS))


def pin_guessed(secret_digits: Sequence[int], longest_wait_ms: int = PIN_LONGEST_WAIT_MS) -> float:
    """The probability that a guesser finds one of these people's PINs within a year, by the number
    of their secret digits; the shortest are tried first."""
    left, missed = kiosk_pin_tries_a_year(), list[float]()
    for digits in sorted(secret_digits):
        tries = min(left, pin_tries_a_year(longest_wait_ms), 10**digits)
        left -= tries
        missed.append(1 - tries / 10**digits)
    return 1.0 - prod(missed)


BADGE_BITS = 80
BADGES_A_SECOND = 10
"""How fast badges can be scanned and checked."""


def badge_guessed(badges: int) -> float:
    """The probability that somebody who scans made-up badges for a year is let in by one."""
    return float(badges * BADGES_A_SECOND * YEAR_DAYS * (DAY_MS // 1000) / 2**BADGE_BITS)
