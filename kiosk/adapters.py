"""The thin layer that touches the machine: its clocks, its key file, its Argon2."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from kiosk.model.clock import Instant

NOT_BEFORE_MS = 1_767_225_600_000
"""2026-01-01 UTC: a clock that shows an earlier time was never set."""

KEY_BYTES = 32


class SystemClock:
    """The computer's clocks."""

    def __init__(self) -> None:
        path = Path("/proc/sys/kernel/random/boot_id")
        self._boot_id = path.read_text().strip() if path.exists() else "unknown"

    def now(self) -> Instant:
        wall_ms = time.time_ns() // 1_000_000
        monotonic_ms = time.monotonic_ns() // 1_000_000
        return Instant(wall_ms, monotonic_ms, self._boot_id, wall_ms >= NOT_BEFORE_MS)


class LocationKeyError(Exception):
    """The location's key cannot be used; the message says what to do."""


def location_key(path: Path, *, may_make: bool) -> bytes:
    """The location's key, from a file that only its owner may read; made when it may be.

    Raises `LocationKeyError` when it is missing (and a database exists, whose codes it made), too
    short, or readable by others.
    """
    if not path.exists():
        if not may_make:
            raise LocationKeyError(
                f"{path}: the location's key is missing, and the codes of the packages inside"
                " cannot be checked without it; bring it back from the backup"
            )
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(KEY_BYTES))
    if path.stat().st_mode & 0o077:
        raise LocationKeyError(f"{path}: others may read the key; run: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise LocationKeyError(
            f"{path}: a location key has {KEY_BYTES} bytes, this has {len(key)};"
            " bring it back from the backup"
        )
    return key


async def verify_pin(pin_hash: str, secret: str) -> bool:
    """Check a PIN's secret against its Argon2id hash, on another thread: it takes its time."""
    return await asyncio.to_thread(_verify, pin_hash, secret)


def _verify(pin_hash: str, secret: str) -> bool:
    try:
        return PasswordHasher().verify(pin_hash, secret)
    except (Argon2Error, InvalidHashError):
        return False


def hash_pin(secret: str) -> str:
    """The Argon2id hash of a PIN's secret digits, for the site file."""
    return PasswordHasher(time_cost=3, memory_cost=32768, parallelism=1).hash(secret)
