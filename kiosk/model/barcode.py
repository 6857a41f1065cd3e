"""One key for a barcode, in whichever spelling it comes.

The same package is announced as it is printed, typed as a person reads it, and scanned with what a
scanner puts around it. `barcode_key` makes one text of all of these; packages are found by it, and
people see the text as it was read. Pure.

What is left out: blanks of every kind, what is not visible, case, AIM identifiers in front, FNC1
(read as GS) at the ends, parentheses around GS1's application identifiers. Where the form is sure,
by its check digit or by GS1's own syntax, also: hyphens, `00` before an SSCC, `420` and a ZIP code
before a number of USPS, the address around a GS1 Digital Link. A form that is not sure keeps every
sign, so that two numbers never become one.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from drivers.barcodes import BARCODE_LENGTH_MAX, Check, Kind, mod_10_is_right, recognise

__all__ = [
    "BARCODE_LENGTH_MAX",
    "GROUP_SEPARATOR",
    "NotABarcodeError",
    "barcode_key",
    "barcode_text",
    "is_barcode",
    "kept_key",
    "require_barcode",
]

GROUP_SEPARATOR: Final = "\x1d"
"""As which FNC1, the mark between two fields of GS1, arrives."""


class NotABarcodeError(ValueError):
    """A text that names no package."""


_AIM_IDENTIFIER = re.compile(r"\][A-Z][0-9A-Z]")
_SOME_SIGN = re.compile(r"[0-9A-Z]")
_LINK = re.compile(r"HTTPS?://")
_ELEMENT = re.compile(r"\(([0-9]{2,4})\)([^()]+)")
_ELEMENTS = re.compile(r"(?:\([0-9]{2,4}\)[^()]+)+")
_SSCC = re.compile(r"00([0-9]{18})")
_IMPB = re.compile(r"9[1-5](?:[0-9]{20}|[0-9]{24})")
_ZIP = re.compile(r"420(?:[0-9]{5}|[0-9]{9})")

_FIXED_LENGTHS: Final = {
    "00": 20,
    "01": 16,
    "02": 16,
    "03": 16,
    "04": 18,
    "20": 4,
    "41": 16,
    **{f"{number}": 8 for number in range(11, 20)},
    **{f"{number}": 10 for number in range(31, 37)},
}
"""How long the fields of GS1 are behind which no separator is needed, by their first two digits."""


def barcode_text(text: str) -> str:
    """The barcode as it is kept and shown: blanks as spaces, none at the ends, digits as ASCII.

    Raises `NotABarcodeError` for what is no barcode, saying why.
    """
    if len(text) > BARCODE_LENGTH_MAX:
        raise NotABarcodeError(f"a barcode has at most {BARCODE_LENGTH_MAX} characters")
    plain = "".join(_plain(sign) for sign in text).strip(" ")
    if not all(" " <= sign <= "~" or sign == GROUP_SEPARATOR for sign in plain):
        raise NotABarcodeError("a barcode has digits, letters A to Z and ASCII punctuation")
    if not _SOME_SIGN.search(_without_frame(plain)):
        raise NotABarcodeError("a barcode has at least one digit or letter")
    return plain


def require_barcode(text: str) -> None:
    """Raises `NotABarcodeError` for what is no barcode, saying why."""
    barcode_text(text)


def is_barcode(text: str) -> bool:
    """Whether a scanned or typed text may be a package's barcode."""
    try:
        barcode_text(text)
    except NotABarcodeError:
        return False
    return True


def barcode_key(text: str) -> str:
    """The one key of a barcode, the same for every spelling of it.

    Raises `NotABarcodeError` for what is no barcode, saying why.
    """
    plain = _without_frame(barcode_text(text))
    if _LINK.match(plain):
        plain = _elements_of_link(plain).upper()
    if _ELEMENTS.fullmatch(plain):
        plain = _joined(_ELEMENT.findall(plain))
    plain = _without_needless_separators(plain)
    sure = _sure_form(plain)
    if sure is None and "-" in plain:
        sure = _sure_form(plain.replace("-", ""))
    return plain if sure is None else sure


