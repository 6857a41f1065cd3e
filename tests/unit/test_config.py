"""A site file is right as a whole, or every mistake is named so that it can be mended."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import DEMO_PACKAGES, DEMO_SITE, ConfigError, Mistake, check_site, load_site
from config.rewriting import rewire
from drivers.boards import FAMILIES
from drivers.building import open_bank
from drivers.wiring import wired_boards, wired_doors
from kiosk.model.carriers import CarrierScope
from kiosk.model.person import Role
from kiosk.site_model import remarks, staff_of

BAD_PORTS = {
    "ttyUSB0": "whole path",
    "COM3": "whole path",
    "3": "whole path",
    "dev/ttyUSB0": "whole path",
    "/dev//ttyUSB0": "whole path",
    "/ttyUSB0": "whole path",
    "socket://192.168.1.20": "socket://HOST:PORT",
    "socket://192.168.1.20:x": "socket://HOST:PORT",
    "socket:/192.168.1.20:4001": "whole path",
    "tcp://192.168.1.20:4001": "socket://HOST:PORT",
    "sim://lockboard-8b?board=1": "lockboard-8a",
    "sim://lockboard-8a?board=99": "socket://HOST:PORT",
}
"""What cannot be opened as a port, and a piece of what is said of it."""

DEMO_TEXT = DEMO_SITE.read_text(encoding="utf-8")


def write_site(folder: Path, *changes: tuple[str, str]) -> Path:
    """The demo site with each text replaced once."""
    text = DEMO_TEXT
    for old, new in changes:
        assert old in text, f"the demo site no longer has {old!r}"
        text = text.replace(old, new, 1)
    path = folder / "a site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def only_mistake(path: Path) -> Mistake:
    mistakes = check_site(path)
    assert len(mistakes) == 1, "\n".join(map(str, mistakes))
    return mistakes[0]


def test_the_demo_site_is_right() -> None:
    assert check_site(DEMO_SITE) == []
    site = load_site(DEMO_SITE)
    assert len(site.lockers) == 2
    assert len(site.slots) == 24
    assert {slot.size for slot in site.slots} == {"S", "M", "L"}
    assert list(site.sizes) == ["S", "M", "L"], "from the smallest to the largest"
    assert site.policy.show_code_to_courier


def test_the_demo_pins_sign_in() -> None:
    secrets = {"11": "4711", "99": "8080"}
    for person in load_site(DEMO_SITE).staff:
        assert argon2.PasswordHasher().verify(person.pin_hash, secrets[person.number])


def test_the_demo_expects_nine_packages_of_known_sizes() -> None:
    with DEMO_PACKAGES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert len({row["barcode"] for row in rows}) == 9
    assert [row["size"] for row in rows].count("") == 1, "one size is asked of the courier"
    assert {row["size"] for row in rows} - {""} == set(load_site(DEMO_SITE).sizes)


def test_sizes_are_ordered_by_volume_whatever_the_order_in_the_file(tmp_path: Path) -> None:
    path = write_site(tmp_path, ("[sizes.S]", "[sizes.T]"), ("[sizes.L]", "[sizes.S]"))
    path.write_text(path.read_text().replace("[sizes.T]", "[sizes.L]"))
    assert list(load_site(path).sizes) == ["L", "M", "S"]


# What is written instead -> the key, the value and what is said of it.
MISTAKES = {
    "hold": (("hold_days = 5", "hold_days = 9"), "policy.hold_days", "9", "from 3 to 7"),
    "hold as text": (
        ("hold_days = 5", 'hold_days = "5"'),
        "policy.hold_days",
        '"5"',
        "is not a whole number",
    ),
    "accent no colour": (
        ('night = ""', 'accent = "blue"'),
        "look.accent",
        '"blue"',
        'a colour like "#0B4EA8"',
    ),
    "night": (
        ('night = ""', 'night = "25:00-06:00"'),
        "look.night",
        '"25:00-06:00"',
        'like "21:30-06:00"',
    ),
    "allocation": (
        ('allocation = "best-fit"', 'allocation = "best"'),
        "policy.allocation",
        '"best"',
        '"best-fit" or "first-available"',
    ),
    "channel twice": (
        ('"left", channel = 2', '"left", channel = 1'),
        "lockers[0].slots[1].channel",
        "1",
        "used by slot 1 (lockers[0].slots[0])",
    ),
    "channel beyond the board": (
        ('"right", channel = 12', '"right", channel = 13'),
        "lockers[1].slots[11].channel",
        "13",
        "from 1 to 12",
    ),
    "unknown size": (
        ('label = "1", size = "M"', 'label = "1", size = "XL"'),
        "lockers[0].slots[0].size",
        '"XL"',
        '"S", "M", "L"',
    ),
    "unknown board": (
        ('board = "right", channel = 3', 'board = "rigth", channel = 3'),
        "lockers[1].slots[2].board",
        '"rigth"',
        '"right"?',
    ),
    "unknown family": (
        ('family = "lockboard-8a"', 'family = "lockboard-9"'),
        "boards[0].family",
        '"lockboard-9"',
        '"lockboard-8a"',
    ),
    "address outside the family": (
        ("address = 2", "address = 77"),
        "boards[1].address",
        "77",
        "from 1 to 31",
    ),
    "address twice on a port": (
        ("address = 2", "address = 1"),
        "boards[1].address",
        "1",
        "is the address of boards[0] on the same port",
    ),
    "scanner on the bus": (
        ('port = "ports/scanner"', 'port = "ports/lock-bus"'),
        "scanner.port",
        '"ports/lock-bus"',
        "is the port of boards[0]",
    ),
    "two speeds on one port": (
        (
            'name = "right"\nfamily = "lockboard-8a"',
            'name = "right"\nfamily = "kerong-cu16"',
        ),
        "boards[1].port",
        '"ports/lock-bus"',
        "a port of its own",
    ),
    **{
        f"port {port}": (
            ('port = "ports/scanner"', f'port = "{port}"'),
            "scanner.port",
            f'"{port}"',
            said,
        )
        for port, said in BAD_PORTS.items()
    },
    "slot off its locker": (
        ("left_mm = 1320, bottom_mm = 60,", "left_mm = 1420, bottom_mm = 60,"),
        "lockers[1].slots[11]",
        "{…}",
        "a place inside lockers[1]",
    ),
    "slots over each other": (
        ("bottom_mm = 1140", "bottom_mm = 1100"),
        "lockers[0].slots[3]",
        "{…}",
        "slot 4 lies over slot 3",
    ),
    "screen over a door": (
        ("bottom_mm = 740", "bottom_mm = 800"),
        "screen",
        "{…}",
        "lies over slots 11",
    ),
    "lockers over each other": (
        (
            "left_mm = 880\nbottom_mm = 0\nwidth_mm = 860",
            "left_mm = 859\nbottom_mm = 0\nwidth_mm = 900",
        ),
        "lockers[1]",
        "{…}",
        "lies over lockers[0]",
    ),
    "label twice": (
        ('label = "13"', 'label = "12"'),
        "lockers[1].slots[0].label",
        '"12"',
        "stands at lockers[0].slots[11] already",
    ),
    "locker label twice": (
        ('label = "B"', 'label = "A"'),
        "lockers[1].label",
        '"A"',
        "stands at lockers[0] already",
    ),
    "staff number twice": (
        ('number = "99"', 'number = "11"'),
        "staff[1].number",
        '"11"',
        "nobody else has",
    ),
    "PIN in clear": (
        ("$argon2id$", "4711"),
        "staff[0].pin_hash",
        '"4711v=19$m=65536,t=3,p=4$SbIzy+xY9hQ77BkxPqLgfA$izPJoCfvQzO1A3dmQBCE4xAwOpZulqtEJ2EzOuZfzdY"',
        "the argon2id hash",
    ),
    "time zone": (
        ("Europe/Berlin", "Europe/Bonn"),
        "location.time_zone",
        '"Europe/Bonn"',
        "is not a time zone",
    ),
    "language": (
        ('["en", "de", "fr", "es", "pl", "uk", "tr", "ar"]', '["en", "tlh"]'),
        "location.languages[1]",
        '"tlh"',
        'there are: "en", "ar", "de", "es", "fr", "pl"',
    ),
    "location with a colon": (
        ('id = "demo"', 'id = "de:mo"'),
        "location.id",
        '"de:mo"',
        "letters, digits or dashes",
    ),
    "unknown key": (
        ("channels = 12", "channels = 12\ninverted = true"),
        "boards[0].inverted",
        "true",
        'is not a key of this table; should be: "invert"?',
    ),
    "unknown table": (("[messages]", "[mesages]"), "mesages", "{…}", '"messages"?'),
    "missing key": (("help_phone", "# "), "location.help_phone", "", "is missing"),
    "an option's value": (
        ("address = 2\n", "address = 2\noptions = { low_byte_first = 3 }\n"),
        "boards[1].options.low_byte_first",
        "3",
        "true or false",
    ),
    "an option of another family": (
        ("address = 2\n", "address = 2\noptions = { colour = true }\n"),
        "boards[1].options.colour",
        "true",
        "low_byte_first",
    ),
    "no carrier's id": (
        ("pin_digits = 4", 'pin_digits = 4\ncarriers = ["operator", "Other One"]'),
        "staff[0].carriers[1]",
        '"Other One"',
        "1 to 20 ids of carriers",
    ),
    "baud": (
        ('port = "ports/scanner"', 'port = "ports/scanner"\nbaud = 9601'),
        "scanner.baud",
        "9601",
        "9600",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_file_line_key_value_and_what_is_right(
    name: str, tmp_path: Path
) -> None:
    change, key, value, said = MISTAKES[name]
    path = write_site(tmp_path, change)
    mistake = only_mistake(path)
    assert (mistake.key, mistake.value) == (key, value)
    message = str(mistake)
    assert said in message
    assert message.startswith(f"{path}:{mistake.line}: ")
    line = path.read_text(encoding="utf-8").splitlines()[(mistake.line or 0) - 1]
    last_name = key.rpartition(".")[2].partition("[")[0]
    assert last_name in line or "[[" in line or "[location]" in line or "{" in line


def test_every_mistake_is_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    changes = [change for name, (change, *_) in MISTAKES.items() if name in EVERY]
    mistakes = check_site(write_site(tmp_path, *changes))
    assert {mistake.key for mistake in mistakes} == {MISTAKES[name][1] for name in EVERY}
    lines = [mistake.line or 0 for mistake in mistakes]
    assert lines == sorted(lines)
    with pytest.raises(ConfigError) as raised:
        load_site(tmp_path / "a site.toml")
    assert len(str(raised.value).splitlines()) == len(EVERY)


EVERY = {
    "hold",
    "channel twice",
    "channel beyond the board",
    "unknown size",
    "unknown board",
    "slot off its locker",
    "label twice",
    "time zone",
    "unknown table",
    "address outside the family",
    "staff number twice",
}


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    mistake = only_mistake(write_site(tmp_path, ("hold_days = 5", "hold_days = five")))
    assert "is not TOML" in str(mistake)
    assert mistake.line is not None
    lines = (tmp_path / "a site.toml").read_text(encoding="utf-8").splitlines()
    assert "hold_days" in lines[mistake.line - 1]


@pytest.mark.parametrize(
    "content",
    ["", "lockers = 3\nboards = [1]\nsizes = []\n", "[[lockers]]\nslots = 3\n", "screen = 1.5"],
)
def test_nonsense_is_a_list_of_mistakes_and_never_a_crash(content: str, tmp_path: Path) -> None:
    path = tmp_path / "nonsense.toml"
    path.write_text(content)
    assert "location" in {mistake.key for mistake in check_site(path)}


def test_a_file_that_cannot_be_read_is_one_mistake(tmp_path: Path) -> None:
    assert "No such file" in str(only_mistake(tmp_path / "missing.toml"))
    assert "directory" in str(only_mistake(tmp_path))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    assert "is not text" in str(only_mistake(tmp_path / "latin.toml"))


def test_two_ch340_adapters_are_not_distinguished_by_id(tmp_path: Path) -> None:
    by_id = "/dev/serial/by-id/usb-1a86_USB{}-Serial-if00-port0"
    changes = [("ports/lock-bus", by_id.format(""))] * 2 + [("ports/scanner", by_id.format("2.0"))]
    mistake = only_mistake(write_site(tmp_path, *changes))
    assert mistake.key == "scanner.port"
    assert "/dev/serial/by-path/" in str(mistake)


PORTS = st.sampled_from(
    [*BAD_PORTS, "ports/a", "/dev/ttyUSB0", "socket://h:1", "sim://kerong-cu16"]
)


@given(st.lists(st.tuples(PORTS, st.sampled_from(list(FAMILIES))), min_size=2, max_size=2))
def test_what_the_check_passes_is_wired(boards: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        changes = []
        for port, family in boards:
            changes += [
                ('family = "lockboard-8a"', f'family = "{family}"'),
                ('port = "ports/lock-bus"', f'port = "{port}"'),
            ]
        path = write_site(Path(folder), *changes)
        if check_site(path):
            return
        site = load_site(path)
        open_bank(wired_boards(site.boards, Path(folder)), wired_doors(site.slots))
        assert not {port for port, _ in boards} & set(BAD_PORTS)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_mark_that_editors_put_in_front_is_passed_over(tmp_path: Path, mark: str) -> None:
    path = write_site(tmp_path)
    path.write_text(mark + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert check_site(path) == []
    assert rewire(path, {}, {}) is None


CONTROLS = {
    "a line break": (('name = "Demo locker"', r'name = "Demo\nlocker"'), "location.name", r"\n"),
    "a bell": (('name = "Demo locker"', r'name = "Demo \u0007"'), "location.name", r"\u0007"),
    "a tab": (("Lindenplatz 1,", r"Lindenplatz\t1,"), "location.address", r"\t"),
    "turned over": (('"Kim Courier"', r'"Kim \u202e"'), "staff[0].name", r"\u202e"),
    "turned over to no end": (('"Kim Courier"', r'"Kim \u2067"'), "staff[0].name", r"\u2067"),
    "a mark of direction": (('"Kim Courier"', r'"Kim \u200f"'), "staff[0].name", r"\u200f"),
    "an id": (('id = "demo"', r'id = "demo\n"'), "location.id", r"demo\n"),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_character_that_cannot_be_drawn_is_a_mistake_on_one_line(
    tmp_path: Path, name: str
) -> None:
    change, key, value = CONTROLS[name]
    mistake = only_mistake(write_site(tmp_path, change))
    assert mistake.key == key
    assert value in mistake.value
    assert str(mistake).isprintable()


def test_the_name_of_a_size_has_no_line_break(tmp_path: Path) -> None:
    path = write_site(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + '\n[sizes."X\\nL"]\nwidth_mm = 1\n')
    assert any("a line break" in mistake.problem for mistake in check_site(path))


NAMES = {
    "საკნები თბილისი": "ს",
    "לוקר תל אביב": "ל",
    "東京駅 宅配ロッカー": "東",
    "Paket 📦": "📦",
}


@pytest.mark.parametrize("name", NAMES)
def test_letters_that_the_fonts_lack_are_reported(tmp_path: Path, name: str) -> None:
    path = write_site(tmp_path, ("Demo locker", name))
    said = [remark for remark in remarks(load_site(path)) if "location.name" in remark]
    assert len(said) == 1
    assert f"no {NAMES[name]}" in said[0]


@pytest.mark.parametrize(
    "name",
    [
        "Łódź, Żółta 5 – „Ñandú“ ß œ €",
        "خزانة الطرود",
        "Demo خزانة 1",
        "Поштомат 1",
        "Θυρίδα στην Αθήνα",
    ],
)
def test_letters_that_the_fonts_have_are_not(tmp_path: Path, name: str) -> None:
    path = write_site(tmp_path, ("Demo locker", name))
    assert not [remark for remark in remarks(load_site(path)) if "location.name" in remark]


def test_staff_of_the_site_serve_the_operator_unless_it_says_whom(tmp_path: Path) -> None:
    named = 'pin_digits = 4\ncarriers = ["operator", "red"]'
    first, *others = staff_of(load_site(write_site(tmp_path, ("pin_digits = 4", named))))
    assert first.scope_as(Role.COURIER) == CarrierScope(("operator", "red"))
    assert [person.carriers for person in others] == [("operator",)] * len(others)


def test_a_country_is_one_that_has_telephone_numbers_and_is_asked_for(tmp_path: Path) -> None:
    text = DEMO_SITE.read_text(encoding="utf-8")
    for wrong in ("de", "Germany", "XX", ""):
        site = tmp_path / "site.toml"
        site.write_text(text.replace('country = "DE"', f'country = "{wrong}"'), encoding="utf-8")
        [mistake] = check_site(site)
        assert "ISO 3166" in str(mistake), wrong
    site.write_text(text.replace('country = "DE"\n', ""), encoding="utf-8")
    assert check_site(site) == []
    assert any("national" in remark for remark in remarks(load_site(site)))
    assert not any("national" in remark for remark in remarks(load_site(DEMO_SITE)))
