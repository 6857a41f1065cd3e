"""`families`: which lock boards are supported, how well each is known, and their options.

The same tables stand in `docs/supported-boards.md`; `--into` puts them there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from drivers.boards import FAMILIES
from drivers.boards.options import OptionValue
from drivers.door import DriverError

Table = list[str]
"""The lines of a Markdown table, its head first."""


@click.command()
@click.option(
    "--into",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A page that has these tables: bring them up to date there instead.",
)
def families(into: Path | None) -> None:
    """Print the supported boards, how well each is known, and their options."""
    if into is None:
        click.echo("\n\n".join("\n".join(table) for table in tables()))
    else:
        into.write_text(up_to_date(into.read_text(encoding="utf-8")), encoding="utf-8")


def tables() -> tuple[Table, Table, Table]:
    """The boards, how well each is known, and their options."""
    boards = (
        (
            f"`{name}`",
            _ends(family.addresses),
            _ends(family.channel_counts),
            "yes" if family.holds_outputs else "no",
        )
        for name, family in FAMILIES.items()
    )
    evidence = (
        (f"`{name}`", known.by_manual, known.by_capture, known.uncertain)
        for name, known in ((name, family.evidence) for name, family in FAMILIES.items())
    )
    options = (
        (f"`{name}`", f"`{each.name}`", _written(each.default), each.right, each.meaning)
        for name, family in FAMILIES.items()
        for each in family.options
    )
    return (
        _table("family | addresses | locks | lights and buzzers", boards),
        _table("family | by a manual | by a capture | by one source only, or not at all", evidence),
        _table("family | option | usual | may be | what it does", options),
    )


def up_to_date(page: str) -> str:
    """The page with its tables as they should be. Refuses a page that lacks one of them."""
    lines = page.split("\n")
    for table in tables():
        if table[0] not in lines:
            raise DriverError(f"the page has no table that begins with {table[0]!r}: add that line")
        start = end = lines.index(table[0])
        while end < len(lines) and lines[end].startswith("|"):
            end += 1
        lines[start:end] = table
    return "\n".join(lines)


def _table(head: str, rows: Iterable[Iterable[str]]) -> Table:
    columns = head.count("|") + 1
    return [f"| {head} |", "|---" * columns + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _ends(numbers: range) -> str:
    return f"{numbers[0]}–{numbers[-1]}"


def _written(value: OptionValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
