"""The ready image in a virtual mini-PC: first start, screen, true power cuts, a bad release."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from kiosk.ui.theme import HIGH_CONTRAST, LIGHT, Palette
from tests.appliance.computer import IMPATIENT, MAKE_A_KIOSK, SITE
from tests.appliance.releases import Release, build_base, build_kinds, tag_of_this_machine
from tests.appliance.virtual_machine import VirtualMachine, mounted, partitions, why_not
from tests.crash.budget import NIGHTLY, budget

ROOT = Path(__file__).parents[2]
SUITES = {"cp311": "bookworm", "cp313": "trixie"}
GROUP = "/sys/fs/cgroup/system.slice/parcel-kiosk.service"
DISK_BYTES = 8 * 1024**3
CUTS_OF_THE_FIRST_START, CUTS, CUTS_EMULATED = 3, 10, 3
"""Fewer where each start takes minutes."""
WRITES_OF_THE_FIRST_START, WRITES_OF_AN_UPDATE = 700, 1000
"""About so often the disk is written then; at one of these writes, drawn, the power goes."""

pytestmark = [
    pytest.mark.skipif(budget() is not NIGHTLY, reason="whole machines are started at night"),
    pytest.mark.skipif(bool(why_not()), reason=f"no virtual machine can run here: {why_not()}"),
    pytest.mark.timeout(0),
]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Release]]:
    """Each kind of release; beside them the package that the image is made of."""
    folder = tmp_path_factory.mktemp("releases")
    build_base(folder)
    yield build_kinds(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(releases: dict[str, Release], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What `make image` makes, for this system's own Debian; or the file that TEST_IMAGE names."""
    if "TEST_IMAGE" in os.environ:
        yield Path(os.environ["TEST_IMAGE"])
        return
    folder = tmp_path_factory.mktemp("image")
    built = {"RELEASE_FOLDER": str(releases["9.1.0"].file.parent), "IMAGE_FOLDER": str(folder)}
    suite = SUITES[tag_of_this_machine().partition("-")[0]]
    subprocess.run([ROOT / ".ci/image", suite], env={**os.environ, **built}, check=True)
    (file,) = folder.glob("*.img")
    yield file
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def machine(
    image: Path, releases: dict[str, Release], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VirtualMachine]:
    """One mini-PC; the tests tell its life, in their order."""
    folder = tmp_path_factory.mktemp("machine")
    extra = folder / "releases.ext4"
    subprocess.run(["truncate", "-s", "1G", extra], check=True)
    files = folder / "files"
    files.mkdir()
    for each in ("9.1.0", "9.2.0", "9.5.0", "9.6.0", "9.7.0"):
        os.link(releases[each].file, files / f"{each}.squashfs")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", files, extra], check=True)
    computer = VirtualMachine(folder, image, DISK_BYTES, extra)
    try:
        yield computer
    finally:
        if computer.is_on:
            computer.picture(ROOT / "build/image-last.png")
        computer.cut()
        shutil.rmtree(folder)


def is_the_kiosks(picture: bytes, look: Palette = LIGHT) -> bool:
    """Whether much of it is the kiosk's own ground, and there is something on it; the firmware and
    the kernel draw on black."""
    with Image.open(io.BytesIO(picture)) as opened:
        found = opened.convert("RGB").getcolors(1 << 24) or []
    pixels = {colour: count for count, colour in found}
    ground = tuple(round(each * 255) for each in look.ground[:3])
    return len(pixels) > 50 and pixels.get(ground, 0) > sum(pixels.values()) / 10


def drawn(machine: VirtualMachine, name: str, before: bytes = b"", look: Palette = LIGHT) -> bytes:
    """A picture with something on it, and another one than before."""
    file = ROOT / "build" / f"image-{name}.png"
    file.parent.mkdir(exist_ok=True)
    end_s = time.monotonic() + machine.patience_s
    while True:
        picture = machine.picture(file)
        if is_the_kiosks(picture, look) and picture != before:
            return picture
        assert time.monotonic() < end_s, f"nothing new is drawn: {file}"
        time.sleep(machine.look_s)


