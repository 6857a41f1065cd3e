"""`families`: which lock boards are supported, how well each is known, and their options.

What it prints is `drivers/boards/README.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from drivers.boards import FAMILIES
from drivers.boards.options import OptionValue

HEAD = """\
# Supported lock boards

Written by `python -m drivers families`; a test holds this page to the code.

Nobody had a board on the table: every capture is somebody else's. Each frame has its source and how
sure it is in `tests/vectors/`; what is not sure of a family is said at the top of its file.
"""
OPTIONS = """
Options are a board's `options` in the site file:
"""


@click.command()
def families() -> None:
    """Print the supported boards, how well each is known, and their options."""
    click.echo(page(), nl=False)


def page() -> str:
    """The whole page."""
    boards = _table(
        ("family", "addresses", "locks", "by a manual", "by a capture", "uncertain"),
        (
            (
                f"`{name}`",
                _ends(family.addresses),
                _ends(family.channel_counts),
                family.evidence.by_manual,
                family.evidence.by_capture,
                family.evidence.uncertain,
            )
            for name, family in FAMILIES.items()
        ),
    )
    options = _table(
        ("family", "option", "usual", "what it does", "may be"),
        (
            (
                f"`{name}`",
                f"`{option.name}`",
                _written(option.default),
                option.meaning,
                option.right,
            )
            for name, family in FAMILIES.items()
            for option in family.options
        ),
    )
    return "\n".join((HEAD, *boards, OPTIONS, *options)) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(cells)} |"


def _ends(numbers: range) -> str:
    return f"{numbers[0]}..{numbers[-1]}"


def _written(value: OptionValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
