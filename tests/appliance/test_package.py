"""The .deb of the base in a fresh Debian 12 and 13: it installs, its units are right, it goes again
and leaves what is the locker's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crash.budget import NIGHTLY, budget

ROOT = Path(__file__).parents[2]
SUITES = {"bookworm": "cp311", "trixie": "cp313"}

pytestmark = [
    pytest.mark.skipif(budget() is not NIGHTLY, reason="whole systems are installed at night"),
    pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root"),
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="mmdebstrap is missing"),
    pytest.mark.timeout(0),
]


def inside(root: Path, script: str) -> str:
    """A script in the fresh system; what it said."""
    own_processes = ["unshare", "--fork", "--pid", f"--mount-proc={root}/proc"]
    line = [*own_processes, "chroot", str(root), "sh", "-ec", script]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(line, capture_output=True, text=True, env=quiet, check=False)
    assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(params=SUITES)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A system with nothing but what Debian itself wants, and the package for it."""
    suite = str(request.param)
    tag = f"{SUITES[suite]}-x86_64"
    environment = {**os.environ, "RELEASE_FOLDER": str(tmp_path), "RELEASE_COMPRESSION": "1"}
    for program in ("release", "base"):
        subprocess.run([ROOT / ".ci" / program, tag], env=environment, check=True)
    (deb,) = tmp_path.glob("*.deb")
    root = tmp_path / "root"
    made = subprocess.run(
        ["mmdebstrap", "--variant=minbase", "--mode=root", "--include=systemd-sysv", suite, root],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"{suite} cannot be fetched here: {made.stderr.strip().splitlines()[-1]}")
    return root, deb


def test_it_installs_is_right_and_goes_again(fresh: tuple[Path, Path]) -> None:
    root, deb = fresh
    shutil.copy(deb, root / "base.deb")
    inside(root, "apt-get update")
    inside(root, "apt-get install -y --no-install-recommends /base.deb")
    inside(root, "id kiosk; test -x /usr/sbin/parcel-keeper; parcel-keeper status")
    units = "parcel-kiosk.service parcel-keeper.service parcel-take.path parcel-firewall.service"
    units += " parcel-link.timer"
    assert inside(root, f"systemctl is-enabled {units}").split() == ["enabled"] * 5
    also = "parcel-release.service parcel-take.service parcel-x.service parcel-link.service"
    said = inside(root, f"systemd-analyze verify --man=no {units} {also} || true")
    mistakes = [line for line in said.splitlines() if "parcel" in line and "Xorg" not in line]
    assert mistakes == []
    shown = inside(root, "systemd-analyze security --offline=true --no-pager parcel-keeper.service")
    assert "OK" in shown.splitlines()[-1]
    inside(root, "nft -c -f /usr/lib/parcel-kiosk/firewall.nft")
    inside(root, "touch /var/lib/parcel-kiosk/kiosk.db; apt-get remove -y parcel-kiosk-base")
    assert not (root / "usr/sbin/parcel-keeper").exists()
    left = inside(root, "find /etc/systemd /usr/lib/systemd -name '*parcel*'")
    assert left.split() == []
    said = inside(root, "apt-get purge -y parcel-kiosk-base")
    assert "/var/lib/parcel-kiosk stays; it is the locker's own" in said
    assert (root / "var/lib/parcel-kiosk/kiosk.db").exists()
    assert not (root / "var/lib/parcel-keeper").exists()
    assert not (root / "etc/apt/apt.conf.d/52parcel-kiosk").exists()
