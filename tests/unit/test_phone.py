"""Telephone numbers as people write them."""

from __future__ import annotations

import pytest

from kiosk.model.phone import PhoneNumberError, phone_number


@pytest.mark.parametrize(
    ("written", "country", "right"),
    [
        ("+49 171 0000001", "DE", "+491710000001"),
        ("+49 (0)171 0000001", "DE", "+491710000001"),
        ("+49 (0)171 0000001", None, "+491710000001"),
        ("0049 171 0000001", "DE", "+491710000001"),
        ("0049 171 0000001", None, "+491710000001"),
        ("0171 0000001", "DE", "+491710000001"),
        ("0171/0000001", "DE", "+491710000001"),
        ("0171\u20130000001", "DE", "+491710000001"),
        ("(201) 555-0123", "US", "+12015550123"),
        ("201.555.0123", "US", "+12015550123"),
        ("011 49 171 0000001", "US", "+491710000001"),
        ("\u00a0+49\u00a0171\u00a00000001", "DE", "+491710000001"),
        ("\u202a+49 171 0000001\u202c", None, "+491710000001"),
        ("tel:+491710000001", None, "+491710000001"),
        ("TEL: +49-171-0000001", None, "+491710000001"),
        ("\uff0b49 171 0000001", None, "+491710000001"),
        ("(+49) 171 0000001", "FR", "+491710000001"),
        ("(+49) 171 0000001", None, "+491710000001"),
        ("( +49 ) 171 / 0000001", None, "+491710000001"),
        ("(0049) 171 0000001", "DE", "+491710000001"),
        ("(0049) 171 0000001", None, "+491710000001"),
        ("(0171) 0000001", "DE", "+491710000001"),
        ("+49/3641/123456", "DE", "+493641123456"),
        ("+49 171 (000) 0001", "DE", "+491710000001"),
        ("01.23.45.67.00", "FR", "+33123456700"),
        ("0171.0000001", "DE", "+491710000001"),
        # These begin as their country's code does, but are whole with it only in one reading.
        ("393 123 4567", "IT", "+393931234567"),
        ("9198765432", "IN", "+919198765432"),
        ("447700900123", "GB", "+447700900123"),
        ("12015550123", "US", "+12015550123"),
    ],
)
def test_each_spelling_is_one_number(written: str, country: str | None, right: str) -> None:
    assert phone_number(written, country) == right
    assert phone_number(right, None) == right


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "+", "12", "+49", "0800 FLOWERS", "Kim 0171 0000001"),
        *("+1 201 555 0123 ext. 12", "+1 201 555 0123 x12", "+12015550123#12", "+12015550123,,12"),
        *("+12015550123;ext=12", "+1 555 555 0100 ext 4", "0171 0000001 / 0172 0000002"),
        *("+491710000001\r\nTo: 49", "+491710000001+491710000002", "+491710000001&bcc=eve"),
    ],
)
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(PhoneNumberError, match="is no telephone number"):
        phone_number(written, "DE")


@pytest.mark.parametrize(
    "written",
    [
        *("+491710000001/2", "0171 0000001/-02", "+49 171 0000001/123", "0171 0000001 / 123"),
        *("+491710000001 (2)", "0171 0000001 (123)", "+491710000001.0", "01710000001.00"),
        *("+49171000000199999", "011 49 171 0000001"),
    ],
)
def test_nothing_is_glued_on(written: str) -> None:
    with pytest.raises(PhoneNumberError, match="is no telephone number"):
        phone_number(written, "DE")


@pytest.mark.parametrize(
    ("written", "country"),
    [
        ("491710000001", "DE"),
        ("49 171 0000001", "DE"),
        ("(49) 171-0000001", "DE"),
        ("\u202a491710000001\u202c", "DE"),
    ],
)
def test_a_lost_plus_is_reported_as_the_number_may_be_somebody_elses(
    written: str, country: str
) -> None:
    with pytest.raises(PhoneNumberError, match="plus"):
        phone_number(written, country)


def test_a_national_number_needs_a_country() -> None:
    with pytest.raises(PhoneNumberError, match="no country code"):
        phone_number("0171 0000001", None)
