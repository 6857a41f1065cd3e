"""The words of messages and of the person's page: one file for each language beside this module,
`texts/LANGUAGE.toml`, in Jinja's notation. A further language is a further file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

FALLBACK = "en"
RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")
LINES = Environment(undefined=StrictUndefined, autoescape=False)


@cache
def texts(language: str) -> Mapping[str, Mapping[str, str]]:
    """The words of a language; English where there are none."""
    folder = resources.files("central.notify") / "texts"
    path = folder / f"{language}.toml"
    if not path.is_file():
        path = folder / f"{FALLBACK}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def languages() -> tuple[str, ...]:
    """The languages that messages can be in."""
    folder = resources.files("central.notify") / "texts"
    return tuple(sorted(each.name[:-5] for each in folder.iterdir() if each.name.endswith(".toml")))


def known_language(language: str) -> str:
    """This language, or the one that stands in for those without words."""
    return language if language in languages() else FALLBACK


@cache
def _template(words: str) -> Template:
    """Words with their gaps; made once, for each message uses them."""
    return LINES.from_string(words)


def filled(words: str, details: Mapping[str, Any]) -> str:
    """Words with their gaps filled."""
    return _template(words).render(details)
