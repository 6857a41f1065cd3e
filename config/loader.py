"""Reads a site file: all of it is right, or every mistake is reported at once."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.checks import Finding, all_findings, read_parts
from config.lines import Key, key_lines, nearest_line
from config.mistakes import Mistake, as_toml, is_control, key_path, one_of
from config.schema import Site

LOG = logging.getLogger("config")
DEMO_SITE = Path(str(files("config").joinpath("demo.toml")))
DEMO_PACKAGES = Path(str(files("config").joinpath("demo-packages.csv")))


SIZE_LIMIT_BYTES = 1_000_000
"""A site of a thousand slots has a tenth of it."""
DEPTH_LIMIT = 20
"""A value of a site stands in six tables and lists at most."""
UTF_8 = "a text file in UTF-8 (the editor asks for the encoding when it saves the file)"


class ConfigError(Exception):
    """A site file with mistakes; `str()` lists them, one per line."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


def load_site(path: Path | str, *, may_be_newer: bool = False) -> Site:
    """Read a site file. One that `may_be_newer` was written for a newer version, which was taken
    back: settings that only that one knows are passed over, and said in the log.

    Raises:
        ConfigError: with every mistake of the file.
    """
    read = _read_toml(Path(path))
    if may_be_newer and not isinstance(read, Mistake):
        text, raw = read
        read = text, _known_part(Path(path), raw)
    site, mistakes = _judge(Path(path), read)
    if site is None or mistakes:
        raise ConfigError(mistakes)
    return site


def _known_part(path: Path, raw: dict[str, Any]) -> dict[str, Any]:
    """A file's table without the keys that this version does not know."""
    try:
        Site.model_validate(raw)
    except ValidationError as error:
        known = deepcopy(raw)
        for details in error.errors():
            if details["type"] == "extra_forbidden":
                *way, last = details["loc"]
                table: Any = known
                for part in way:
                    table = table[part]
                del table[last]
                where = key_path(tuple(details["loc"]))
                LOG.warning("%s: %s is of a newer version, and is passed over", path, where)
        return known
    return raw


def check_site(path: Path | str) -> list[Mistake]:
    """Every mistake of a site file, in the file's order; an empty list when it is right."""
    return _examine(Path(path))[1]


def check_content(content: bytes, name: Path | str) -> tuple[Site | None, list[Mistake]]:
    """A site file that lies nowhere yet: the site, and every mistake; these name it by `name`."""
    return _judge(Path(name), _parse(Path(name), content))


def _examine(path: Path) -> tuple[Site | None, list[Mistake]]:
    return _judge(path, _read_toml(path))


def _judge(
    path: Path, read: tuple[str, dict[str, Any]] | Mistake
) -> tuple[Site | None, list[Mistake]]:
    if isinstance(read, Mistake):
        return None, [read]
    text, raw = read
    site, findings = _validate(raw)
    lines = key_lines(text)
    mistakes = [
        Mistake(
            path,
            nearest_line(lines, finding.key),
            key_path(finding.key),
            as_toml(_value_at(raw, finding.key)),
            finding.problem,
            finding.right,
        )
        for finding in [*findings, *_controls(raw, findings), *all_findings(read_parts(raw))]
    ]
    return site, sorted(mistakes, key=lambda mistake: mistake.line or 0)


def _read_toml(path: Path) -> tuple[str, dict[str, Any]] | Mistake:
    """A file's text, and the table that it is; or why it is none."""
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        return Mistake(path, None, "", "", problem, "a site file that you may read")
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> tuple[str, dict[str, Any]] | Mistake:
    if len(content) > SIZE_LIMIT_BYTES:
        right = f"a site file: text of at most {SIZE_LIMIT_BYTES} bytes"
        return Mistake(path, None, "", "", "is too large", right)
    try:
        # Some editors put a mark in front of UTF-8.
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Mistake(path, line, "", "", f"is not text: {error.reason}", UTF_8)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        return Mistake(path, line, "", "", "is not text: it has zeros in it", UTF_8)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _syntax_mistake(path, text, error)
    except (RecursionError, ValueError):
        raw = None  # lists in lists in lists, or a number of thousands of digits
    if raw is None or _is_deep(raw):
        right = "a site file: tables in tables not so deep, numbers not so long"
        return Mistake(path, _longest_line(text), "", "", "cannot be taken in", right)
    return text, raw


