"""One key for a barcode, in whichever spelling it comes.

The same package is announced as it is printed, typed as a person reads it, and scanned with what a
scanner puts around it. `barcode_key` makes one text of all of these; packages are found by it, and
people see the text as it was read. Pure.

What is left out: blanks of every kind, what is not visible, case, AIM identifiers in front, FNC1
(read as GS) at the ends, the stars of Code 39, parentheses around the identifiers of GS1 and of
ASC MH10. Where the form is sure, by its check digit, by GS1's own syntax or by a carrier's own way
to print it, also: hyphens, dots and slashes, `00` before an SSCC and the fields around it, `420`
and a ZIP code before a number of USPS, the `J` of a licence plate before DHL's `JD`, the address
around a GS1 Digital Link. A form that is not sure keeps every sign, so that two numbers never
become one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from drivers.barcodes import (
    BARCODE_LENGTH_MAX,
    SSCC_LENGTH,
    Check,
    Kind,
    mod_10_is_right,
    recognise,
)

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
KEYS_REMEMBERED: Final = 128
"""A package is asked for by the same barcode several times in a row."""


class NotABarcodeError(ValueError):
    """A text that names no package."""


_AIM_IDENTIFIER = re.compile(r"\][A-Z][0-9A-Z]")
_SOME_SIGN = re.compile(r"[0-9A-Z]")
_PRINTED = re.compile(r"[ -~\x1d]*")
"""Only signs that a barcode may have: nearly every one that is read."""
_LINK = re.compile(r"HTTPS?://|(?=ID\.GS1\.ORG/)")
_IDENTIFIER = r"\(([0-9]{2,4}|[0-9]{0,3}[A-Z])\)"
"""Of GS1, or of ASC MH10 such as `J` and `2L`, as they are printed."""
_ELEMENT = re.compile(rf"{_IDENTIFIER}([^()]+)")
_ELEMENTS = re.compile(rf"(?:{_IDENTIFIER}[^()]+)+")
_WRITTEN_SEPARATOR = re.compile(r"<(?:GS|FNC1|F1)>|\{(?:GS|FNC1)\}|\[(?:GS|FNC1)\]|\\U001D|\\X1D")
"""GS as programs write it that show what a scanner read."""
_IDENTCODE = re.compile(r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}\.[0-9]{3}\.?[0-9]")
_SWISS_POST = re.compile(r"9[0-9]\.[0-9]{2}\.[0-9]{6}\.[0-9]{8}")
_LICENCE_PLATE = re.compile(r"J(JD[0-9]{10,30})")
_UNSEEN = re.compile(r"[\u034f\u115f\u1160\u3164\uffa0\ufe00-\ufe0f]")
"""What is not visible though Unicode counts it among letters and marks."""
_SSCC = re.compile(r"(?=00([0-9]{18}))")
"""Wherever it stands, one over another as well."""
_UPS_OR_S10 = re.compile(r"1Z|[A-Z]{2}[0-9]{9}[A-Z]{2}")
_IMPB = re.compile(r"9[1-5](?:[0-9]{20}|[0-9]{24})")
_GROUPING = str.maketrans("", "", "-./_")
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
    return _read(text)[0]


def _read(text: str) -> tuple[str, str]:
    """`barcode_text`, and the same without its frame."""
    if len(text) > BARCODE_LENGTH_MAX:
        raise NotABarcodeError(f"a barcode has at most {BARCODE_LENGTH_MAX} characters")
    plain = text if _PRINTED.fullmatch(text) else "".join(_plain(sign) for sign in text)
    plain = plain.strip(" ")
    if not _PRINTED.fullmatch(plain):
        raise NotABarcodeError("a barcode has digits, letters A to Z and ASCII punctuation")
    unframed = _without_frame(plain)
    if not _SOME_SIGN.search(unframed):
        raise NotABarcodeError("a barcode has at least one digit or letter")
    return plain, unframed


def require_barcode(text: str) -> None:
    """Raises `NotABarcodeError` for what is no barcode, saying why."""
    barcode_key(text)


def is_barcode(text: str) -> bool:
    """Whether a scanned or typed text may be a package's barcode."""
    try:
        barcode_text(text)
    except NotABarcodeError:
        return False
    return True


@lru_cache(maxsize=KEYS_REMEMBERED)
def barcode_key(text: str) -> str:
    """The one key of a barcode, the same for every spelling of it.

    Raises `NotABarcodeError` for what is no barcode, saying why.
    """
    _, plain = _read(text)
    if _LINK.match(plain):
        plain = _elements_of_link(plain).upper()
    if _ELEMENTS.fullmatch(plain):
        plain = _joined(_ELEMENT.findall(plain))
    plain = _without_needless_separators(plain)
    sure = _sure_form(plain)
    if sure is None:
        sure = _sure_ungrouped(plain)
    return plain if sure is None else sure