def kept_key(text: str) -> str:
    """The key of a barcode that was taken in before, by rules that took more: itself at worst."""
    try:
        return barcode_key(text)
    except NotABarcodeError:
        return text


def _plain(sign: str) -> str:
    """A sign as ASCII where it is only another form of it; "" for what is not visible."""
    if sign == GROUP_SEPARATOR or " " <= sign <= "~":
        return sign
    if sign.isspace():
        return " "
    if "！" <= sign <= "～":
        return chr(ord(sign) - 0xFEE0)
    if sign in "‐‑‒–−":
        return "-"
    if sign == "␝":
        return GROUP_SEPARATOR
    if unicodedata.category(sign) == "Cf":
        return ""
    digit = unicodedata.decimal(sign, None)
    return sign if digit is None else str(digit)


def _without_frame(plain: str) -> str:
    """Without blanks, AIM identifiers in front and separators at the ends; capital letters."""
    plain = plain.replace(" ", "").upper().strip(GROUP_SEPARATOR)
    while found := _AIM_IDENTIFIER.match(plain):
        plain = plain[found.end() :].strip(GROUP_SEPARATOR)
    return plain


def _elements_of_link(link: str) -> str:
    """The fields in the path of a GS1 Digital Link; another link as it is."""
    # Loaded when first needed: its tables take a quarter of a second of a kiosk's start.
    from biip import ParseError
    from biip.gs1_digital_link_uris import GS1DigitalLinkURI

    path = re.split(r"[?#]", link, maxsplit=1)[0]
    # It comes in capital letters, which the library does not take for a scheme.
    scheme, rest = path.split("://", 1)
    try:
        found = GS1DigitalLinkURI.parse(f"{scheme.lower()}://{rest}")
    except ParseError:
        return link
    return _joined([(each.ai.ai, each.value) for each in found.element_strings])


def _joined(elements: list[tuple[str, str]]) -> str:
    """GS1's fields one behind the other, as a scanner sends them."""
    return GROUP_SEPARATOR.join(identifier + value for identifier, value in elements)


def _without_needless_separators(plain: str) -> str:
    """Without those behind fields of a fixed length, which some printers put there too."""
    *parts, last = re.split(f"{GROUP_SEPARATOR}+", plain)
    kept = [part if _is_fixed(part) else part + GROUP_SEPARATOR for part in parts]
    return "".join((*kept, last))


def _is_fixed(part: str) -> bool:
    """Whether these are fields of a fixed length only."""
    while part:
        length = _FIXED_LENGTHS.get(part[:2])
        if length is None or len(part) < length:
            return False
        part = part[length:]
    return True


def _sure_form(plain: str) -> str | None:
    """The number in a text whose form is sure; None where it is not."""
    if (found := _SSCC.match(plain)) and mod_10_is_right(found[1]):
        return found[1] if _is_all_of_gs1(plain) else None
    if _IMPB.fullmatch(plain):
        return plain if mod_10_is_right(plain) else None
    known = recognise(plain)
    if known.kind in (Kind.UPS, Kind.S10) and known.check is Check.OK:
        return plain
    return _behind_zip(plain)


def _is_all_of_gs1(plain: str) -> bool:
    """Whether what stands behind an SSCC are fields of GS1 that tell more about the same unit."""
    if len(plain) == len("00") + 18:
        return True
    from biip import ParseError
    from biip.gs1_messages import GS1Message

    try:
        GS1Message.parse(plain)
    except ParseError:
        return False
    return True


def _behind_zip(plain: str) -> str | None:
    """The number of USPS behind the ZIP code of its receiver, where there can be but one."""
    head, separator, number = plain.partition(GROUP_SEPARATOR)
    if separator:
        return number if _ZIP.fullmatch(head) and _IMPB.fullmatch(number) else None
    numbers = [
        plain[length:]
        for length in (8, 12)
        if _ZIP.fullmatch(plain[:length])
        and _IMPB.fullmatch(plain[length:])
        and mod_10_is_right(plain[length:])
    ]
    return numbers[0] if len(numbers) == 1 else None
