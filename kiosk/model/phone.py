"""Telephone numbers: one spelling for each, E.164, whichever way a person wrote it."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
)

_IN_FIGURES = re.compile(r"\(? ?\+?[\d ()./-]+")
"""A number in figures. Letters, a second plus, `#`, `,` and `;` begin an extension or a name."""
_LAST_DIGITS_AGAIN = re.compile(r"[/(]\D*\d{0,2}\D*$")
"""Two numbers in one, as people write them who have both: `… 1234/5`."""
_WITH_FRACTION = re.compile(r"[^.]+\.0*")
"""What a spreadsheet makes of a number in figures: `491710000001.0`."""
_DIGITS_MAX = 15
"""E.164 has no longer numbers."""


class PhoneNumberError(ValueError):
    """A text that is no telephone number; the message says what would be right."""


def phone_number(text: str, country: str | None) -> str:
    """The number of a text in E.164, like `+491710000001`.

    `country` (ISO 3166 alpha-2) is where numbers without a country code belong to; without it
    they are refused. Raises `PhoneNumberError`.
    """
    written = _figures(text)
    begin = written.lstrip("( ")
    if country is None and begin.startswith("00"):
        written = "+" + begin[2:]
    if country is None and not written.lstrip("( ").startswith("+"):
        raise PhoneNumberError(
            f"{text!r} has no country code: write it like +49 171 0000001, or set the country"
        )
    try:
        number = phonenumbers.parse(written, country)
    except NumberParseException as error:
        raise _no_number(text) from error
    # A few more numbers are possible than are given out: an operator's new range is one of them.
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise _no_number(text)
    found = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if len(found) > len("+") + _DIGITS_MAX or _is_whole_before_its_end(written, country):
        raise _no_number(text)
    if _may_have_lost_its_plus(written, number):
        raise PhoneNumberError(
            f"{text!r} begins with a country code without its plus, and would be another number"
            " with it: write it like +49 171 0000001, or as it is dialled in its country"
        )
    return found


def spelled_phone(number: str) -> str:
    """A number in E.164 as people read it back, in groups: `+49 171 0000001`."""
    return phonenumbers.format_number(
        phonenumbers.parse(number, None), PhoneNumberFormat.INTERNATIONAL
    )


def _may_have_lost_its_plus(written: str, read: PhoneNumber) -> bool:
    """Whether a number may be one with its country's own code whose plus a program took away,
    as spreadsheets do, and would be somebody else's as it was read."""
    digits = re.sub(r"\D", "", written)
    if "+" in written or not digits.startswith(str(read.country_code)):
        return False
    try:
        with_plus = phonenumbers.parse("+" + digits, None)
    except NumberParseException:
        return False
    if phonenumbers.is_possible_number_with_reason(with_plus) != ValidationResult.IS_POSSIBLE:
        return False
    is_likelier_so = phonenumbers.is_valid_number(with_plus) >= phonenumbers.is_valid_number(read)
    return with_plus != read and is_likelier_so


def _figures(text: str) -> str:
    """A text with its blanks, dashes and figures as ASCII has them, without `tel:`."""
    plain = unicodedata.normalize("NFKC", text).strip()
    # Direction marks come along when a number is copied from a phone's contacts.
    plain = "".join(each for each in plain if unicodedata.category(each) != "Cf")
    plain = "".join("-" if unicodedata.category(each) == "Pd" else each for each in plain)
    plain = re.sub(r"^tel:", "", plain, flags=re.IGNORECASE).strip()
    if (
        not _IN_FIGURES.fullmatch(plain)
        or _LAST_DIGITS_AGAIN.search(plain)
        or _WITH_FRACTION.fullmatch(plain)
    ):
        raise _no_number(text)
    return plain


def _is_whole_before_its_end(written: str, country: str | None) -> bool:
    """Whether an extension follows, or another number: `+49 171 0000001/123`.

    An area code, which is also written before a slash or a parenthesis, is no valid number.
    """
    for end in re.finditer(r"[/(]", written):
        try:
            before = phonenumbers.parse(written[: end.start()], country)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(before):
            return True
    return False


def _no_number(text: str) -> PhoneNumberError:
    return PhoneNumberError(
        f"{text!r} is no telephone number: write figures only, without an extension,"
        " like +49 171 0000001"
    )
