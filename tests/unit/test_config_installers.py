"""The mistakes that installers really make in a site file: each is refused with its line and what
would be right, and what is passed starts."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from config import DEMO_SITE, check_site, load_site
from kiosk.app import make_kiosk, open_kiosk
from kiosk.demo.player import Player

DEMO_TEXT = DEMO_SITE.read_text(encoding="utf-8")
PORT = 'port = "ports/lock-bus"'

BAD_PORTS = [
    *("/dev/ttyS0 ", " /dev/ttyS0", "/dev/tty USB0", "/dev/tty\u00a0USB0", "/dev/ttyUSB0\u200b"),
    *("/dev/ttyUSB0/", "//dev/ttyUSB0", "./ports/lock-bus", "/dev/../dev/ttyS0", "/dev", "/dev/"),
    *("com3", "COM3:", "/dev/com3", "/dev/TTYUSB0", "/dev/ttyusb0", "/dev/ttyUSB", "/dev/ttys0"),
    *("/dev/ttyUSB*", "/dev/ttyUSB?", "/dev/ttyUSB0,9600", "/dev/ttyUSB0;/dev/ttyUSB1", "$PORT/x"),
    *(
        "/dev/serial/by-id",
        "/dev/serial/by-id/",
        "/dev/serial/by-id/usb-…",
        "/dev/null",
        "/dev/tty",
    ),
    *("'/dev/ttyUSB0'", "%h/ttyUSB0", "~/ports/x", "../x/y", "10.0.0.1:4001", "sim://", "Sim://x"),
    *("tcp://10.0.0.1:4001", "rfc2217://h:1", "http://10.0.0.1", "socket:10.0.0.1:4001"),
    *("socket://host:99999", "socket://:4001", "socket://h:0", "socket://h", "socket://a@b:1"),
    *("socket://10.0.0.300:4001", "socket://10.0.0:4001", "socket://...:1", "socket://a b:1"),
    *(
        "socket://10.0.0.1 :4001",
        "socket://10.0.0.1:4001 ",
        "socket://fe80::1:4001",
        "socket://h:1/x",
    ),
]
GOOD_PORTS = [
    *("/dev/ttyUSB0", "/dev/ttyACM12", "/dev/ttyAMA0", "/dev/lock-bus", "/dev/pts/3"),
    *("/dev/serial/by-id/usb-Größe_1-if00", "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0"),
    *("socket://10.0.0.1:4001", "socket://serial-server.example:4001", "socket://[fe80::1]:4001"),
    *("SOCKET://10.0.0.1:4001", "socket://moxa_1:4001", "/dev/cu.usbserial-1420", "ports/a"),
]


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "site.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def with_ports(first: str, second: str | None = None) -> str:
    second = first if second is None else second
    return DEMO_TEXT.replace(PORT, f'port = "{first}"', 1).replace(PORT, f'port = "{second}"', 1)


def changed(pattern: str, text: str) -> str:
    found = re.subn(pattern, lambda _: text, DEMO_TEXT, count=1, flags=re.MULTILINE)
    assert found[1] == 1, f"the demo site has no {pattern}"
    return found[0]


def refused(path: Path) -> str:
    """The first mistake: it has a line and says what would be right."""
    mistakes = check_site(path)
    assert mistakes, "passed"
    for mistake in mistakes:
        assert mistake.right
        assert len(str(mistake)) < 1000
        assert "\n" not in str(mistake)
    return str(mistakes[0])


@pytest.mark.parametrize("port", BAD_PORTS)
def test_a_port_that_can_be_none_is_refused(tmp_path: Path, port: str) -> None:
    message = refused(write(tmp_path, with_ports(port)))
    assert re.match(rf"{re.escape(str(tmp_path))}/site\.toml:\d+: boards\[0\]\.port = ", message)


@pytest.mark.parametrize("port", GOOD_PORTS)
def test_a_port_that_can_be_one_is_passed_and_starts(tmp_path: Path, port: str) -> None:
    path = write(tmp_path, with_ports(port))
    assert check_site(path) == []
    if not port.lower().startswith("/dev/"):
        start(path, tmp_path / "data")


def start(path: Path, data: Path) -> None:
    site = load_site(path)
    make_kiosk(site, data)

    async def enter() -> None:
        async with open_kiosk(site, data, Player()):
            pass

    asyncio.run(enter())


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("socket://Host:1", "socket://host:1", "written in another way"),
        ("socket://host:1", "socket://host:01", "written in another way"),
        ("socket://host:1", "socket://host.:1/", "written in another way"),
    ],
)
def test_one_port_has_one_spelling(tmp_path: Path, first: str, second: str, said: str) -> None:
    assert said in refused(write(tmp_path, with_ports(first, second)))
    same_address = with_ports(first, second).replace("address = 2", "address = 1")
    message = "\n".join(map(str, check_site(write(tmp_path, same_address))))
    assert "is the address of boards[0] on the same port" in message


def test_the_scanner_is_on_no_boards_port_in_any_spelling(tmp_path: Path) -> None:
    text = with_ports("socket://host:1").replace("ports/scanner", "socket://HOST:1")
    assert "scanner.port" in refused(write(tmp_path, text))


SAME_LOOK = (
    'label = "A1", size = "S", board = "left", channel = 1, left_mm = 20, bottom_mm = 1500, '
    'width_mm = 400, height_mm = 240 },\n  { label = "\u04101"'
)
"""A door whose A is Latin, and one whose A is Cyrillic."""
VALUES = {
    "baud as text": (r"^\[scanner\]", '[scanner]\nbaud = "9600"', "is not a whole number"),
    "an odd baud": (r"^\[scanner\]", "[scanner]\nbaud = 9601", "is not a usual speed"),
    "channel 0": (r"channel = 1\b", "channel = 0", "is too small"),
    "channel 17": (r"channel = 1\b", "channel = 17", "from 1 to 12"),
    "channel 25": (r"channel = 1\b", "channel = 25", "from 1 to 12"),
    "address 256": (r"address = 1\b", "address = 256", "is too large"),
    "address twice": (r"address = 2\b", "address = 1", "is the address of boards[0]"),
    "label in capitals": (
        r'label = "1"(.*)\n(.*)label = "2"',
        'label = "a1", size = "S", board = "left", channel = 1, left_mm = 20, bottom_mm = 1500, '
        'width_mm = 400, height_mm = 240 },\n  { label = "A1"',
        "but for capitals",
    ),
    "letters of the same look": (r'label = "1"(.*)\n(.*)label = "2"', SAME_LOOK, "another script"),
    "a 0 in front": (r'label = "10"', 'label = "01"', "a 0 in front"),
    "a blank in a label": (r'label = "1"', 'label = "1 "', "is not written like that"),
    "a dash for a label": (r'label = "1"', 'label = "-"', "is not written like that"),
    "outside": (r"bottom_mm = 1500", "bottom_mm = 5000", "reaches beyond its locker"),
    "negative": (r"left_mm = \d+", "left_mm = -5", "is too small"),
    "nan": (r"left_mm = \d+", "left_mm = nan", "is not a whole number"),
    "inf": (r"left_mm = \d+", "left_mm = inf", "is not a whole number"),
    "1e999": (r"max_weight_kg = [\d.]+", "max_weight_kg = 1e999", "is too large"),
    "a weight of nan": (r"max_weight_kg = [\d.]+", "max_weight_kg = nan", "is too large"),
    "a date": (r"left_mm = \d+", "left_mm = 2024-01-01", "is not a whole number"),
    "a long number": (r"left_mm = \d+", "left_mm = " + "9" * 400, "is too large"),
    "a longer number": (r"left_mm = \d+", "left_mm = " + "9" * 5000, "cannot be taken in"),
    "an option's date": (r"address = 1\b", "address = 1\noptions.a = 2024-01-01", "is not true"),
    "a language twice": (r"^languages = .*", 'languages = ["en", "en"]', "twice"),
    "a night of nothing": (r'night = ""', 'night = "22:00-22:00"', "begins when it ends"),
    "no folder": (r'folder = "phones"', 'folder = ""', "is the data folder itself"),
    "a shell's folder": (r'folder = "phones"', 'folder = "~/x"', "only a shell knows"),
    "a blank name": (r"^name = .*", 'name = "  "', "is blank"),
    "a blank size": (r"^\[sizes\.S\]", '[sizes.""]', "is blank"),
    "half a hash": (r"^pin_hash = .*", 'pin_hash = "$argon2id$"', "is not an argon2id hash"),
    "a number of brackets": (r"^help_phone = .*", 'help_phone = "1 ("', "too few digits"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    pattern, text, said = VALUES[name]
    message = refused(write(tmp_path, changed(pattern, text)))
    assert said in message
    assert re.match(rf"{re.escape(str(tmp_path))}/site\.toml:\d+: ", message)


def test_a_hash_that_lost_its_end_is_refused(tmp_path: Path) -> None:
    found = re.search(r'pin_hash = "(.*)"', DEMO_TEXT)
    assert found is not None
    text = DEMO_TEXT.replace(found[1], found[1][:-30])
    assert "cut short" in refused(write(tmp_path, text))


FILES = {
    "UTF-16": (DEMO_TEXT.encode("utf-16"), "UTF-8"),
    "UTF-16 without a mark": (DEMO_TEXT.encode("utf-16-le"), "UTF-8"),
    "Latin": (DEMO_TEXT.replace("Demo", "Dämo").encode("latin-1"), "UTF-8"),
    "nothing": (b"", "location: is missing"),
    "JSON": (b'{"location": {}}', "is not TOML"),
    "YAML": (b"location:\n  id: demo\n", "is not TOML"),
    "10 MB": (DEMO_TEXT.encode() + b"# x\n" * 2_500_000, "is too large"),
    "lists in lists": (b"a = " + b"[" * 5000 + b"]" * 5000, "cannot be taken in"),
    "tables in tables": (b"a" + b".a" * 5000 + b" = 1", "cannot be taken in"),
    "less deep": (b"a = " + b"[" * 100 + b"]" * 100, "cannot be taken in"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_site_is_refused(tmp_path: Path, name: str) -> None:
    content, said = FILES[name]
    assert said in refused(write(tmp_path, content))


def test_an_endless_file_is_refused() -> None:
    assert "is too large" in refused(Path("/dev/zero"))


@pytest.mark.parametrize(
    "content",
    [
        DEMO_TEXT.replace(" = ", "\t=\t"),
        DEMO_TEXT.replace("\n", "\r\n"),
        DEMO_TEXT.replace("\n", "\r"),
        "\ufeff" + DEMO_TEXT.replace("\n", "\r\n"),
    ],
    ids=["tabs", "CRLF", "CR", "mark"],
)
def test_what_editors_do_to_a_file_is_passed_and_starts(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, content)
    assert check_site(path) == []
    start(path, tmp_path / "data")
