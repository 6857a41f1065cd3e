"""A mini-PC in QEMU that starts from the ready image: its disk, its screen, its keys, its power.

The image is what owners get. Nobody can log in to it, so that the tests lay a service into a copy
of its disk which runs scripts that come by a virtual serial port; the image knows nothing of it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.appliance.computer import DATA, Computer
from tests.appliance.volatile_disk import VolatileDisk

FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
FIRMWARE_SETTINGS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
BY_KVM = ("-accel", "kvm", "-cpu", "host,arch-capabilities=off")
EMULATED = ("-accel", "tcg,thread=multi", "-cpu", "Nehalem")
"""One without AVX: QEMU 7.2 emulates that wrongly, and Mesa, which draws by it, crashes."""
PATIENCE_STARTS = 12
"""What takes longer than so many starts of the machine does not come: an emulated processor, or one
that others use too, is slower than a real one by nobody knows how much."""
FIRST_PATIENCE_S = 7200.0
"""A guard until one start was measured."""
SLOW = {
    "system/parcel-kiosk.service.d": "[Service]\nWatchdogSec=300\nTimeoutStartSec=1200\n",
    "system/parcel-release.service.d": "[Service]\nTimeoutStartSec=1200\n",
    # While systemd reads its units again nobody feeds the hardware's watchdog; and a device comes
    # later than the 90 s for which it is waited.
    "system.conf.d": "[Manager]\nRuntimeWatchdogSec=15min\nDefaultDeviceTimeoutSec=20min\n",
}
"""Limits for a processor that is emulated."""
PORT = "parcel.test"
CHANNEL = f"""import json, subprocess
with open("/dev/virtio-ports/{PORT}", "r+b", buffering=0) as port:
    text = b""
    while True:
        text += port.read(65536) or b""
        line, end, rest = text.partition(b"\\n")
        if not end:
            continue
        text = rest
        asked = json.loads(line)
        done = subprocess.run(["sh", "-c", asked["script"]], capture_output=True, text=True)
        answer = dict(number=asked["number"], code=done.returncode)
        answer.update(out=done.stdout, err=done.stderr)
        left = json.dumps(answer).encode() + b"\\n"
        while left:
            left = left[port.write(left):]
