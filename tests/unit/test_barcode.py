"""One number has one key, however it is spelled; two numbers never have the same."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue
from sqlite_utils import Database

from drivers.barcodes import BARCODE_LENGTH_MAX
from kiosk.model.allocation import BestFit
from kiosk.model.barcode import (
    NotABarcodeError,
    barcode_key,
    barcode_text,
    kept_key,
)
from kiosk.model.events import Event, EventKind, canonical_json, chain_hash
from kiosk.store import commands as kiosk_commands
from kiosk.store import deposits, packages, slots
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import RefusedError
from kiosk.store.packages import Announcement
from kiosk.store.schema import migrations
from kiosk.store.store import Store
from kiosk.store.writer import Writer, insert
from kiosk.sync.receiving import receive
from tests.support.flow_site import LOCATION, LoopClock, require_sound

LABELS = Path(__file__).parents[1] / "vectors" / "labels"
REFUSED_BARCODE = "a barcode has|a text has no NUL|None: it should be a valid|should have at most"
SPELLINGS: dict[str, Any] = json.loads((LABELS / "spellings.json").read_text(encoding="utf-8"))
NUMBERS = json.loads((LABELS / "barcodes.json").read_text(encoding="utf-8"))

CARRIERS_NUMBERS: list[str] = [
    number
    for source in json.loads((LABELS / "numbers.json").read_text(encoding="utf-8"))["sources"]
    for numbers in source["numbers"].values()
    for number in numbers
]

SSCC = "340434161094042557"
BLANKS = ("", " ", "  ", "\t", "\u00a0", "\u2009", "\u202f", "\u3000", "\r\n", "\u200b", "\ufeff")


@pytest.mark.parametrize("row", SPELLINGS["spellings"], ids=lambda row: row["name"])
def test_both_spellings_have_one_key(row: dict[str, str]) -> None:
    assert barcode_key(row["announced"]) == barcode_key(row["read"])
    assert barcode_key(barcode_text(row["announced"])) == barcode_key(row["read"])


@pytest.mark.parametrize("text", [*SPELLINGS["refused"], "", "A" * (BARCODE_LENGTH_MAX + 1), "ä1"])
def test_what_is_no_barcode_is_refused_and_may_be_kept(text: str) -> None:
    with pytest.raises(NotABarcodeError):
        barcode_key(text)
    assert kept_key(text) == text


def test_published_numbers_stay_apart() -> None:
    """Those with one key are one number: one ends with the other's digits."""
    by_key: dict[str, set[str]] = {}
    for number in NUMBERS:
        text = re.sub(r"[^0-9A-Z]", "", number["text"].removeprefix("]C1"))
        by_key.setdefault(barcode_key(number["text"]), set()).add(text)
    for key, texts in by_key.items():
        number = re.sub(r"[^0-9A-Z]", "", key)
        assert all(text.endswith(number) or len(texts) == 1 for text in texts), (key, texts)
    assert len(by_key) >= len(NUMBERS) - 3


def test_numbers_of_carriers_stay_apart() -> None:
    keys = [barcode_key(number) for number in CARRIERS_NUMBERS]
    assert len(set(keys)) == len(keys) >= 192
    spelled_otherwise = {barcode_key(text) for number in keys for text in other_spellings(number)}
    assert spelled_otherwise == set(keys)


@pytest.mark.parametrize("number", CARRIERS_NUMBERS)
def test_every_spelling_of_a_carriers_number_has_its_key(number: str) -> None:
    key = barcode_key(number)
    assert barcode_key(key) == key
    for text in (*other_spellings(number), *other_spellings(key)):
        assert barcode_key(text) == key, text


