"""`kiosk announce` with files as office programs write them."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config import DEMO_SITE, load_site
from kiosk.adapters import SystemClock, location_key
from kiosk.app import CannotRunError, init
from kiosk.command_line import entry, main
from kiosk.model.person import Recipient, Role, Staff
from kiosk.store import packages
from kiosk.store.packages import Announcement
from kiosk.store.store import Store

SITE = load_site(DEMO_SITE)
TECHNICIAN = Staff("98", "Sam", Role.TECHNICIAN, "$argon2id$never-checked-here")
HEADER = "barcode,size,name,phone\r\n"
ROW = "00340434161094042557,S,Kim Example,+49 171 0000001\r\n"
RIGHT = ("00340434161094042557", "S", "Kim Example", "+491710000001")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    init(SITE, folder, TECHNICIAN)
    return folder


def announced(data: Path, content: str | bytes) -> Result:
    file = data.parent / "packages.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return CliRunner().invoke(main, ["announce", "--data", str(data), str(file)])


def exported(data: Path) -> list[tuple[str, str, str, str]]:
    ran = CliRunner().invoke(
        main, ["export", "--format", "json", "--personal", "--data", str(data)]
    )
    fields = ("barcode", "size", "name", "phone")
    return [tuple(row[field] for field in fields) for row in json.loads(ran.output)]


def journal_text(data: Path) -> str:
    ran = CliRunner().invoke(
        main, ["export", "--format", "json", "--table", "events", "--data", str(data)]
    )
    return ran.output


READ: dict[str, str | bytes] = {
    "plain": HEADER + ROW,
    "utf-8 mark": ("\ufeff" + HEADER + ROW).encode(),
    "utf-16": (HEADER + ROW).encode("utf-16"),
    "utf-16 big endian": ("\ufeff" + HEADER + ROW).encode("utf-16-be"),
    "semicolons": (HEADER + ROW).replace(",", ";"),
    "tabs": (HEADER + ROW).replace(",", "\t"),
    "tabs in utf-16": (HEADER + ROW).replace(",", "\t").encode("utf-16"),
    "separator said": "sep=;\r\n" + (HEADER + ROW).replace(",", ";"),
    "capitals and blanks in the header": "Barcode, SIZE ,Name,\u00a0Phone\r\n" + ROW,
    "blanks around": HEADER + " 00340434161094042557 , S , Kim  Example , +49 171 0000001 \r\n",
    "blanks within": HEADER + ROW.replace("00340434161094042557", "0034 0434 1610 9404 2557"),
    "no-break spaces": HEADER + ROW.replace(",S", "\u00a0\u00a0,\u00a0S\u00a0"),
    "a small size": HEADER + ROW.replace(",S", ",s"),
    "blank rows": "\r\n,,,\r\n" + HEADER + "\r\n" + ROW + ",,,\r\n \r\n,,,\r\n",
    "blank columns": "barcode,size,name,phone,,\r\n" + ROW.replace("\r\n", ",,\r\n"),
    "old line ends": (HEADER + ROW).replace("\r\n", "\r"),
    "unix line ends": (HEADER + ROW).replace("\r\n", "\n"),
    "all in quotes": '"barcode","size","name","phone"\r\n'
    '"00340434161094042557","S","Kim Example","+49 171 0000001"\r\n',
    "another order, one more column": "weight,phone,barcode,name,size\r\n"
    "2,+491710000001,00340434161094042557,Kim Example,S\r\n",
    "digits as text": HEADER + ROW.replace("00340434161094042557", "'00340434161094042557"),
    "digits as formula": HEADER + '"=""00340434161094042557""",S,Kim Example,0171 0000001\r\n',
    "a number from abroad written with 00": HEADER + ROW.replace("+49", "0049"),
    "a number from a phone's contacts": HEADER
    + ROW.replace("+49 171 0000001", "\u202a+49 171 0000001\u202c"),
    "a national number": HEADER + ROW.replace("+49 ", "0"),
}


@pytest.mark.parametrize("name", READ)
def test_what_can_be_read_surely_is_read(data: Path, name: str) -> None:
    ran = announced(data, READ[name])
    assert ran.exit_code == 0, ran.output
    [row] = exported(data)
    assert row == RIGHT
    assert "1 rows: 1 new" in ran.output