def kept_key(text: str) -> str:
    """The key of a barcode that was taken in before, by rules that took more: itself at worst."""
    try:
        return barcode_key(text)
    except NotABarcodeError:
        return text


def _plain(sign: str) -> str:
    """A sign as ASCII where it is only another form of it; "" for what is not visible."""
    if sign == GROUP_SEPARATOR or " " <= sign <= "~" or sign in "\x1c\x1e\x1f":
        return sign
    category = unicodedata.category(sign)
    if sign.isspace() or sign == "\u2800":
        return " "
    if category == "Pd" or sign in "\u2212\u2043":
        return "-"
    if sign == "\u241d":
        return GROUP_SEPARATOR
    if category == "Cf" or _UNSEEN.match(sign):
        return ""
    digit = unicodedata.decimal(sign, None)
    if digit is not None:
        return str(digit)
    same = unicodedata.normalize("NFKC", sign)
    return same if len(same) == 1 and " " <= same <= "~" else sign


def _without_frame(plain: str) -> str:
    """Without blanks, AIM identifiers in front, separators at the ends and the stars that begin and
    end a Code 39; capital letters."""
    plain = _WRITTEN_SEPARATOR.sub(GROUP_SEPARATOR, plain.replace(" ", "").upper())
    while True:
        before, plain = plain, plain.strip(GROUP_SEPARATOR)
        if found := _AIM_IDENTIFIER.match(plain):
            plain = plain[found.end() :]
        elif len(plain) > 1 and plain[0] == plain[-1] == "*":
            plain = plain[1:-1]
        if plain == before:
            return plain


def _elements_of_link(link: str) -> str:
    """The fields in the path of a GS1 Digital Link; another link as it is."""
    # Loaded when first needed: its tables take a quarter of a second of a kiosk's start.
    from biip import ParseError
    from biip.gs1_digital_link_uris import GS1DigitalLinkURI

    path = re.split(r"[?#]", link, maxsplit=1)[0].rstrip("/")
    # It comes in capital letters, which the library does not take for a scheme.
    rest = path.rpartition("://")[2]
    try:
        found = GS1DigitalLinkURI.parse(f"https://{rest}")
    except ParseError:
        return link
    return _joined([(each.ai.ai, each.value) for each in found.element_strings])


def _joined(elements: list[tuple[str, str]]) -> str:
    """GS1's fields one behind the other, as a scanner sends them."""
    return GROUP_SEPARATOR.join(identifier + value for identifier, value in elements)


def _without_needless_separators(plain: str) -> str:
    """Without those behind fields of a fixed length, which some printers put there too."""
    if GROUP_SEPARATOR not in plain:
        return plain
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
    if _IMPB.fullmatch(plain):
        return plain if mod_10_is_right(plain) else None
    if found := _LICENCE_PLATE.fullmatch(plain):
        return found[1]
    if _UPS_OR_S10.match(plain):
        known = recognise(plain)
        if known.kind in (Kind.UPS, Kind.S10) and known.check is Check.OK:
            return plain
    if number := _behind_zip(plain):
        return number
    if "00" in plain and any(mod_10_is_right(found[1]) for found in _SSCC.finditer(plain)):
        return _sscc_among_fields(plain)
    return None


def _sure_ungrouped(plain: str) -> str | None:
    """The number that a person or a printer has grouped by signs which its barcode lacks."""
    digits = plain.replace(".", "")
    if _SWISS_POST.fullmatch(plain):
        return digits
    if _IDENTCODE.fullmatch(plain) and _identcode_is_right(digits):
        return digits
    bare = plain.translate(_GROUPING)
    if bare == plain or not bare:
        return None
    if bare.isdigit() and len(bare) == SSCC_LENGTH and mod_10_is_right(bare):
        return bare
    return _sure_form(bare)


def _identcode_is_right(digits: str) -> bool:
    """Deutsche Post's check digit: weights 4 and 9 in turn, to the next ten."""
    *body, check = (int(digit) for digit in digits)
    return (sum(digit * (4, 9)[place % 2] for place, digit in enumerate(body)) + check) % 10 == 0


def _sscc_among_fields(plain: str) -> str | None:
    """The SSCC in a text that is nothing but fields of GS1; those around it tell more of the same
    unit."""
    if len(plain) == len("00") + SSCC_LENGTH:
        return plain[2:]
    from biip import ParseError
    from biip.gs1_messages import GS1Message

    try:
        fields = GS1Message.parse(plain).element_strings
    except ParseError:
        return None
    found = [each.value for each in fields if each.ai.ai == "00"]
    return found[0] if len(found) == 1 and mod_10_is_right(found[0]) else None


def _behind_zip(plain: str) -> str | None:
    """The number of USPS behind the ZIP code of its receiver, where there can be but one."""
    if not plain.startswith("420"):
        return None
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
