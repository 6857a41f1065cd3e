"""What may be set for a board beside its address: options with a name, values and a default.

An option stands for what differs between boards of one family, or for what the sources do not
agree on. A site's config may give them; `read_options` refuses what an option cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.door import DriverError

OptionValue = bool | int | str


class BoardSettingError(DriverError):
    """A board is described as its family cannot be; names the field and what is right."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a family."""

    name: str
    meaning: str
    """What it does, in a sentence for whoever writes the config."""
    default: OptionValue
    allowed: tuple[OptionValue, ...] | range

    @property
    def right(self) -> str:
        """What is right, as a mistake in a config quotes it."""
        if isinstance(self.allowed, range):
            step = f" in steps of {self.allowed.step}" if self.allowed.step > 1 else ""
            return f"a whole number from {self.allowed[0]} to {self.allowed[-1]}{step}"
        return " or ".join(_as_in_a_config(value) for value in self.allowed)

    def allows(self, value: object) -> bool:
        """Whether the value is one of those allowed, and of their kind: True is no 1 here."""
        return type(value) is type(self.default) and value in self.allowed


def yes_or_no(name: str, meaning: str, *, default: bool) -> Option:
    """An option that is true or false."""
    return Option(name, meaning, default, (True, False))


def read_options(
    family: str, known: tuple[Option, ...], given: Mapping[str, object]
) -> Mapping[str, OptionValue]:
    """Every option of a family with its given or its usual value."""
    for name in given:
        _named(family, known, name)
    values: dict[str, OptionValue] = {}
    for option in known:
        value = given.get(option.name, option.default)
        if not (isinstance(value, bool | int | str) and option.allows(value)):
            raise BoardSettingError(f"option {option.name} {value!r}: must be {option.right}")
        values[option.name] = value
    return values


def _named(family: str, known: tuple[Option, ...], name: str) -> Option:
    for option in known:
        if option.name == name:
            return option
    has = ", ".join(option.name for option in known) if known else "no options"
    raise BoardSettingError(f"option {name!r}: a {family} only has {has}")


def parse_option(
    family: str, known: tuple[Option, ...], name: str, text: str
) -> tuple[str, OptionValue]:
    """An option that was written as text, on a command line or in a URL: its name and value."""
    option = _named(family, known, name)
    value: OptionValue = text
    if isinstance(option.default, bool):
        value = {"true": True, "false": False}.get(text, text)
    elif isinstance(option.default, int) and text.isascii() and text.isdigit():
        value = int(text)
    if not option.allows(value):
        raise BoardSettingError(f"option {name} {text!r}: must be {option.right}")
    return name, value


def _as_in_a_config(value: OptionValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f'"{value}"'