NO_TABLE = {
    "no such column": ("tracking number,size\r\n1,S\r\n", "'tracking number'", "'barcode'"),
    "a quote that stays open": (HEADER + '"1234567,S,Kim\r\n' + ROW, "line 2"),
    "a quote that a later one shuts": (HEADER + ROW + '"12345,S,Kim\r\n1,S,"Kim"\r\n', "line 3"),
    "an old code page": (HEADER.encode() + "A1,S,Jürgen,\r\n".encode("cp1252"), "line 2", "UTF-8"),
    "a workbook": (b"PK\x03\x04\x14\x00", "workbook"),
    "nothing": (b"", "empty"),
    "only blanks": ("\r\n\r\n ", "empty"),
    "only a header": (HEADER, "no packages"),
    "a column twice": ("barcode,name,Barcode\r\n1,K,2\r\n", "two columns 'barcode'"),
    "half a letter of utf-16": (HEADER.encode("utf-16") + b"a", "UTF-16"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1"),
}


@pytest.mark.parametrize("name", NO_TABLE)
def test_a_file_that_cannot_be_read_surely_is_refused_in_one_sentence(
    data: Path, name: str
) -> None:
    content, *words = NO_TABLE[name]
    before = journal_text(data)
    ran = announced(data, content)
    assert isinstance(ran.exception, CannotRunError), ran.output
    assert "\n" not in str(ran.exception)
    for word in words:
        assert str(word) in str(ran.exception)
    assert journal_text(data) == before


def test_a_refused_file_ends_the_command_without_a_traceback(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data.parent / "empty.csv"
    file.touch()
    monkeypatch.setattr("sys.argv", ["kiosk", "announce", "--data", str(data), str(file)])
    with pytest.raises(SystemExit) as ended:
        entry()
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


BAD_ROWS = {
    "scientific": ("3.40434E+17,S,Kim,", "column barcode: 3.40434E+17", "rounded"),
    "scientific with a comma": ('"3,40434E+17",S,Kim,', "3,40434E+17", "rounded"),
    "scientific, no decimals": ("3E+17,S,Kim,", "rounded"),
    "rounded": ("340434161094042000,S,Kim,", "column barcode", "zeros"),
    "decimals": ("340434161094042557.0,S,Kim,", "column barcode", "decimals"),
    "thousands": ('"340,434,161",S,Kim,', "column barcode", "separators"),
    "what it cannot show": ("#####,S,Kim,", "column barcode", "cannot show"),
    "an error of a formula": ("#REF!,S,Kim,", "column barcode", "cannot show"),
    "a formula": ("=A1&B2,S,Kim,", "column barcode", "formula"),
    "a phone in scientific": ("A1,S,Kim,4.9171E+11", "column phone: 4.9171E+11", "rounded"),
    "a phone without its plus": ("A1,S,Kim,491710000001", "column phone", "plus"),
    "an extension": ("A1,S,Kim,+1 201 555 0123 ext. 12", "column phone"),
    "no barcode": (",S,Kim,", "column barcode: it is empty"),
    "no sign in the barcode": ("---,S,Kim,", "column barcode"),
    "NUL": ("A1,S,Ki\0m,", "column name", "'\\x00'"),
    "NUL in the barcode": ("A\x001,S,Kim,", "column barcode"),
    "BEL": ("A1,S,Kim\a,", "column name", "'\\x07'"),
    "turned over": ("A1,S,Kim\u202e,", "column name"),
    "turned over to no end": ("A1,S,\u2067Kim,", "column name"),
    "a mark of direction": ("A1,S,Kim\u200f!,", "column name"),
    "other separators": ("A1;S;Kim;", "another separator", "','"),
    "other separators, tabs": ("A1\tS\tKim\t", "another separator", "','"),
    "other separators, fewer": ("A1;S", "another separator"),
    "lines": ('A1,S,"Kim\nSecretname",', "column name", "line break"),
    "lines in the barcode": ('"A1\nSecretname",S,Kim,', "column barcode", "line break"),
    "long": (f"{'A' * 161},S,Kim,", "column barcode", "161 characters", "160"),
    "very long": (f"A1,S,{'k' * 140_000},", "column name", "140000 characters"),
    "another size": ("A1,XXL,Kim,", "column size", "'XXL'", "S, M, L"),
    "too many cells": ("A1,S,Example,Kim,0171 0000001", "more cells"),
    "lost letters": ("A1,S,J\ufffdrgen,", "column name", "lost"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_row_that_cannot_be_taken_is_reported_and_stops_no_other(data: Path, name: str) -> None:
    row, *words = BAD_ROWS[name]
    ran = announced(data, f"{HEADER}{ROW}{row}\r\n,,,\r\nLAST000001,M,Sam,\r\n")
    assert ran.exit_code == 2
    [line] = [line for line in ran.output.splitlines() if "refused:" in line]
    assert line.startswith("line 3: refused: ")
    assert len(line) < 300
    for word in words:
        assert word in line
    assert {each[0] for each in exported(data)} == {RIGHT[0], "LAST000001"}
    assert "3 rows: 2 new, 0 updated, 0 unchanged, 1 refused" in ran.output
    assert "Secretname" not in journal_text(data)


def test_a_line_is_the_one_of_the_file_below_a_cell_of_several(data: Path) -> None:
    ran = announced(data, f'{HEADER}A1,S,"Kim\r\nExample",\r\n,S,Bad,\r\n')
    assert "line 2: refused: column name" in ran.output
    assert "line 4: refused: column barcode: it is empty" in ran.output
    assert exported(data) == []


def test_one_package_in_two_rows_is_one_and_the_second_is_reported(data: Path) -> None:
    row = "1Z999AA10123456784,S,Kim,+49 171 0000001\r\n"
    ran = announced(data, HEADER + row + row.lower().replace("kim", "Kim"))
    assert ran.exit_code == 0
    assert "line 3: 1z999aa10123456784 unchanged: the same package as in line 2" in ran.output
    assert len(exported(data)) == 1


def test_two_rows_that_contradict_each_other_are_reported(data: Path) -> None:
    ran = announced(data, HEADER + ROW + ROW.replace(",S", ",M"))
    assert "line 3: 00340434161094042557 refused: line 2 has this barcode" in ran.output
    assert exported(data) == [RIGHT]


def test_a_corrected_file_updates_what_it_says_otherwise_and_tells_so(data: Path) -> None:
    announced(data, HEADER + "AGAIN0001,S,Kim,+49 171 0000001\r\n")
    corrected = HEADER + "AGAIN0001,M,Kim Example,+49 171 0000002\r\n"
    ran = announced(data, corrected)
    said = "line 2: AGAIN0001 updated: size M instead of S, another name, another number"
    assert said in ran.output
    assert exported(data) == [("AGAIN0001", "M", "Kim Example", "+491710000002")]
    assert "1 rows: 0 new, 0 updated, 1 unchanged" in announced(data, corrected).output
    assert "1 rows: 0 new, 1 updated" in announced(data, HEADER + "AGAIN0001,L,,\r\n").output
    assert exported(data) == [("AGAIN0001", "L", "Kim Example", "+491710000002")]
    assert "0000002" not in journal_text(data)


def test_whom_the_server_named_only_the_server_names_otherwise(data: Path) -> None:
    store = Store(data / "kiosk.db", SystemClock(), random.Random(1), threaded=False)
    store.use_key(location_key(data / "location.key", may_make=False))
    ada = Recipient("r", "Ada", "+491710000003")
    store.submit(packages.announce, Announcement("P", "SERVER01", "S", ada, "owner")).result()
    store.close()
    ran = announced(data, HEADER + "SERVER01,S,Eve,+49 171 0000009\r\n")
    assert "refused: the server announced it" in ran.output
    assert exported(data) == [("SERVER01", "S", "Ada", "+491710000003")]


NAMES = ["=1+1", "+A1", "-2+3", "@SUM(1)", " =1", "＝1", "Kim", "Kim-Lee", "0171"]


@pytest.mark.parametrize("name", NAMES)
def test_an_exported_name_is_no_formula_and_digits_stay_whole(data: Path, name: str) -> None:
    announced(data, HEADER + f'00340434161094042557,S,"{name}",0171 0000001\r\n')
    ran = CliRunner().invoke(main, ["export", "--personal", "--data", str(data)])
    [row] = csv.DictReader(io.StringIO(ran.output))
    is_formula = name.strip()[0] in "=+-@＝"
    assert row["name"] == ("'" if is_formula else "") + name.strip()
    assert row["barcode"] == "00340434161094042557"
    assert row["phone"] == "'+491710000001"
    again = announced(data, ran.stdout.encode("utf-8-sig"))
    assert "0 updated, 1 unchanged" in again.output, "what was exported says the same"


def test_a_national_number_needs_the_site_s_country(data: Path) -> None:
    site = data.parent / "site.toml"
    text = DEMO_SITE.read_text(encoding="utf-8")
    site.write_text(text.replace('country = "DE"\n', ""), encoding="utf-8")
    file = data.parent / "packages.csv"
    file.write_text(HEADER + ROW + "A1,S,Kim,0171 0000001\n", encoding="utf-8")
    ran = CliRunner().invoke(
        main, ["announce", "--config", str(site), "--data", str(data), str(file)]
    )
    assert "line 3: refused: column phone: '0171 0000001' has no country code" in ran.output
    assert exported(data) == [RIGHT]