def test_nothing_in_it_is_secret_or_one_machines_own(image: Path, tmp_path: Path) -> None:
    with mounted(image, "parcel-root", tmp_path / "root") as root:
        assert (root / "etc/machine-id").read_bytes() == b""
        hashes = [line.split(":")[1] for line in (root / "etc/shadow").read_text().splitlines()]
        assert all(each.startswith(("!", "*")) for each in hashes)
        assert not list(root.glob("etc/ssh/ssh_host_*"))
        assert not list(root.glob("root/*"))
        # Else Debian 13 lists its libraries again at its first start, where it is only read.
        line = ["chroot", str(root), "systemd-analyze", "condition", "ConditionNeedsUpdate=/etc"]
        assert subprocess.run(line, capture_output=True, check=False).returncode == 1
    with mounted(image, "parcel-data", tmp_path / "data") as data:
        assert not list(data.glob("lib/parcel-kiosk/*"))
        assert not (data / "lib/systemd/random-seed").exists()


def test_its_first_start_survives_power_cuts_and_shows_that_it_is_not_set_up(
    machine: VirtualMachine,
) -> None:
    rng, file = Random(11), ROOT / "build/image-before-a-cut.png"

    def is_drawn() -> bool:
        return is_the_kiosks(machine.picture(file))

    for _ in range(CUTS_OF_THE_FIRST_START):
        machine.switch_on()
        machine.until_written(rng.randint(1, WRITES_OF_THE_FIRST_START), is_drawn)
        machine.cut_power(rng)
    machine.switch_on()
    first = drawn(machine, "not-set-up")
    machine.press("ctrl", "alt", "f2")
    machine.press("ctrl", "alt", "delete")
    machine.press("kp_add")
    drawn(machine, "accessible", first, HIGH_CONTRAST)
    machine.cut_power(rng)


def test_it_has_grown_is_only_read_and_is_itself(machine: VirtualMachine) -> None:
    machine.add_channel()
    machine.start()
    machine.until(machine.is_up, "no kiosk runs")
    at, size = partitions(machine.disk)["parcel-data"]
    assert at + size > DISK_BYTES - 4 * 1024**2
    assert int(machine.run("df -B1 --output=size /var | tail -1")) > size * 0.9
    assert machine.run("findmnt -no OPTIONS /").startswith("ro,")
    assert machine.run("systemctl --failed --plain --no-legend") == ""
    identity = machine.run("cat /etc/machine-id")
    assert len(identity.strip()) == 32
    machine.cut_power()
    machine.start()
    assert machine.run("cat /etc/machine-id") == identity
    assert machine.run("findmnt /etc/machine-id") == "", "its id is not on its disk"
    listening = machine.run("cat /proc/net/tcp /proc/net/tcp6 | grep ' 0A '")
    assert listening == ""
    assert "policy drop" in machine.run("nft list ruleset")


def test_a_package_is_written_and_then_the_system_is_only_read_again(
    machine: VirtualMachine,
) -> None:
    """As the security updates at night are."""
    said = "Package: probe\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: probe\n"
    machine.run(
        f"""set -e
        mkdir -p /tmp/probe/DEBIAN /tmp/probe/usr/share/probe
        printf '{said}' >/tmp/probe/DEBIAN/control
        dpkg-deb --build /tmp/probe /tmp/probe.deb
        apt-get install --yes /tmp/probe.deb
        test -d /usr/share/probe""",
        check=True,
    )
    assert machine.run("findmnt -no OPTIONS /").startswith("ro,")


def test_a_disk_that_nobody_flushes_loses_what_was_written(machine: VirtualMachine) -> None:
    """The control: without it the power cuts below might be none."""
    machine.run("echo kept >/var/kept; sync /var/kept; fallocate -l 8192 /var/lost", check=True)
    machine.run("dd if=/dev/zero of=/var/lost bs=8192 count=1 conv=fsync", check=True)
    machine.run(
        "printf 'lost%.0s' $(seq 1024) >/tmp/new;"
        " dd if=/tmp/new of=/var/lost bs=4096 count=1 oflag=direct conv=notrunc",
        check=True,
    )
    assert machine.run("head -c 4 /var/lost") == "lost"
    written, lost = machine.cut_power()
    assert written and lost == written
    machine.start()
    assert machine.run("cat /var/kept") == "kept\n"
    assert machine.run("head -c 4 /var/lost") != "lost"


