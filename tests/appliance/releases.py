"""Releases of the real kiosk for the container: good ones, and each kind of bad one.

All are the one that `.ci/release` builds, under other numbers; a bad one has a fault that Python
loads before anything else of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

CRASHES = "import sys\nsys.exit('this release cannot start')\n"
HANGS = """
import signal, sys, time
if 'run' in sys.argv:
    signal.signal(signal.SIGALRM, lambda *_: time.sleep(1e6))
    signal.alarm(12)
"""
"""Up and well for a while; then the screen's thread stands still."""
LOSES_ITS_DATABASE = """
import gc, sys, threading, time
def close():
    found = []
    while not found:
        time.sleep(0.2)
        ours = ('kiosk.store.store', 'Store')
        kinds = ((type(each), each) for each in gc.get_objects())
        found = [each for kind, each in kinds if (kind.__module__, kind.__name__) == ours]
    time.sleep(2)
    found[0].close()
if 'run' in sys.argv:
    threading.Thread(target=close, daemon=True).start()
"""
"""It draws and feeds its watchdog, and its store is shut."""

LEAKS = """
import sys, threading, time
def leak():
    kept = []
    while True:
        time.sleep(0.1)
        kept.append(bytearray(b'?') * 10_000_000)
if 'run' in sys.argv:
    threading.Thread(target=leak, daemon=True).start()
"""
"""It takes 100 MB each second, for ever."""

KINDS = {
    "0.1.0": "",
    "9.0.0": "",
    "9.1.0": "",
    "9.2.0": CRASHES,
    "9.3.0": HANGS,
    "9.4.0": LOSES_ITS_DATABASE,
    "9.5.0": "",
    "9.6.0": "",
    "9.7.0": LEAKS,
}


@dataclass(frozen=True)
class Release:
    """A file, and what it must hash to."""

    version: str
    file: Path
    sha256: str


def tag_of_this_machine() -> str:
    """For this system's own Python."""
    script = "import platform, sys; print(f'cp3{sys.version_info[1]}-{platform.machine()}')"
    line = ["/usr/bin/python3", "-I", "-c", script]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()


def build_base(folder: Path) -> Path:
    """The release of this source, and the .deb around it."""
    tag = tag_of_this_machine()
    environment = {**os.environ, "RELEASE_FOLDER": str(folder), "RELEASE_COMPRESSION": "1"}
    for program in ("release", "base"):
        subprocess.run([ROOT / ".ci" / program, tag], env=environment, check=True)
    (deb,) = folder.glob("*.deb")
    return deb


def build_kinds(folder: Path) -> dict[str, Release]:
    """Every kind, out of the release in the folder."""
    (built,) = folder.glob("*.squashfs")
    tree = folder / "tree"
    subprocess.run(["unsquashfs", "-q", "-n", "-d", tree, built], check=True)
    found = {}
    for version, fault in KINDS.items():
        (information,) = tree.glob("parcel_kiosk-*.dist-info")
        text = f"Metadata-Version: 2.1\nName: parcel-kiosk\nVersion: {version}\n"
        (information / "METADATA").write_text(text)
        information.rename(tree / f"parcel_kiosk-{version}.dist-info")
        (tree / "sitecustomize.py").write_text(fault)
        described = json.loads((tree / "release.json").read_text())
        (tree / "release.json").write_text(json.dumps({**described, "version": version}))
        file = folder / f"{version}.squashfs"
        packed = ["mksquashfs", str(tree), str(file), "-comp", "zstd", "-Xcompression-level", "1"]
        subprocess.run([*packed, "-noappend", "-quiet", "-no-progress", "-all-root"], check=True)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        found[version] = Release(version, file, digest)
    shutil.rmtree(tree)
    return found
