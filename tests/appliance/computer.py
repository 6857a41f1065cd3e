"""A locker's computer with a real systemd, wherever it runs: what is asked of it and waited for."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

IMPATIENT = """[Service]
ExecStart=
ExecStart=/usr/lib/parcel-kiosk/parcel_keeper.py watch --well-s 3 --ill-s 4 --unclear-s 60
"""
"""A trial that is decided in seconds."""
SITE, DATA = "/etc/parcel-kiosk/site.toml", "/var/lib/parcel-kiosk"
MAKE_A_KIOSK = f"""set -e
systemctl stop parcel-kiosk
find {DATA} -mindepth 1 -delete  # what setting it up at its panel has begun
chown kiosk: {SITE}; chmod 600 {SITE}
echo 246813 | kiosk init --config {SITE} --data {DATA} --technician 77 Ines --pin-stdin
systemctl start --no-block parcel-kiosk
"""


class Computer(ABC):
    """One machine that can be switched on, asked and cut off."""

    patience_s = 120.0
    look_s = 0.1
    """Between two looks at it."""

    @abstractmethod
    def start(self) -> None:
        """Switch it on, and wait until it answers."""

    @abstractmethod
    def cut(self) -> None:
        """Switch it off without warning."""

    @abstractmethod
    def run(self, script: str, *, check: bool = False) -> str:
        """A script inside, as root; what it said."""

    @abstractmethod
    def put_update(self, file: Path) -> None:
        """Lay a release into the kiosk's folder for updates, as `new.squashfs`."""

    def until(self, condition: Callable[[], object], otherwise: str) -> None:
        """Wait for something; how it stands in there where it never comes."""
        end_s = time.monotonic() + self.patience_s
        while not condition():
            if time.monotonic() > end_s:
                log = self.run("journalctl -b -n 60 --no-pager -o short-monotonic")
                raise AssertionError(f"{otherwise}: {self.status()}\n{log}")
            time.sleep(self.look_s)

    def status(self) -> dict[str, Any]:
        """What the keeper says."""
        try:
            found: dict[str, Any] = json.loads(self.run("cat /run/parcel-keeper/status.json"))
        except ValueError:
            return {}
        return found

    def health(self) -> dict[str, Any]:
        """What the kiosk says of itself."""
        try:
            found: dict[str, Any] = json.loads(self.run(f"kiosk health --data {DATA}"))
        except ValueError:
            return {}
        return found

    def is_up(self) -> bool:
        """Whether a kiosk runs that has said that it is ready."""
        return self.run("systemctl is-active parcel-kiosk").strip() == "active"

    def events(self) -> int:
        """How many events the journal has; its chain is whole."""
        return int(self.run(f"kiosk verify --config {SITE} --data {DATA}", check=True).split()[0])

    def hand_over(self, file: Path, version: str, sha256: str) -> None:
        """What the kiosk does with a release that it fetched."""
        self.put_update(file)
        request = json.dumps({"version": version, "file": "new.squashfs", "sha256": sha256})
        written = f"echo '{request}' >request.part; chown -R kiosk: ."
        self.run(f"cd {DATA}/updates; {written}; mv request.part request.json", check=True)