def test_a_bad_release_goes_back_by_itself(
    machine: VirtualMachine, releases: dict[str, Release]
) -> None:
    make_impatient(machine)
    site = (ROOT / "config/demo.toml").read_text()
    machine.run(f"cat >{SITE} <<'END'\n{site}\nEND\n{MAKE_A_KIOSK}", check=True)
    is_well(machine)
    drawn(machine, "first-screen")
    update(machine, releases["9.1.0"])
    assert machine.status()["good"] == "9.1.0"
    update(machine, releases["9.2.0"])
    assert machine.status()["bad"]["9.2.0"] == "it did not get well in 3 starts"
    machine.until(lambda: machine.health().get("version") == "9.1.0", "9.1.0 does not run")
    print("memory of the kiosk at most, bytes:", machine.run(f"cat {GROUP}/memory.peak"))


def test_one_that_leaks_is_ended_before_the_machine_has_no_memory_left(
    machine: VirtualMachine, releases: dict[str, Release]
) -> None:
    update(machine, releases["9.7.0"])
    assert machine.status()["bad"]["9.7.0"] == "it did not get well in 3 starts"
    log = machine.run("journalctl -b -u parcel-kiosk -o cat --no-pager")
    assert log.count("has been killed by the OOM killer") == 3
    is_well(machine)
    assert machine.health()["version"] == "9.1.0"
    assert "oom" not in machine.run("journalctl -b -u parcel-keeper -o cat --no-pager")


def test_power_cuts_in_mid_change_leave_a_kiosk_that_is_well(
    machine: VirtualMachine, releases: dict[str, Release]
) -> None:
    rng, found = Random(7), []
    for number in range(CUTS_EMULATED if machine.is_emulated else CUTS):
        events = machine.events()
        new = releases[("9.5.0", "9.6.0")[number % 2]]
        machine.hand_over(new.file, new.version, new.sha256)
        is_over = partial(is_decided, machine, new)
        machine.until_written(rng.randint(1, WRITES_OF_AN_UPDATE), is_over)
        written, lost = machine.cut_power(rng)
        machine.start()
        make_impatient(machine)
        is_well(machine)
        found.append((machine.status()["running"], machine.status()["state"], written, lost))
        assert machine.status()["state"] in ("good", "trial")
        assert machine.events() >= events, f"after cut {number} events are lost"
    print(f"{len(found)} power cuts; what ran then, writes not flushed, of them not whole: {found}")
    assert sum(lost for *_, lost in found) > 0, "no write was lost: these were no power cuts"


def make_impatient(machine: VirtualMachine) -> None:
    folder = "/run/systemd/system/parcel-keeper.service.d"
    script = f"mkdir -p {folder}; cat >{folder}/impatient.conf <<'END'\n{IMPATIENT}END\n"
    if machine.is_emulated:
        slow = f"--ill-s {machine.patience_s / 4:.0f} --unclear-s {2 * machine.patience_s:.0f}"
        script = script.replace("--ill-s 4 --unclear-s 60", slow)
    machine.run(f"{script}systemctl daemon-reload; systemctl restart parcel-keeper", check=True)


def is_well(machine: VirtualMachine) -> None:
    machine.until(
        lambda: machine.is_up() and machine.health().get("is_well") is True, "no kiosk is well"
    )


def update(machine: VirtualMachine, release: Release) -> None:
    """Hand a release over, and wait until it is decided."""
    machine.hand_over(release.file, release.version, release.sha256)
    machine.until(
        lambda: is_decided(machine, release), f"nothing is decided about {release.version}"
    )


def is_decided(machine: VirtualMachine, release: Release) -> bool:
    said = machine.status()
    return said.get("good") == release.version or release.version in said.get("bad", {})
