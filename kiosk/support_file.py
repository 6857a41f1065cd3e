"""One file for whoever looks for a fault: how the machine is and was for a day, and nobody in it.

It is made for the command `kiosk support` and for the server's command alike. What cannot be had
says why in its place. It stays below what a server takes: of what is too long the oldest is left
out.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from kiosk.console.command_socket import ConsoleServer, verified
from kiosk.flows.context import Kiosk
from kiosk.health import Health, answer_of
from kiosk.keeper_status import KEEPER_STATUS
from kiosk.model.clock import DAY_MS
from kiosk.model.masking import without_contacts
from kiosk.store import remote_help, support
from kiosk.sync.contract import FILE_MAX_BYTES

VERIFIED_WITHIN_S: Final = 60.0
"""A journal that takes longer to check is said to be not checked."""
LOG_WITHIN_S: Final = 20.0
LOG_MAX_BYTES: Final = 4_000_000
KEEPER_MAX_BYTES: Final = 65_536
LOGS: Final[Mapping[str, Sequence[str]]] = {
    "log.txt": ("--unit", "parcel-kiosk", "--since", "-24h"),
    "keeper-log.txt": ("--unit", "parcel-keeper*", "--since", "-24h"),
    "kernel-log.txt": ("--dmesg", "--boot"),
}
"""What is asked of `journalctl`. Addresses and telephone numbers are masked again: other programs
write there, too."""

Lines = list[str]


@dataclass(frozen=True, slots=True)
class SupportFile:
    """Makes it. `site` is what of the site file may be sent."""

    kiosk: Kiosk
    health: Health
    site: Mapping[str, Any]

    async def make(self) -> bytes:
        """On the engine's loop, which is not kept waiting. Raises `StoreError`."""
        store, now_ms = self.kiosk.store, self.kiosk.clock.now().wall_ms
        parts = {
            "vitals.json": [_json(asdict(self.kiosk.vitals()))],
            "health.json": [_json(answer_of(await self.health.look()))],
            "power.json": [_json(self._power())],
            "site.json": [_json(self.site)],
            "verify.json": [_json(await self._verified())],
            "boards.json": [_json([asdict(each) for each in self.kiosk.bank.reports()])],
            "remote-settings.json": [_json(await store.run(remote_help.settings))],
            "keeper.json": [_text_of(self.health.keeper_status)],
        }
        events = await store.run(support.events_since, now_ms - DAY_MS)
        parts["journal.jsonl"] = [_json(each) for each in events]
        return await asyncio.to_thread(_with_logs, parts)

    def _power(self) -> object:
        return None if self.kiosk.power is None else asdict(self.kiosk.power())

    async def _verified(self) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(VERIFIED_WITHIN_S):
                return await verified(self.kiosk.store)
        except TimeoutError:
            return {"error": f"it takes longer than {VERIFIED_WITHIN_S:g} s"}


async def without_kiosk(
    site: Mapping[str, Any], computer: object, desk: ConsoleServer | None, why: str
) -> bytes:
    """The same where no kiosk answers: `why`; `desk` reads its database, None where that cannot be
    opened."""
    parts = {
        "health.json": [_json({"is_well": False, "why": why})],
        "vitals.json": [_json(computer)],
        "site.json": [_json(site)],
        "keeper.json": [_text_of(KEEPER_STATUS)],
    }
    if desk is not None:
        parts["verify.json"] = [_json(await verified(desk.store))]
        since_ms = desk.clock.now().wall_ms - DAY_MS
        events = await desk.store.run(support.events_since, since_ms)
        parts["journal.jsonl"] = [_json(each) for each in events]
    return _with_logs(parts)


def _with_logs(parts: Mapping[str, Lines]) -> bytes:
    return packed({**parts, **{name: log_lines(asked) for name, asked in LOGS.items()}})


def log_lines(asked: Sequence[str]) -> Lines:
    """Lines of the system's log, the newest last, or why there are none."""
    command = ["journalctl", "--no-pager", "--quiet", "--output", "short-iso", *asked]
    try:
        found = subprocess.run(
            [*command, "--lines", "20000"],
            capture_output=True,
            timeout=LOG_WITHIN_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"not to be had: {error}"]
    said = found.stdout[-LOG_MAX_BYTES:].decode("utf-8", "replace")
    if found.returncode != 0 or not said:
        return [f"nothing: {found.stderr.decode('utf-8', 'replace').strip()[:500]}"]
    return [without_contacts(line) for line in said.splitlines()]


def packed(parts: Mapping[str, Lines], most_bytes: int = FILE_MAX_BYTES) -> bytes:
    """A ZIP of these files. While it is too long, the longest of them loses its older half."""
    kept = {name: list(lines) for name, lines in parts.items()}
    while len(made := _zip(kept)) > most_bytes:
        longest = max(kept, key=lambda name: (len(kept[name]) > 1, sum(map(len, kept[name]))))
        kept[longest] = kept[longest][(len(kept[longest]) + 1) // 2 :]
    return made


def _zip(parts: Mapping[str, Lines]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in parts.items():
            archive.writestr(name, "".join(f"{line}\n" for line in lines))
    return file.getvalue()


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(KEEPER_MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        return f"not to be had: {error.strerror}"


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
