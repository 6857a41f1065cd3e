"""A household is found by its flat or by how a name begins, however either is written."""

from __future__ import annotations

import pytest

from kiosk.model.directory import Household, found_by, plain_letters, short_name

HOUSE = [
    Household(id="1", flat="12", names=("Mona Haddad", "Lena Haddad")),
    Household(id="2", flat="3B", names=("Jürgen Müller",)),
    Household(id="3", flat="03-C", names=("Łucja Żak",)),
    Household(id="4", flat="112", names=("Strauß, Anna",)),
    Household(id="5", flat="", names=("Haddock",)),
]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("12", ["1"]),
        ("3b", ["2"]),
        ("3 B", ["2"]),
        ("3/B", ["2"]),
        ("03C", ["3"]),
        ("HADD", ["5", "1"]),
        ("MULLER", ["2"]),
        ("JUR", ["2"]),
        ("ZAK", ["3"]),
        ("LUCJA", ["3"]),
        ("STRAUSS", ["4"]),
        ("H", []),
        ("ADDAD", []),
        ("1", []),
        ("", []),
    ],
)
def test_a_household_is_found_by_flat_or_name(typed: str, found: list[str]) -> None:
    assert [each.id for each in found_by(HOUSE, typed)] == found


def test_dotted_and_dotless_i_are_typed_by_one_key() -> None:
    typed = {plain_letters(name) for name in ("İPEK IŞIK", "ipek ışık", "Ipek Isik")}
    assert typed == {"ipek isik"}


def test_as_little_of_a_name_is_shown_as_a_label_needs() -> None:
    assert short_name("Mona Ada Haddad") == "M. A. Haddad"
    assert short_name("Strauß, Anna") == "A. Strauß"
    assert short_name("Haddock") == "Haddock"
    assert HOUSE[0].short_names == ("M. Haddad", "L. Haddad")
