"""The thin layer that touches the machine: its clocks, its key file, its Argon2."""

from __future__ import annotations

import asyncio
import ctypes
import hmac
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

from kiosk.model.clock import ClockTrust, Doubt, Instant, Reading

LOG = logging.getLogger("kiosk")
KEY_BYTES = 32
HASH_MEMORY_MAX_KIB = 262_144
HASH_TIME_MAX = 32
"""What is spent on one PIN at most: its hash says how much, and comes from a file or the server."""


class SystemClock:
    """The computer's clocks, and whether its wall clock may be believed."""

    def __init__(self) -> None:
        path = Path("/proc/sys/kernel/random/boot_id")
        self._boot_id = path.read_text().strip() if path.exists() else "unknown"
        self._is_synchronised = _kernel_synchronisation()
        self._trust = ClockTrust()
        self._lock = threading.Lock()  # the flows and the store ask on threads of their own

    def believe(self, last: Reading | None) -> None:
        """Judge from now on by what was believed last, before this start."""
        with self._lock:
            self._trust = ClockTrust(last)

    @property
    def doubt(self) -> Doubt | None:
        """Why the wall clock is not believed; None while it is."""
        return self._trust.doubt

    def now(self) -> Instant:
        with self._lock:
            reading = self._read()
            before = self._trust.doubt
            self._trust = self._trust.judge(reading, self._is_synchronised)
            doubt = self._trust.doubt
        if doubt is not before:
            LOG.warning("the wall clock is %s", f"not believed: {doubt}" if doubt else "believed")
        return Instant(reading.wall_ms, reading.monotonic_ms, reading.boot_id, doubt is None)

    def confirm(self) -> None:
        with self._lock:
            self._trust = ClockTrust(self._read())

    def _read(self) -> Reading:
        # The time since the boot, with the time asleep where the system counts that.
        since_boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return Reading(
            time.time_ns() // 1_000_000,
            time.clock_gettime_ns(since_boot) // 1_000_000,
            self._boot_id,
        )


def _kernel_synchronisation() -> Callable[[], bool]:
    """Asks whether the kernel's clock is kept by a time server; never, where it cannot say.

    adjtimex(2): the state TIME_ERROR (5), or the status bit STA_UNSYNC, means that it is not.
    """
    if sys.platform != "linux":
        return lambda: False
    adjtimex = ctypes.CDLL(None).adjtimex
    time_error, unsynchronised, status_at = 5, 0x40, 5 * ctypes.sizeof(ctypes.c_long)

    def ask() -> bool:
        timex = ctypes.create_string_buffer(512)  # modes = 0: reads only
        state = adjtimex(timex)
        status = ctypes.c_int.from_buffer(timex, status_at).value
        return 0 <= state < time_error and not status & unsynchronised

    return ask


KEY_FILE = "location.key"


def key_path(data: Path) -> Path:
    """Where the location's key lies: among the credentials that systemd hands to the service
    (`LoadCredential=location.key:…`), else in the data folder."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    given = Path(folder) / KEY_FILE if folder else None
    return given if given is not None and given.exists() else data / KEY_FILE


def key_check(key: bytes) -> str:
    """What a location's key is known by in its database; tells nothing about the key."""
    return hmac.digest(key, b"parcel-kiosk key check", "sha256")[:8].hex()


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
        with path.open("wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
    if not path.is_file():
        raise LocationKeyError(
            f"{path} is no file, where the location's key should be; move it away and bring the"
            " key back from the backup"
        )
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
        costs = extract_parameters(pin_hash)
        if costs.memory_cost > HASH_MEMORY_MAX_KIB or costs.time_cost > HASH_TIME_MAX:
            LOG.error(
                "a PIN's hash asks for %d KiB and %d rounds: more than %d and %d are not spent",
                *(costs.memory_cost, costs.time_cost, HASH_MEMORY_MAX_KIB, HASH_TIME_MAX),
            )
            return False
        return PasswordHasher().verify(pin_hash, secret)
    except (Argon2Error, InvalidHashError):
        return False


async def hash_new_pin(secret: str) -> str:
    """The same as `hash_pin`, on another thread: it takes its time."""
    return await asyncio.to_thread(hash_pin, secret)


def hash_pin(secret: str) -> str:
    """The Argon2id hash of a PIN's secret digits.

    About 90 ms on one core of a desktop of 2020, which a guesser at a stolen hash pays each time.
    """
    return PasswordHasher(time_cost=3, memory_cost=32768, parallelism=1).hash(secret)