@pytest.mark.parametrize("number", CARRIERS_NUMBERS)
def test_a_carriers_number_with_another_sign_has_another_key(number: str) -> None:
    """Also where the check digit is then wrong; what stands before a number of USPS is left out."""
    bare = number.replace(" ", "")
    for place in range(max(0, len(bare) - 20), len(bare)):
        for sign in "0123456789".replace(bare[place], ""):
            misread = bare[:place] + sign + bare[place + 1 :]
            assert barcode_key(misread) != barcode_key(bare), misread


def other_spellings(number: str) -> Iterator[str]:
    """As people, files and scanners give a number."""
    bare = number.replace(" ", "")
    groups = [bare[place : place + 4] for place in range(0, len(bare), 4)]
    yield from (" ".join(groups), "\u00a0".join(groups), "\u202f".join(groups), bare.lower())
    yield from (f"]C0{bare}", f"]c1{bare}", f"]d2\x1d{bare}\x1d", f"*{bare}*")
    yield from (f"{bare}    ", f" {bare}\t", f"{bare}\r\n", f"\ufeff{bare}\u200b")
    yield "".join(chr(ord(sign) + 0xFEE0) for sign in bare)


def mod_10(body: str) -> str:
    total = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


digits = st.text(alphabet="0123456789", min_size=17, max_size=17)


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """The text in groups, in some case and with something around it."""
    grouped = "".join(sign + draw(st.sampled_from(BLANKS)) for sign in text)
    frame = draw(st.sampled_from(("", "]C1", "]c1", "]d2", "]Q3", "]C1\x1d", " ", "\x1d")))
    end = draw(st.sampled_from(("", " ", "\x1d", "\r", "\u00a0")))
    return frame + draw(st.sampled_from((grouped, grouped.lower(), text))) + end


@given(st.data(), digits)
def test_every_spelling_of_an_sscc_has_its_key(data: st.DataObject, body: str) -> None:
    sscc = mod_10(body)
    link = f"https://example.org/00/{sscc}"
    form = data.draw(st.sampled_from((sscc, f"00{sscc}", f"(00){sscc}", f"00{sscc}\x1d", link)))
    assert barcode_key(data.draw(spelled(form))) == barcode_key(sscc)


@given(st.data(), digits, st.sampled_from(("", "42012345", "42012345\x1d", "420123456789\x1d")))
def test_every_spelling_of_a_usps_number_has_its_key(
    data: st.DataObject, body: str, before: str
) -> None:
    number = mod_10("9400" + body)
    assert barcode_key(data.draw(spelled(before + number))) == barcode_key(number)


@given(st.data(), st.from_regex(r"[0-9A-Z][0-9A-Z/.-]{0,35}", fullmatch=True))
def test_every_spelling_of_a_text_has_its_key(data: st.DataObject, text: str) -> None:
    assert barcode_key(data.draw(spelled(text))) == barcode_key(text)


plain_number = st.text(alphabet="0123456789AZ-", min_size=1, max_size=40).filter(
    lambda text: any(sign.isalnum() for sign in text)
)


@given(plain_number, plain_number)
def test_two_numbers_never_have_one_key(one: str, other: str) -> None:
    keys = {barcode_key(one), barcode_key(other)}
    alike = {text.replace("-", "") for text in (one, other)}
    assert len(keys) == len({one, other}) or len(alike) == 1


@given(digits)
def test_a_neighbour_has_another_key(body: str) -> None:
    numbers = {body + str(digit) for digit in range(10)}
    assert len({barcode_key(number) for number in numbers}) == 10
    other = {f"00{number}" for number in numbers if number != mod_10(body)}
    assert not {barcode_key(number) for number in other} & numbers


@given(st.text(max_size=170))
def test_no_text_breaks_it_and_a_key_is_its_own_key(text: str) -> None:
    try:
        key = barcode_key(text)
    except NotABarcodeError:
        return
    assert barcode_key(key) == key
    assert barcode_key(barcode_text(text)) == key


