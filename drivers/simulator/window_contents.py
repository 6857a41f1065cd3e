"""What lies behind the doors: the person in the simulation puts packages in and takes them out.

No lock board can tell; this is only for the eye. The rules: a label that was scanned goes into the
next door that opens; a package that lay there when its door opened is taken out when it is shut.
Kept in a file, so that the window shows the same steel the next time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

UNNAMED: Final = "package"
"""A package whose label was never scanned here."""


class Contents:
    """The packages behind the doors. Hears the simulation's events; may be asked from any thread.

    Args:
        path: the file that remembers them.
        barcodes: the labels that a person can hold before the scanner.
        closes_doors: whether somebody shuts every door by itself just now, as the demo does while
            its first packages are put in: nobody scans their labels here.
    """

    def __init__(
        self, path: Path, barcodes: Collection[str], closes_doors: Callable[[], bool]
    ) -> None:
        self._path = path
        self._barcodes = frozenset(barcodes)
        self._closes_doors = closes_doors
        self._lock = Lock()
        self._inside = _read(path)
        self._stays: set[str] = set()
        self._in_hand = ""

    def inside(self) -> Mapping[str, str]:
        """What lies inside, by slot: the barcode, or `UNNAMED`."""
        with self._lock:
            return dict(self._inside)

    def stays(self, slot: str) -> bool:
        """Whether the package will still be there when the open door is shut."""
        with self._lock:
            return slot in self._stays

    def change_mind(self, slot: str) -> None:
        """At an open door: leave inside what would have been taken, or the other way round."""
        with self._lock:
            if slot in self._stays:
                self._stays.remove(slot)
            elif slot in self._inside:
                self._stays.add(slot)

    def heard(self, event: Mapping[str, Any]) -> None:
        """Follow an event of the simulation."""
        with self._lock:
            match event:
                case {"event": "scanned", "text": text}:
                    is_new = text in self._barcodes and text not in self._inside.values()
                    self._in_hand = text if is_new else ""
                case {"event": "opened", "slot": slot}:
                    self._opened(slot)
                case {"event": "closed", "slot": slot}:
                    self._closed(slot)

    def _opened(self, slot: str) -> None:
        if self._in_hand and slot not in self._inside:
            self._put(slot, self._in_hand)
            self._stays.add(slot)
        self._in_hand = ""

    def _closed(self, slot: str) -> None:
        if slot in self._stays:
            self._stays.remove(slot)
        elif slot in self._inside:
            del self._inside[slot]
            self._remember()
        elif self._closes_doors():
            self._put(slot, UNNAMED)

    def _put(self, slot: str, barcode: str) -> None:
        self._inside[slot] = barcode
        self._remember()

    def _remember(self) -> None:
        draft = self._path.with_suffix(".part")
        try:
            draft.write_text(json.dumps(self._inside), encoding="utf-8")
            draft.replace(self._path)
        except OSError:
            # Only the picture is poorer the next time.
            return


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(slot): str(barcode) for slot, barcode in found.items()}
