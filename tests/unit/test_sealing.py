"""A sealed text is read with its key, where it belongs, and in no other way."""

from __future__ import annotations

import pytest

from kiosk.model.sealing import Sealing, UnsealError, is_sealed

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
NAME = "Zoë Müller"


def test_a_sealed_text_opens_with_its_key_where_it_belongs() -> None:
    sealing = Sealing([OLD])
    sealed = sealing.seal(NAME, "recipient.name")
    assert sealing.open(sealed, "recipient.name") == NAME
    assert sealing.seal(NAME, "recipient.name") != sealed, "equal names look equal"
    assert is_sealed(sealed)
    assert sealing.seal("", "recipient.name") == sealing.open("", "recipient.name") == ""


def test_it_opens_nowhere_else_and_with_no_other_key() -> None:
    sealing = Sealing([OLD])
    sealed = sealing.seal(NAME, "recipient.name")
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for wrong in (NAME, "s1.", "s1.AAAA", "s1.ü", changed, sealed[:-8], sealed.upper()):
        with pytest.raises(UnsealError):
            sealing.open(wrong, "recipient.name")
    with pytest.raises(UnsealError, match="belongs elsewhere"):
        sealing.open(sealed, "staff.name")
    with pytest.raises(UnsealError, match="another key"):
        Sealing([NEW]).open(sealed, "recipient.name")


def test_a_key_is_changed_while_what_the_old_one_sealed_is_still_read() -> None:
    sealed = Sealing([OLD]).seal(NAME, "a")
    both = Sealing([OLD, NEW])
    assert both.open(sealed, "a") == NAME
    assert not both.is_newest(sealed)
    again = both.seal(NAME, "a")
    assert both.is_newest(again)
    assert Sealing([NEW]).open(again, "a") == NAME


def test_a_blind_index_finds_and_tells_nothing() -> None:
    sealing = Sealing([OLD])
    found = sealing.blind_index("Eva@Example.org", "recipient.email")
    assert found == sealing.blind_index(" eva@example.org ", "recipient.email")
    assert found != sealing.blind_index("eva@example.org", "user.email"), "columns compare"
    assert found != Sealing([NEW]).blind_index("eva@example.org", "recipient.email")
    assert "eva" not in found
    assert sealing.blind_index("", "recipient.email") == ""