@pytest.mark.parametrize("text", [*SPELLINGS["refused"], "", "A" * (BARCODE_LENGTH_MAX + 1)])
def test_no_way_in_takes_what_is_no_barcode(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "kiosk.db", LoopClock(), random.Random(1), threaded=False)
    store.submit(slots.configure, LOCATION).result()
    with pytest.raises(NotABarcodeError):
        store.submit(packages.announce, Announcement("a", text, "S", None)).result()
    request = DepositRequest("b", text, "S", "i", "staff:1")
    with pytest.raises(NotABarcodeError):
        store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
    commands: tuple[tuple[str, dict[str, JsonValue]], ...] = (
        ("announce", {"package": "c", "barcode": text}),
        ("announce", {"package": "d", "barcode": None}),
        ("cancel", {"package": "e", "barcode": text}),
    )
    for number, (kind, body) in enumerate(commands, 1):
        received = receive({"n": number, "id": f"c{number}", "type": kind, "body": body})
        with pytest.raises(RefusedError, match=REFUSED_BARCODE):
            store.submit(kiosk_commands.apply, received, "UTC").result()
        assert store.submit(kiosk_commands.refuse, received, "no barcode").result()
        assert store.submit(kiosk_commands.cursor).result() == number
    assert not store.submit(lambda writer: writer.all("SELECT * FROM package")).result()
    require_sound(store)
    store.close()


def as_before_keys(path: Path) -> None:
    """Make the database what it was before barcodes had keys, with two spellings of one number."""
    connection = sqlite3.connect(path, isolation_level=None)
    database = Database(connection)
    migrations.apply(database, stop_before="m002_barcode_key")
    for number, barcode in enumerate((f"00{SSCC}", SSCC, "1z999aa10123456784", "   ")):
        connection.execute(
            "INSERT INTO package (id, barcode, status, announced_ms) VALUES (?, ?, 'PENDING', 1)",
            (f"p{number}", barcode),
        )
    connection.close()


def test_packages_from_before_get_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    as_before_keys(path)
    connection = sqlite3.connect(path, isolation_level=None)
    migrations.apply(Database(connection))
    keys = dict(connection.execute("SELECT id, barcode_key FROM package").fetchall())
    connection.close()
    assert keys == {"p0": SSCC, "p1": None, "p2": "1Z999AA10123456784", "p3": "   "}


@pytest.mark.parametrize("row", SPELLINGS["spellings"], ids=lambda row: row["name"])
def test_an_announced_package_is_found_and_not_announced_twice(
    tmp_path: Path, row: dict[str, str]
) -> None:
    store = Store(tmp_path / "kiosk.db", LoopClock(), random.Random(1), threaded=False)
    first = Announcement("a", row["announced"], "S", None)
    assert store.submit(packages.announce, first).result()
    found = store.submit(packages.live_by_barcode, row["read"]).result()
    assert found is not None
    assert (found.id, found.barcode) == ("a", row["announced"])
    again = Announcement("b", row["read"], "S", None)
    assert not store.submit(packages.announce, again).result()
    require_sound(store)
    store.close()


def test_a_journal_in_which_two_spellings_were_two_packages_is_written_again(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "kiosk.db", LoopClock(), random.Random(1), threaded=False)

    def write_again(writer: Writer) -> None:
        for name, barcode in (("a", SSCC), ("b", f"00{SSCC}")):
            change = insert("package", id=name, barcode=barcode, status="PENDING", announced_ms=1)
            body = canonical_json({"rows": [[change.table, dict(change.values)]]})
            head, kind = writer.head, EventKind.PACKAGE_ANNOUNCED
            digest = chain_hash(head.hash, head.epoch, head.seq + 1, kind, body, writer.now)
            event = Event(head.epoch, head.seq + 1, kind, body, writer.now, head.hash, digest)
            writer.record_again(event, [change], {})

    store.submit(write_again).result()
    found = store.submit(packages.live_by_barcode, f"(00){SSCC}").result()
    assert found is not None
    assert found.id == "a"
    require_sound(store)
    store.close()
