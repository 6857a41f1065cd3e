"""A locker's computer with a real systemd, in a container: the .deb's files over this system's own.

`systemd-nspawn` boots a small root folder whose /usr is this machine's, with the package laid
over it. /etc and /var are the container's own and outlast it, so that it can be killed and
started again like a machine whose power went. The kiosk draws on a virtual screen inside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.appliance.computer import DATA, IMPATIENT, MAKE_A_KIOSK, SITE, Computer

ROOT = Path(__file__).parents[2]
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


class Container(Computer):
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
        shutil.copy(ROOT / "config/demo.toml", self.root / f".{SITE}")
        self.run(MAKE_A_KIOSK, check=True)

    def cut(self) -> None:
        if self._process is not None:
            subprocess.run(["kill", "-9", self._init or str(self._process.pid)], check=False)
            self._process.wait()
            self._process = None

    def run(self, script: str, *, check: bool = False) -> str:
        line = ["nsenter", "-t", self._init, "-a", "sh", "-c", script]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def put_update(self, file: Path) -> None:
        spool = self.root / f".{DATA}" / "updates"
        spool.mkdir(exist_ok=True)
        shutil.copy(file, spool / "new.squashfs")
