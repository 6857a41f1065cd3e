"""What the technician's test says of a scanner, by what really comes of its settings."""

from __future__ import annotations

import pytest

from kiosk.model.scanner_test import TEST_CODE, ScannerFinding, scanner_findings

F = ScannerFinding


@pytest.mark.parametrize(
    ("received", "found"),
    [
        ("PKTEST-YZ-AQWM\x1d0123456789", (F.RIGHT,)),
        ("]Q1PKTEST-YZ-AQWM\x1d0123456789", (F.RIGHT,)),
        ("PKTESTßZYßAQWM\x1d0123456789", (F.LAYOUT,)),
        ("PKTEST/ZY/AQWM\x1d0123456789", (F.LAYOUT,)),
        ("PKTEST)YW)QAZ?\x1dà&é\"'(-è_ç", (F.LAYOUT,)),
        ("PKTEST6YW6QAZ:\x1d)!@#$%^&*(", (F.LAYOUT,)),
        ("pktest-yz-aqwm\x1d0123456789", (F.CAPS_LOCK,)),
        ("pktest/zy/aqwm\x1d0123456789", (F.LAYOUT, F.CAPS_LOCK)),
        ("PKTEST-YZ-AQWM0123456789", (F.NO_SEPARATOR,)),
        ("PKTEST-YZ-AQWM^]0123456789", (F.NO_SEPARATOR,)),
        ("(PKTEST-YZ-AQWM\x1d0123456789", (F.PREFIX,)),
        ("S1:PKTEST-YZ-AQWM0123456789", (F.NO_SEPARATOR, F.PREFIX)),
        ("PKTEST-YZ-AQWM\x1d012345678", ()),
        ("1Z5R89390357567127", ()),
        ("", ()),
    ],
)
def test_each_wrong_setting_is_found(received: str, found: tuple[ScannerFinding, ...]) -> None:
    assert scanner_findings(received) == found


def test_a_missing_suffix_is_found_beside_the_rest() -> None:
    assert scanner_findings(TEST_CODE, has_suffix=False) == (F.NO_SUFFIX,)
    german = "PKTEST/ZY/AQWM0123456789"
    assert scanner_findings(german, has_suffix=False) == (F.LAYOUT, F.NO_SEPARATOR, F.NO_SUFFIX)
