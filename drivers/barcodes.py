"""What kind of code a label carries, and whether its check digit is right. Pure.

A code that nobody here knows is opaque text: it is used as it is. A failed check is a hint that a
label was misread or printed wrong; it warns and never forbids.

- `SSCC`: 18 digits, alone or behind `00` or `(00)`; mod 10, weights 3 1 3.. from the right.
- `GS1`: what a scanner's AIM identifier tells to be GS1, with no SSCC in it; its GTIN's digit.
- `UPS`: `1Z` and 16 signs; letters count as digits, each second sign doubles, mod 10.
- `S10` (UPU, the national posts): 2 letters, 9 digits, 2 letters; weights 8 6 4 2 3 5 9 7, mod 11.
- `USPS` (IMpb): `91`..`95` and 22 or 26 digits in all, before them `420` and a ZIP code of 5 or 9
  digits or neither; mod 10 as above.
- `DHL`: 10 or 11 digits (Express), the last is the others mod 7; `JJD`, `JVGL` or `GM` and digits,
  or `3S` and signs, whose check digits are not public.

Digits alone do not say who printed them, as carriers use the same lengths: 10, 11 or 18 of them, or
22 that begin with `9`, are only taken for somebody's when the check is right. So a wrong check is
given only where the form is sure: `1Z`, S10, `420` and a ZIP code, `00` before an SSCC, or an AIM
identifier of GS1.

Sources: the GS1 General Specifications (through `biip`), UPU standard S10, and the numbers that
jkeen/tracking_number_data collects (couriers/*.json).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BARCODE_LENGTH_MAX: Final = 160
"""How long a barcode may be, as it is read, typed, announced and kept."""
GROUP_SEPARATOR: Final = "\x1d"
SSCC_LENGTH: Final = 18
"""In digits, without the `00` before it."""
GS1_SYMBOLOGIES: Final = frozenset({"]C1", "]d2", "]Q3", "]e0", "]E0", "]E4", "]I1"})
"""AIM identifiers of codes that carry GS1 data: GS1-128, Data Matrix, QR, DataBar, EAN, ITF-14."""


class Kind(StrEnum):
    """Whose form a code has."""

    SSCC = "SSCC"
    GS1 = "GS1"
    UPS = "UPS"
    S10 = "S10"
    USPS = "USPS"
    DHL = "DHL"
    TEXT = "text"
    """Nobody's that is known here; usable all the same."""


class Check(StrEnum):
    """What the check digit says."""

    OK = "ok"
    FAILED = "failed"
    NONE = "none"
    """The form has no check digit, or none that is public."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a code was recognised as."""

    kind: Kind
    check: Check

    @property
    def warning(self) -> str:
        """A sentence for the person who scanned it; empty when there is nothing to say."""
        if self.check is not Check.FAILED:
            return ""
        return (
            f"It looks like a code of {self.kind}, but its check digit is wrong. "
            f"Scan it again, or compare it with the label."
        )


_TEXT: Final = Recognised(Kind.TEXT, Check.NONE)

_SSCC = re.compile(r"(?:\(00\)|00)?([0-9]{18})")
_UPS = re.compile(r"1Z[0-9A-Z]{16}")
_S10 = re.compile(r"[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}")
_IMPB = re.compile(r"(?:420[0-9]{5}(?:[0-9]{4})?)?(9[1-5](?:[0-9]{20}|[0-9]{24}))")
_DHL_EXPRESS = re.compile(r"([0-9]{9,10})([0-9])")
_DHL_PIECE = re.compile(r"(?:JJD|JVGL)[0-9]{9,30}|GM[0-9]{10,39}|3S[0-9A-Z]{8,30}")

_S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)


def recognise(text: str, aim_id: str = "") -> Recognised:
    """What kind of code this is. `aim_id` is the symbology as the scanner names it, or empty."""
    plain = text.replace(GROUP_SEPARATOR, "")
    if _IMPB.fullmatch(plain):
        return _sure_or_right(Kind.USPS, _impb_is_right(plain), is_sure=plain.startswith("420"))
    if aim_id in GS1_SYMBOLOGIES:
        return _gs1(text, aim_id)
    if _SSCC.fullmatch(text):
        return _sure_or_right(Kind.SSCC, _sscc_is_right(text), is_sure=len(text) > SSCC_LENGTH)
    if _UPS.fullmatch(text):
        return Recognised(Kind.UPS, _result(_ups_is_right(text)))
    if _S10.fullmatch(text):
        return Recognised(Kind.S10, _result(_s10_is_right(text)))
    if _DHL_PIECE.fullmatch(text):
        return Recognised(Kind.DHL, Check.NONE)
    return _dhl_express(text)


def _result(is_right: bool) -> Check:
    return Check.OK if is_right else Check.FAILED


def _sure_or_right(kind: Kind, is_right: bool, *, is_sure: bool) -> Recognised:
    """A form that others use as well is only taken for this one when the check is right."""
    return Recognised(kind, _result(is_right)) if is_sure or is_right else _TEXT


def _gs1(text: str, aim_id: str) -> Recognised:
    # Loaded when first needed: its tables take a quarter of a second of a kiosk's start.
    import biip

    try:
        found = biip.parse(f"{aim_id}{text}")
    except biip.ParseError:
        return Recognised(Kind.GS1, Check.FAILED)
    elements = found.gs1_message.element_strings if found.gs1_message is not None else ()
    errors = [error for each in elements for error in (each.sscc_error, each.gtin_error) if error]
    has_sscc = found.sscc is not None or any(each.ai.ai == "00" for each in elements)
    has_gtin = found.gtin is not None or any(each.ai.ai in ("01", "02") for each in elements)
    kind = Kind.SSCC if has_sscc else Kind.GS1
    if errors or not (elements or found.gtin or found.sscc):
        return Recognised(kind, Check.FAILED)
    return Recognised(kind, Check.OK if has_sscc or has_gtin else Check.NONE)


def _sscc_is_right(text: str) -> bool:
    return mod_10_is_right(text[-18:])


def _impb_is_right(text: str) -> bool:
    found = _IMPB.fullmatch(text)
    return found is not None and mod_10_is_right(found[1])


def mod_10_is_right(digits: str) -> bool:
    """Whether the last digit makes the weighted sum a multiple of ten: 3, 1, 3.. from the right."""
    weighted = [int(digit) * (1, 3)[place % 2] for place, digit in enumerate(reversed(digits))]
    return sum(weighted) % 10 == 0


def _ups_is_right(text: str) -> bool:
    """A letter counts as (its ASCII number - 63) mod 10; the second, fourth.. behind 1Z double."""
    values = [int(sign) if sign.isdigit() else (ord(sign) - 63) % 10 for sign in text[2:]]
    *body, check = values
    total = sum(value * (1, 2)[place % 2] for place, value in enumerate(body))
    return (10 - total % 10) % 10 == check and text[-1].isdigit()


def _s10_is_right(text: str) -> bool:
    found = _S10.fullmatch(text)
    if found is None:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_S10_WEIGHTS, found[1], strict=True))
    expected = {10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11)
    return expected == int(found[2])


def _dhl_express(text: str) -> Recognised:
    found = _DHL_EXPRESS.fullmatch(text)
    if found is None:
        return _TEXT
    return _sure_or_right(Kind.DHL, int(found[1]) % 7 == int(found[2]), is_sure=False)
