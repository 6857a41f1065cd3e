"""Values go into URLs by `kiosk/model/urls.py`, which keeps each one part, and by nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from kiosk.model import urls
from tests.support.syntax import tree_of

ROOT = Path(__file__).parents[2]
HOME = "kiosk/model/urls.py"
ROOMS = ("central", "kiosk", "config")
BEFORE_A_VALUE = re.compile(r"(/(v1|[a-z]{3,})/|[?&][a-z_]+=)$")
IN_A_TEMPLATE = re.compile(r"/[a-z]+/{{ ?[^}|]+ ?}}")
KNOWN = {
    "central/addresses.py": "a channel's URL is its operator's own, filled in there and checked",
    "kiosk/model/barcode.py": "a Digital Link is taken apart there as it was scanned",
}
"""Files whose values go into URLs that are not ours."""


def raw_values(source: str) -> Iterator[int]:
    """The lines on which a value is put into a URL as it is, or quoted by hand."""
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "urllib.parse":
            if {"quote", "quote_plus", "urlencode"} & {each.name for each in node.names}:
                yield node.lineno
        elif isinstance(node, ast.JoinedStr):
            for before, value in zip(node.values, node.values[1:], strict=False):
                words = before.value if isinstance(before, ast.Constant) else ""
                if isinstance(value, ast.FormattedValue) and BEFORE_A_VALUE.search(str(words)):
                    yield node.lineno
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            words = node.left.value if isinstance(node.left, ast.Constant) else ""
            if isinstance(words, str) and BEFORE_A_VALUE.search(words):
                yield node.lineno


def test_no_value_is_put_into_a_url_as_it_is() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in (HOME, *KNOWN)
        for line in raw_values(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_template_puts_a_value_into_a_path_as_it_is() -> None:
    found = [
        f"{path.name}: {match.group()}"
        for path in sorted((ROOT / "central/pages/templates").glob("*.html"))
        for match in IN_A_TEMPLATE.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_law_finds_what_it_forbids() -> None:
    for line in ('f"/packages/{name}"', 'f"{a}?problem={b}"', '"/v1/locations/" + name'):
        assert list(raw_values(line)) == [1]
    assert list(raw_values("from urllib.parse import quote")) == [1]
    assert list(raw_values('f"{HOME}{path(name)}"')) == []
    assert IN_A_TEMPLATE.search("/packages/{{ each.id }}")


@given(st.text(), st.text())
def test_a_value_stays_one_part(first: str, second: str) -> None:
    address = urls.asking("https://example.org" + urls.path("packages", first), said=second)
    parts = urlsplit(address)
    assert (parts.netloc, parts.fragment) == ("example.org", "")
    assert [unquote(each) for each in parts.path.split("/")] == ["", "packages", first]
    assert parse_qs(parts.query, keep_blank_values=True) == {"said": [second]}


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert (urls.host("::1"), urls.host("127.0.0.1")) == ("[::1]", "127.0.0.1")