def _is_deep(raw: object) -> bool:
    level = [raw]
    for _ in range(DEPTH_LIMIT):
        tables = [list(each.values()) for each in level if isinstance(each, dict)]
        lists = [each for each in level if isinstance(each, list)]
        level = [child for each in (*tables, *lists) for child in each]
    return bool(level)


def _longest_line(text: str) -> int:
    lines = [len(line) for line in text.splitlines()]
    return lines.index(max(lines)) + 1


def _controls(raw: object, found: list[Finding], key: Key = ()) -> Iterator[Finding]:
    """Each text and each name of a table with a character that cannot be drawn; of a key of which
    something is `found` already, that is enough."""
    if isinstance(raw, dict):
        for name, value in raw.items():
            yield from _controls(name, found, (*key, name))
            yield from _controls(value, found, (*key, name))
    elif isinstance(raw, list):
        for index, value in enumerate(raw):
            yield from _controls(value, found, (*key, index))
    elif isinstance(raw, str):
        signs = [sign for sign in raw if is_control(sign)]
        if signs and key not in [finding.key for finding in found]:
            what = "a line break" if signs[0] in "\r\n\u2028\u2029" else "a control character"
            yield Finding(key, f"has {what} in it ({as_toml(signs[0])})", "a text on one line")


def _syntax_mistake(path: Path, text: str, error: tomllib.TOMLDecodeError) -> Mistake:
    message, _, place = str(error).partition(" (at line ")
    number = place.split(",")[0]
    line = int(number) if number.isdigit() else len(text.splitlines()) or None
    right = "TOML, see https://toml.io: key = value, texts in double quotes"
    return Mistake(path, line, "", "", f"is not TOML: {message}", right)


def _validate(raw: Mapping[str, Any]) -> tuple[Site | None, list[Finding]]:
    try:
        site = Site.model_validate(raw)
    except ValidationError as error:
        # A list whose elements are all wrong is not reported as empty as well.
        found = [
            details
            for details in error.errors()
            if details["type"] != "too_short" or not _value_at(raw, details["loc"])
        ]
        return None, [_finding(details) for details in found]
    by_volume = sorted(site.sizes.items(), key=lambda item: item[1].volume_mm3)
    return site.model_copy(update={"sizes": dict(by_volume)}), []


_PROBLEMS = {
    "missing": "is missing",
    "too_short": "is empty",
    "int_type": "is not a whole number",
    "float_type": "is not a number",
    "string_type": "is not a text",
    "bool_type": "is not true or false",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "is not written like that",
    "literal_error": "is none of the choices",
}
"""pydantic's kinds of error in our words; the rest is just "not right"."""


_NAME = "a name of 1 to 200 characters"


def _finding(details: ErrorDetails) -> Finding:
    key: Key = tuple(part for part in details["loc"] if part != "[key]")
    if details["loc"][-1] == "[key]":
        return Finding(key, str(details.get("ctx", {}).get("error", "is too long")), _NAME)
    names = [position for position, part in enumerate(key) if isinstance(part, str)]
    last = names[-1]
    model, name = _model_at(key[:last]), str(key[last])
    field = model.model_fields.get(name) if model else None
    if details["type"] == "extra_forbidden" and model:
        return Finding(key, "is not a key of this table", one_of(model.model_fields, name))
    problem = _PROBLEMS.get(details["type"], "is not right")
    if details["type"] == "value_error":
        problem = str(details["ctx"]["error"])
    return Finding(key, problem, (field.description if field else None) or "a table")


def _model_at(key: Key) -> type[BaseModel] | None:
    """The model of the table that stands at `key`."""
    model: type[BaseModel] = Site
    for part in key:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is None:
            continue  # an index of a list, or the name of a size: the model is its elements'
        found = _model_within(field.annotation)
        if found is None:
            return None
        model = found
    return model


def _model_within(annotation: object) -> type[BaseModel] | None:
    """The model named in an annotation such as `tuple[Slot, ...]` or `Scanner | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        if found := _model_within(argument):
            return found
    return None


def _value_at(raw: object, key: Key) -> object:
    """What stands at `key`; None when nothing does."""
    for part in key:
        if isinstance(raw, dict):
            raw = raw.get(part)
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            return None
    return raw
