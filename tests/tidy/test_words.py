"""The field's words, one for one thing: those that a reader would have to learn are not used.

Held in names, comments, docstrings and shown texts of all rooms, and in the documents. Names that
journals, databases, folders and command lines have already keep their spelling (`KEPT`).
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

from tests.support.syntax import tree_of

ROOT = Path(__file__).parents[2]
ROOMS = ("kiosk", "drivers", "config", "central", "tests")

INSTEAD_OF = {
    "afar": "remote, remotely",
    "anew": "again",
    "centre": "server, server_link; middle (of a picture)",
    "centres": "servers",
    "chance": "rng, random, probability",
    "facts": "details",
    "glass": "panel, touchscreen",
    "staffing": "staff",
    "told": "shown, reported, notified",
    "upserts": "bulk",
    "wish": "command, request",
    "wished": "asked",
    "wishes": "commands, requests",
}
"""A word that is not used, and what is said instead."""

NOT_A_NAME = {
    "attackers": "what is tried",
    "doing": "forms",
    "from_afar": "remote_open",
    "giving_back": "journal_export",
    "hands": "fake_user",
    "let_in": "courier_pause",
    "looks": "queries",
    "mine": "recipient_page",
    "paper": "rendering",
    "plate": "button",
    "recalling": "journal_import",
    "restoring": "restore",
    "selfcare": "recipient_page",
    "stage": "screen_manager",
    "wording": "texts",
}
"""Plain English in a sentence, but no name of a module, a template, a class or a function."""

KEPT = (
    '"centre"',
    "'centre'",
    "centre.json",
    "demo-centre.toml",
    "--without-centre",
    '"facts"',
    '"notification.facts"',
    "CODE_TOLD",
    "CodeTold",
    "silent_told_ms",
    "unjoined_told_ms",
    "fault told by a courier",
    "`chance`",
)
"""What journals, databases, data folders and scripts of operators spell so already."""

COLUMN = (
    "central/notify/messages.py",
    "central/notify/outbox.py",
    "central/webhooks/deliveries.py",
    "central/webhooks/endpoints.py",
    "central/webhooks/worker.py",
    "central/webhooks/writing.py",
    "tests/attacks/test_bad_rows.py",
    "tests/central/test_health.py",
    "tests/central/test_refusals.py",
)
"""Where a column of the server's database is read or written by its name, `facts`."""

SAID = (tokenize.NAME, tokenize.COMMENT, tokenize.STRING)


def words_of(text: str) -> set[str]:
    """The words of a text or a name, in small letters."""
    for kept in KEPT:
        text = text.replace(kept, " ")
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", text).lower()))


def words_of_code(path: Path) -> set[str]:
    """The words of a file's names, comments and texts."""
    text = path.read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return set().union(*(words_of(token.string) for token in tokens if token.type in SAID))


def words_of_document(path: Path) -> set[str]:
    """The words of a document, a page, or of the English sentences of a catalogue."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".po":
        text = "\n".join(re.findall(r'^msgid.*\n(?:".*\n)*', text, re.MULTILINE))
    if path.name == "glossary.md":
        text = text.partition("## Words that are not used")[0]
    return words_of(text)


def instead_of(words: set[str]) -> dict[str, str]:
    return {word: INSTEAD_OF[word] for word in sorted(words & set(INSTEAD_OF))}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


CODE = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "assets/locale/*.po", "central/notify/texts/en.toml")
    for path in ROOT.glob(pattern)
) + sorted(
    path
    for room in ROOMS
    for end in ("md", "html", "css")
    for path in (ROOT / room).rglob(f"*.{end}")
)


def test_no_word_is_used_that_only_we_understand() -> None:
    found = {}
    for path in CODE:
        if not instead_of(words_of(path.read_text(encoding="utf-8"))):
            continue  # nowhere in it, so none of its names, comments and texts
        words = words_of_code(path)
        if name_of(path) in COLUMN:
            words -= {"facts"}
        found[name_of(path)] = instead_of(words)
    assert found.pop(name_of(Path(__file__)))
    assert {name: words for name, words in found.items() if words} == {}


def test_no_document_uses_a_word_that_only_we_understand() -> None:
    found = {
        name_of(path): instead_of(words_of_document(path) | words_of(path.stem))
        for path in DOCUMENTS
    }
    assert {name: words for name, words in found.items() if words} == {}


def test_no_name_has_to_be_learnt() -> None:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {}
    for path in CODE:
        tree = ast.walk(tree_of(path))
        names = {path.stem, *(node.name for node in tree if isinstance(node, kinds))}
        plain = {name.strip("_").lower() for name in names}
        found[name_of(path)] = {name: NOT_A_NAME[name] for name in sorted(plain & set(NOT_A_NAME))}
    assert {name: words for name, words in found.items() if words} == {}


def test_no_page_has_a_name_that_has_to_be_learnt() -> None:
    stems = {path.stem for path in (ROOT / "central/pages/templates").iterdir()}
    assert stems & set(NOT_A_NAME) == set()


def test_a_private_word_is_seen_wherever_it_stands(tmp_path: Path) -> None:
    """The negative control."""
    code = tmp_path / "code.py"
    for line in ("told = 1", "class FromAfar: ...", "# a wish", '"""By chance."""', 'f"{a} anew"'):
        code.write_text(line + "\n", encoding="utf-8")
        assert instead_of(words_of_code(code)) != {}, line
    for line in ('SERVER = "centre"', 'path / "centre.json"', "widget.center_x", '"retold"'):
        code.write_text(line + "\n", encoding="utf-8")
        assert instead_of(words_of_code(code)) == {}, line
