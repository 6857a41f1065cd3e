"""Labels to hold before the simulated scanner, read from a list of expected packages."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from drivers.door import DriverError


@dataclass(frozen=True, slots=True)
class Label:
    """What a package's label says."""

    barcode: str
    size: str = ""
    """The slot size that is expected; empty when it is not known."""
    name: str = ""
    phone: str = ""


def read_labels(path: Path) -> tuple[Label, ...]:
    """The labels of a CSV file with the columns barcode, size, name, phone; barcode is needed."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DriverError(f"the labels {path} cannot be read: {error}") from error
    if any(not row.get("barcode") for row in rows):
        raise DriverError(f"the labels {path}: every line needs a barcode in a column so named")
    return tuple(
        Label(row["barcode"], row.get("size") or "", row.get("name") or "", row.get("phone") or "")
        for row in rows
    )
