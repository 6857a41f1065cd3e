"""A kiosk that updates itself: the real thread's work step by step, a real server, and the real
keeper of a machine below a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.base.parcel_keeper import Gate, Keeper
from config.base.parcel_keeper import Machine as KeepersMachine
from kiosk.model.clock import Instant
from kiosk.model.commands import ChooseRelease
from kiosk.store import releases
from kiosk.store.store import Store
from kiosk.sync.contract import ReleaseStatus
from kiosk.updates import spool
from kiosk.updates.fetching import Line
from kiosk.updates.updater import Updates
from tests.support.releases import MACHINE, PYTHON


class MountsNothing(KeepersMachine):
    """Mounts and restarts nothing; the keeper's files are real."""

    def mount(self, file: str, at: str) -> str:
        return "" if Path(file).is_file() else "no such file"

    def boot_id(self) -> str:
        return "one"


class TriedKeeper(Keeper):
    """The keeper, and what the kiosk says to it."""

    def __init__(self, root: Path) -> None:
        self.said: dict[str, Any] = {"is_idle": True}
        super().__init__(str(root), MountsNothing("/nowhere"))

    def health(self) -> dict[str, Any]:
        return self.said

    def judge(self, version: str, *, is_well: bool, why: str = "") -> None:
        """The kiosk starts, and says how it is for long enough."""
        self.choose()
        self.said = {"version": version, "is_well": is_well, "why": why, "is_idle": True}
        self.look(Gate(well_s=0, ill_s=0))
        self.choose()


@dataclass
class Around:
    """What the kiosk looks at while it updates itself."""

    status_file: Path
    wall_ms: int
    is_here: int = 0
    """For so many looks somebody is at the panel."""
    is_night: bool = True

    def status(self) -> ReleaseStatus | None:
        if not self.status_file.exists():
            return None
        said = json.loads(self.status_file.read_bytes())
        named = {name: value for name, value in said.items() if value is not None}
        found = ReleaseStatus.model_validate(named)
        return found.model_copy(update={"python": PYTHON, "machine": MACHINE})

    def is_idle(self) -> bool:
        self.is_here -= 1
        return self.is_here < 0

    def now(self) -> Instant:
        return Instant(self.wall_ms, 0, "boot", True)

    def is_time(self) -> bool:
        return self.is_night


@dataclass
class UpdatedKiosk:
    """A kiosk, its machine and its keeper."""

    root: Path
    store: Store
    line: Callable[[Callable[[float], None]], Line]
    wall_ms: int
    trusted_root: bytes
    problem: str = ""
    """What a rehearsal finds."""
    rehearsed: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data = self.root / "var/lib/parcel-kiosk"
        base = self.root / "usr/lib/parcel-kiosk"
        for folder in (self.data, base):
            folder.mkdir(parents=True)
        (base / "factory.squashfs").write_bytes(b"the factory's")
        (base / "factory.json").write_text('{"version": "0.9.0"}')
        (base / "root.json").write_bytes(self.trusted_root)
        self.keeper = TriedKeeper(self.root)
        self.keeper.choose()
        status = self.root / "run/parcel-keeper/status.json"
        self.around = Around(status, self.wall_ms)
        self.files = spool.Keeper(
            status, self.root / "var/lib/parcel-keeper/releases", base / "root.json"
        )
        self.begin()

    def begin(self) -> None:
        """The kiosk starts."""
        self.updates = Updates(
            self.store, self.data, self.files, self.around, self.line, self._rehearse
        )

    def _rehearse(self, release: Path) -> str:
        self.rehearsed.append(release.read_bytes())
        return self.problem

    def choose(self, version: str, command: str = "c1", sha256: str = "") -> None:
        """The server's signed command was taken."""
        named = {f"{PYTHON}-{MACHINE}": sha256} if sha256 else {}
        chosen = ChooseRelease(release=version, rollout="r1", sha256=named)
        self.store.submit(releases.choose, command, chosen).result()

    def put(self, version: str, path: Path, sha256: str) -> None:
        """A release runs on this machine that has proven itself."""
        with path.open("rb") as file:
            self.keeper.install(file.fileno(), version, sha256)
        self.keeper.try_release(version)
        self.keeper.judge(version, is_well=True)

    @property
    def request(self) -> Path:
        return self.data / "updates" / "request.json"

    def said(self) -> list[tuple[str, str]]:
        """What was reported, in order: outcome and detail."""

        def read(writer: Any) -> list[tuple[str, str]]:
            rows = writer.all("SELECT body FROM journal WHERE kind = 'RELEASE_REPORTED'", ())
            bodies = [json.loads(row["body"]) for row in rows]
            return [(body["outcome"], body.get("detail", "")) for body in bodies]

        return self.store.submit(read).result()
