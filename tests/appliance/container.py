"""A locker's computer with a real systemd, in a container: the .deb's files over this system's own.

`systemd-nspawn` boots a small root folder whose /usr is this machine's, with the package laid
over it. /etc and /var are the container's own and outlast it, so that it can be killed and
started again like a machine whose power went. The kiosk draws on a virtual screen inside.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
FROM_THE_HOST = (
    *("passwd", "group", "shadow", "nsswitch.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
    *("alternatives", "fonts", "os-release", "login.defs", "ssl"),
)
SCREEN = """[Service]
ExecStart=/usr/bin/Xvfb :7 -screen 0 600x1000x24 -nolisten tcp
Restart=always
"""
ON_THE_SCREEN = """[Unit]
Wants=screen.service
After=screen.service
[Service]
Environment=SDL_VIDEODRIVER=x11 DISPLAY=:7 LIBGL_ALWAYS_SOFTWARE=1
"""
IMPATIENT = """[Service]
ExecStart=
ExecStart=/usr/lib/parcel-kiosk/parcel_keeper.py watch --well-s 3 --ill-s 4 --unclear-s 60
"""


def why_not() -> str:
    """Why no container can run here; nothing where one can."""
    lacking = [
        name
        for name in ("systemd-nspawn", "mksquashfs", "dpkg-deb", "Xvfb", "nsenter", "setpriv")
        if shutil.which(name) is None
    ]
    if os.geteuid() != 0:
        return "systemd-nspawn needs root"
    if lacking:
        return f"missing: {', '.join(lacking)}"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices"
    return ""


class Container:
    """One machine; `folder` outlasts its starts."""

    def __init__(self, folder: Path, deb: Path) -> None:
        self.root, self._package = folder / "root", folder / "package"
        self._log = folder / "nspawn.log"
        subprocess.run(["dpkg-deb", "-x", deb, self._package], check=True)
        subprocess.run(["dpkg-deb", "-e", deb, self._package / "DEBIAN"], check=True)
        self._make_root()
        self._process: subprocess.Popen[bytes] | None = None
        self._init = ""

    def _make_root(self) -> None:
        for name in (
            *("usr", "etc", "var/lib", "var/log/journal", "var/tmp", "run", "tmp", "root", "home"),
            *("proc", "sys", "dev", "etc/systemd/system/parcel-kiosk.service.d"),
            "etc/systemd/system/parcel-keeper.service.d",
        ):
            (self.root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        etc = self.root / "etc"
        for name in FROM_THE_HOST:
            if Path("/etc", name).exists():
                follow = "-L" if name == "os-release" else "-P"
                subprocess.run(["cp", "-r", follow, f"/etc/{name}", etc], check=True)
        shutil.copytree(self._package / "etc", etc, symlinks=True, dirs_exist_ok=True)
        (etc / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        units = etc / "systemd/system"
        (units / "default.target").symlink_to("/usr/lib/systemd/system/multi-user.target")
        (units / "screen.service").write_text(SCREEN)
        (units / "parcel-kiosk.service.d/20-screen.conf").write_text(ON_THE_SCREEN)
        (units / "parcel-keeper.service.d/20-impatient.conf").write_text(IMPATIENT)
        shutil.copy(self._package / "DEBIAN/postinst", self.root / "root/postinst")

    def start(self) -> None:
        """Switch it on, and wait until systemd answers."""
        devices = [*Path("/dev").glob("loop[0-9]*"), Path("/dev/loop-control")]
        usr = f"--overlay-ro=/usr:{self._package}/usr:/usr"
        command = ["systemd-nspawn", "-q", "-D", str(self.root), usr, "--register=no"]
        command += ["--keep-unit", "--private-network", "--console=pipe"]
        command += [f"--bind={each}" for each in devices]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--boot"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        self.until(self._has_booted, "it does not boot")

    def _has_booted(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text(errors="replace")[-2000:]
        line = ["pgrep", "-P", str(self._process.pid)]
        children = subprocess.run(line, capture_output=True, text=True, check=False).stdout.split()
        if not children:
            return False
        self._init = children[-1]
        return self.run("systemctl is-system-running").strip() in ("running", "degraded")

    def install(self) -> None:
        """What the package's own script does, and a kiosk that is set up."""
        self.run("/root/postinst configure", check=True)
        shutil.copy(ROOT / "config/demo.toml", self.root / "etc/parcel-kiosk/site.toml")
        site, data = "/etc/parcel-kiosk/site.toml", "/var/lib/parcel-kiosk"
        self.run(f"chown kiosk: {site}; chmod 600 {site}; systemctl stop parcel-kiosk", check=True)
        made = f"kiosk init --config {site} --data {data} --technician 77 Ines --pin-stdin"
        self.run(f"echo 246813 | {made}", check=True)
        self.run("systemctl start --no-block parcel-kiosk", check=True)

    def cut(self) -> None:
        """Switch it off without warning."""
        if self._process is not None:
            subprocess.run(["kill", "-9", self._init or str(self._process.pid)], check=False)
            self._process.wait()
            self._process = None

    def run(self, script: str, *, check: bool = False) -> str:
        """A script inside; what it said."""
        line = ["nsenter", "-t", self._init, "-a", "sh", "-c", script]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def until(self, condition: Callable[[], object], otherwise: str) -> None:
        """Wait for something; how it stands in there where it never comes."""
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end_s:
                log = self.run("journalctl -b -n 60 --no-pager -o short-monotonic")
                raise AssertionError(f"{otherwise}: {self.status()}\n{log}")
            time.sleep(0.1)

    def status(self) -> dict[str, Any]:
        """What the keeper says."""
        try:
            found: dict[str, Any] = json.loads(self.run("cat /run/parcel-keeper/status.json"))
        except ValueError:
            return {}
        return found

    def health(self) -> dict[str, Any]:
        """What the kiosk says of itself."""
        asked = "kiosk health --data /var/lib/parcel-kiosk"
        try:
            found: dict[str, Any] = json.loads(self.run(asked))
        except ValueError:
            return {}
        return found

    def is_up(self) -> bool:
        """Whether a kiosk runs that has said that it is ready."""
        return self.run("systemctl is-active parcel-kiosk").strip() == "active"

    def events(self) -> int:
        """How many events the journal has; its chain is whole."""
        said = "--config /etc/parcel-kiosk/site.toml --data /var/lib/parcel-kiosk"
        return int(self.run(f"kiosk verify {said}", check=True).split()[0])

    def hand_over(self, file: Path, version: str, sha256: str) -> None:
        """What the kiosk does with a release that it fetched."""
        spool = self.root / "var/lib/parcel-kiosk/updates"
        spool.mkdir(exist_ok=True)
        shutil.copy(file, spool / "new.squashfs")
        request = {"version": version, "file": "new.squashfs", "sha256": sha256}
        (spool / "request.part").write_text(json.dumps(request))
        self.run("chown -R kiosk: /var/lib/parcel-kiosk/updates", check=True)
        (spool / "request.part").rename(spool / "request.json")
