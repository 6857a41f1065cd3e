"""Telephone numbers: one spelling for each, E.164, whichever way a person wrote it."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

SEPARATORS = re.compile(r"\+?[\d ()./-]+")
"""A number in figures. Letters, a second plus, `#`, `,` and `;` begin an extension or a name."""


class PhoneNumberError(ValueError):
    """A text that is no telephone number; the message says what would be right."""


def phone_number(text: str, country: str | None) -> str:
    """The number of a text in E.164, like `+491710000001`.

    `country` (ISO 3166 alpha-2) is where numbers without a country code belong to; without it
    they are refused. Raises `PhoneNumberError`.
    """
    written = _figures(text)
    if country is None and written.startswith("00"):
        written = "+" + written[2:]
    if country is None and not written.startswith("+"):
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
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def lost_its_plus(text: str, country: str | None) -> bool:
    """Whether a number may be one with the country's own code whose plus a program took away,
    and would be another one as it stands."""
    digits = re.sub(r"[ ()./-]", "", text)
    code = str(phonenumbers.country_code_for_region(country)) if country else ""
    if not (country and digits.isdigit() and digits.startswith(code)):
        return False
    try:
        return phone_number("+" + digits, country) != phone_number(digits, country)
    except PhoneNumberError:
        return False


def _figures(text: str) -> str:
    """A text with its blanks, dashes and figures as ASCII has them, without `tel:`."""
    plain = unicodedata.normalize("NFKC", text).strip()
    # Direction marks come along when a number is copied from a phone's contacts.
    plain = "".join(each for each in plain if unicodedata.category(each) != "Cf")
    plain = "".join("-" if unicodedata.category(each) == "Pd" else each for each in plain)
    plain = re.sub(r"^tel:", "", plain, flags=re.IGNORECASE).strip()
    if not SEPARATORS.fullmatch(plain):
        raise _no_number(text)
    return plain


def _no_number(text: str) -> PhoneNumberError:
    return PhoneNumberError(
        f"{text!r} is no telephone number: write figures only, without an extension,"
        " like +49 171 0000001"
    )
