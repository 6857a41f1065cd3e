"""Delegates: somebody whom a package's owner has named to fetch it, with a code of their own.

A package has one at a time. Their code opens this package alone, and once; it ends by itself, when
the package gets a new code or another owner, and when the server says so.
"""

from __future__ import annotations

from typing import Any, Final

from kiosk.model.event_bodies import DelegateEnded, DelegateNamed
from kiosk.model.package import PackageStatus
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Row, Writer, update

NONE: Final[dict[str, Any]] = {"delegate": None, "delegate_until_ms": None}
"""What a package's row says that has no delegate."""
HELD = (PackageStatus.STORED, PackageStatus.EXPIRED)


def name(writer: Writer, package_id: str, delegate: str, until_ms: int, actor: str) -> int:
    """Let somebody fetch a package until then, in the place of whoever might before. Raises
    `RefusedError` for one that does not lie here to be fetched, and for a time that is over."""
    row = _row(writer, package_id)
    if row is None or row["status"] not in HELD or row["slot"] is None:
        raise RefusedError(f"package {package_id} does not lie here to be fetched")
    if writer.now.is_trusted and until_ms <= writer.now.wall_ms:
        raise RefusedError(f"package {package_id}: until {until_ms} is over already")
    return writer.record(
        DelegateNamed(actor=actor, package=package_id),
        update("package", id=package_id, delegate=delegate, delegate_until_ms=until_ms),
    )


def end(writer: Writer, package_id: str, delegate: str, actor: str) -> None:
    """Let somebody fetch a package no more; nothing where they may not any more. Raises
    `RefusedError` when they have fetched it."""
    row = _row(writer, package_id)
    if row is None or row["delegate"] != delegate:
        return
    if row["status"] not in HELD:
        raise RefusedError(f"package {package_id} is {row['status']}")
    writer.record(
        DelegateEnded(actor=actor, package=package_id), update("package", id=package_id, **NONE)
    )


def may_fetch(writer: Writer, row: Row) -> bool:
    """Whether a package's delegate may fetch it now: nothing ends while no clock is trusted."""
    if row["delegate"] is None:
        return False
    return not writer.now.is_trusted or writer.now.wall_ms < row["delegate_until_ms"]


def require_may_fetch(writer: Writer, package_id: str, delegate: str) -> None:
    """Raise `RefusedError` where this delegate may not fetch it, or not any more."""
    row = _row(writer, package_id)
    if row is None or row["delegate"] != delegate or not may_fetch(writer, row):
        raise RefusedError(f"package {package_id} is no longer for this delegate to fetch")


def ended_with_code(row: Row) -> dict[str, Any]:
    """What a new code changes beside itself: a delegate's ends with the one before."""
    return {} if row["delegate"] is None else NONE


def _row(writer: Writer, package_id: str) -> Row | None:
    return writer.one("SELECT * FROM package WHERE id = ?", (package_id,))