"""
CHANNEL_UNIT = f"""[Unit]
Requires=dev-virtio\\x2dports-{PORT}.device
After=dev-virtio\\x2dports-{PORT}.device
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/bin/python3 -I /usr/lib/channel.py
Restart=always
"""


def why_not() -> str:
    """Why no virtual machine can run here; nothing where one can."""
    lacking = [
        name
        for name in ("qemu-system-x86_64", "mmdebstrap", "mke2fs", "mkfs.vfat", "mcopy", "sfdisk")
        if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None
    ]
    if os.geteuid() != 0:
        return "making the image needs root"
    if lacking:
        return f"missing: {', '.join(lacking)}"
    if not FIRMWARE.exists():
        return "there is no UEFI for QEMU (the package ovmf)"
    return ""


@functools.cache
def kvm_carries_a_machine() -> bool:
    """Whether the firmware starts with KVM: some hosts that are virtual themselves have the device,
    and cannot run all that a processor can."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    line = ["qemu-system-x86_64", *BY_KVM, "-nodefaults", "-display", "none", "-vga", "std"]
    line += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE}"]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "firmware.ppm")
        process = subprocess.Popen(
            [*line, "-qmp", "stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            return _draws(process, picture)
        finally:
            process.kill()
            process.communicate()


def _draws(process: subprocess.Popen[bytes], picture: Path) -> bool:
    """Whether its screen changes before its processor gives up, or half a minute is over."""
    assert process.stdin is not None and process.stdout is not None
    dump: dict[str, object] = {"execute": "screendump", "arguments": {"filename": str(picture)}}
    end_s = time.monotonic() + 30.0
    asked: list[dict[str, object]] = [{"execute": "qmp_capabilities"}]
    first = b""
    while time.monotonic() < end_s:
        asked += [{"execute": "query-status"}, dump]
        answers: list[bytes] = []
        for each in asked:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(each).encode() + b"\n")
                process.stdin.flush()
        while len(answers) < len(asked):
            answer = process.stdout.readline()
            if not answer:
                return False
            if b'"return"' in answer or b'"error"' in answer:
                answers.append(answer)
        if b"internal-error" in answers[-2]:
            return False
        shown = picture.read_bytes() if picture.exists() else b""
        if first and shown != first:
            return True
        first, asked = first or shown, []
        time.sleep(0.5)
    return False


def partitions(disk: Path) -> dict[str, tuple[int, int]]:
    """Name, and the bytes where it begins and how many it has."""
    line = ["sfdisk", "--json", str(disk)]
    found = json.loads(subprocess.run(line, capture_output=True, check=True).stdout)
    sector = found["partitiontable"]["sectorsize"]
    return {
        each["name"]: (each["start"] * sector, each["size"] * sector)
        for each in found["partitiontable"]["partitions"]
    }


@contextlib.contextmanager
def mounted(disk: Path, name: str, folder: Path) -> Iterator[Path]:
    """A partition of a disk that no machine uses."""
    at, size = partitions(disk)[name]
    folder.mkdir(exist_ok=True)
    options = f"loop,offset={at},sizelimit={size}"
    subprocess.run(["mount", "-o", options, str(disk), str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class VirtualMachine(Computer):
    """One machine; its disk outlasts its starts."""

    look_s = 3.0
    """Each look takes a part of the processor that may have to emulate it."""

    def __init__(
        self, folder: Path, image: Path, size_bytes: int, extra: Path | None = None
    ) -> None:
        self.disk, self._folder, self._extra = folder / "disk.img", folder, extra
        copied = ["cp", "--sparse=always", str(image), str(self.disk)]
        subprocess.run(copied, check=True)
        os.truncate(self.disk, size_bytes)
        shutil.copy(FIRMWARE_SETTINGS, folder / "firmware.fd")
        self.has_channel = False
        self.is_emulated = not kvm_carries_a_machine()
        self._processor = EMULATED if self.is_emulated else BY_KVM
        self.patience_s = FIRST_PATIENCE_S
        if self.is_emulated:
            self._give_time()
        self._number = 0
        self._lines: list[Any] = []
        self._process: subprocess.Popen[bytes] | None = None

    def _give_time(self) -> None:
        """An emulated processor is too slow for the limits of a real one; into this disk alone."""
        with mounted(self.disk, "parcel-root", self._folder / "mounted") as root:
            for name, limits in SLOW.items():
                (root / "etc/systemd" / name).mkdir()
                (root / "etc/systemd" / name / "slow.conf").write_text(limits)

    def add_channel(self) -> None:
        """The service by which the tests ask; into this disk, not into the image."""
        with mounted(self.disk, "parcel-root", self._folder / "mounted") as root:
            (root / "usr/lib/channel.py").write_text(CHANNEL)
            unit = root / "etc/systemd/system/channel.service"
            unit.write_text(CHANNEL_UNIT)
            wanted = root / "etc/systemd/system/multi-user.target.wants"
            (wanted / "channel.service").symlink_to("../channel.service")
        self.has_channel = True

    def switch_on(self) -> None:
        """Press the button."""
        self._volatile = VolatileDisk(self.disk, self._folder / "disk")
        for name in ("monitor", "channel"):
            (self._folder / name).unlink(missing_ok=True)
        with (self._folder / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        self._monitor = self._connect("monitor")
        self._monitor.readline()
        self.press_monitor("qmp_capabilities")
        self._channel = self._connect("channel")

    def _command(self) -> list[str]:
        disk = f"driver=nbd,node-name=disk,server.type=unix,server.path={self._folder}/disk"
        line = ["qemu-system-x86_64", *self._processor, "-machine", "q35"]
        line += ["-m", "2048", "-smp", "2", "-nodefaults", "-no-user-config", "-display", "none"]
        for unit, (file, is_read_only) in enumerate(
            ((FIRMWARE, "on"), (self._folder / "firmware.fd", "off"))
        ):
            flash = f"if=pflash,unit={unit},format=raw,readonly={is_read_only},file={file}"
            line += ["-drive", flash]
        line += [
            "-blockdev",
            disk,
            "-device",
            "virtio-blk-pci,drive=disk,write-cache=on,bootindex=0",
        ]
        if self._extra is not None:
            blocks = f"driver=file,node-name=extra,read-only=on,filename={self._extra}"
            line += ["-blockdev", blocks, "-device", "virtio-blk-pci,drive=extra"]
        line += ["-device", "virtio-vga,xres=1280,yres=800", "-device", "virtio-keyboard-pci"]
        line += ["-device", "virtio-tablet-pci", "-device", "virtio-rng-pci"]
        line += ["-device", "i6300esb", "-action", "watchdog=poweroff"]
        line += ["-qmp", f"unix:{self._folder}/monitor,server=on,wait=off"]
        line += [
            "-device",
            "virtio-serial-pci",
            "-device",
            f"virtserialport,chardev=port,name={PORT}",
        ]
        port = f"socket,id=port,path={self._folder}/channel,server=on,wait=off"
        return [*line, "-chardev", port]

    def _connect(self, name: str) -> Any:
        """A line to QEMU, as a file; it is there shortly after the start."""
        assert self._process is not None
        end_s = time.monotonic() + self.patience_s
        while True:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(str(self._folder / name))
            except OSError as error:
                line.close()
                log = (self._folder / "qemu.log").read_text(errors="replace")[-2000:]
                assert self._process.poll() is None and time.monotonic() < end_s, f"{error}: {log}"
                time.sleep(0.05)
            else:
                line.settimeout(self.patience_s)
                with line:
                    self._lines.append(line.makefile("rwb"))
                    return self._lines[-1]

    def start(self) -> None:
        begun_s = time.monotonic()
        self.switch_on()
        self.run("systemctl is-system-running --wait")
        self.patience_s = max(120.0, PATIENCE_STARTS * (time.monotonic() - begun_s))

    def until_written(self, count: int, is_over: Callable[[], object]) -> None:
        """Wait until the disk was written so often from now on, or until what writes it is over."""
        goal, end_s = self._volatile.writes + count, time.monotonic() + self.patience_s
        while not self._volatile.wait_for_writes(goal, self.look_s) and not is_over():
            assert time.monotonic() < end_s, f"after {self._volatile.writes} writes nothing happens"

    @property
    def is_on(self) -> bool:
        """Whether QEMU runs."""
        return self._process is not None and self._process.poll() is None

    def cut(self) -> None:
        self.cut_power()

    def cut_power(self, rng: Random | None = None) -> tuple[int, int]:
        """Pull the plug; how many writes were not flushed, and how many of them are not whole."""
        if self._process is None:
            return 0, 0
        self._process.kill()
        self._process.wait()
        self._process = None
        for line in self._lines:
            line.close()
        self._lines.clear()
        return self._volatile.lose_power(rng)

    def press_monitor(self, command: str, **arguments: object) -> Any:
        """A command to QEMU's own monitor."""
        asked = {"execute": command, "arguments": arguments}
        self._monitor.write(json.dumps(asked).encode() + b"\n")
        self._monitor.flush()
        while True:
            answer = json.loads(self._monitor.readline())
            assert "error" not in answer, answer
            if "return" in answer:
                return answer["return"]

    def picture(self, file: Path) -> bytes:
        """What the screen shows, also as a PNG in a file."""
        self.press_monitor("screendump", filename=str(file), format="png")
        return file.read_bytes()

    def press(self, *keys: str) -> None:
        """Keys at once, by QEMU's names of them."""
        pressed = [{"type": "qcode", "data": each} for each in keys]
        self.press_monitor("send-key", keys=pressed)

    def run(self, script: str, *, check: bool = False) -> str:
        assert self.has_channel, "nobody can be asked in there"
        self._number += 1
        asked = json.dumps({"number": self._number, "script": script})
        self._channel.write(asked.encode() + b"\n")
        self._channel.flush()
        said = self._channel.readline()
        assert said, "it switched itself off, as when its watchdog finds that it stands still"
        answer = json.loads(said)
        assert answer["number"] == self._number
        failed = f"{script}: {answer['out']}{answer['err']}"
        assert not check or answer["code"] == 0, failed
        return str(answer["out"])

    def put_update(self, file: Path) -> None:
        """From the second disk, on which all releases are."""
        mount = "mkdir -p /run/extra; mountpoint -q /run/extra || mount -o ro /dev/vdb /run/extra"
        copy = f"mkdir -p {DATA}/updates; cp /run/extra/{file.name} {DATA}/updates/new.squashfs"
        self.run(f"{mount}; {copy}", check=True)
