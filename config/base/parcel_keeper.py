#!/usr/bin/python3 -I
"""Which release of the kiosk runs on this machine, and the way back from a bad one.

A program of the base, never of a release; Python's standard library alone, as root:

  install FILE --sha256 HEX   put a release beside the others, whole or not at all
  take, try VERSION           what the kiosk handed over, or VERSION, on trial from now on
  choose                      before each start of the kiosk: pick, check and mount a release
  watch, status               confirm what is on trial, or go back; what runs, and why

One small file says everything; it is replaced as a whole, and durable before anything acts on it.
A release is one squashfs file with its hash in its name, checked at each start. If the file that
says everything cannot be read, the releases say enough: the newest is on trial again. If no release
is whole, the factory's runs.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

STARTS = 3  # that a release on trial has
SPARED = 10
"""How often a start that the machine's own restart cut short is given back. A release may be what
restarts the machine, so not for ever."""
WELL_S, ILL_S, UNCLEAR_S = 60.0, 60.0, 600.0
"""Well for so long without a break confirms a trial; ill for so long, or neither, ends it."""
IDLE_S = 600.0  # that a switch waits for whoever stands at the machine
RELEASE_BYTES_MAX, FREE_BYTES = 512 * 1024 * 1024, 64 * 1024 * 1024
"""The largest release, and what its copy leaves free for the kiosk's own data."""
REQUEST_BYTES_MAX = ANSWER_BYTES_MAX = 65_536
BAD_MAX, REASON_MAX = 20, 300
DAMAGED = "its file is damaged"

VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")
SHA256 = re.compile(r"[0-9a-f]{64}")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}\.squashfs")
KEPT_FILE = re.compile(rf"{VERSION.pattern}-{SHA256.pattern}\.squashfs")


class RefusedError(Exception):
    """What was asked is not done; the message says why."""


def sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def replace_durably(path: str, blocks: Iterable[bytes], is_right: Callable[[], bool]) -> None:
    """Put a file in a file's place: whole, durable and right when this returns, or not at all."""
    part = path + ".part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        for block in blocks:
            while block:
                block = block[os.write(descriptor, block) :]
        os.fsync(descriptor)
        if not is_right():
            raise RefusedError("the file is not the one with that SHA-256")
        os.replace(part, path)
    except (OSError, RefusedError):
        os.unlink(part)
        raise
    finally:
        os.close(descriptor)
    sync_folder(os.path.dirname(path))


def digest_of(path: str) -> str:
    """The hash of a file; empty where it cannot be read to its end."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def object_in(path: str) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is none."""
    try:
        with open(path, "rb") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


@dataclass
class State:
    """All that is remembered."""

    good: str = ""
    before: str = ""  # the good one before it, for the day on which its file is damaged
    trial: str = ""
    left: int = 0
    spared: int = 0
    boot: str = ""  # the machine's start in which the trial last started
    bad: dict[str, str] = field(default_factory=dict)
    went_back: dict[str, Any] | None = None
    refused: dict[str, Any] | None = None

    @classmethod
    def read(cls, text: bytes) -> State:
        """Raises ValueError, TypeError or LookupError where any of it cannot be so."""
        found = json.loads(text)
        must = ("good", "trial", "left", "bad")
        names = [name for name in cls.__dataclass_fields__ if name in must or name in found]
        state = cls(**{name: found[name] for name in names})
        for version in (state.good, state.before, state.trial):
            if version and not VERSION.fullmatch(version):
                raise ValueError(f"{version!r} is no version")
        is_counted = 0 <= state.left <= STARTS and 0 <= state.spared <= SPARED
        if not is_counted or not all(isinstance(each, str) for each in state.bad.values()):
            raise ValueError("no such counts or reasons are written")
        return state


class Machine:
    """What is done to the machine beside files; below another root than its own, nothing."""

    def __init__(self, root: str) -> None:
        self.is_real = root == "/"

    def _run(self, *command: str) -> str:
        """What went wrong; nothing where nothing did."""
        if not self.is_real:
            return ""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else (done.stderr.strip() or f"{command[0]} failed")

    def mount(self, file: str, at: str) -> str:
        self._run("umount", "-q", "-l", at)
        return self._run("mount", "-t", "squashfs", "-o", "loop,ro,nosuid,nodev", file, at)

    def restart_kiosk(self) -> None:
        if problem := self._run("systemctl", "restart", "--no-block", "parcel-kiosk.service"):
            say(f"the kiosk could not be started again: {problem}")

    def boot_id(self) -> str:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()


def say(text: str) -> None:
    print(text, flush=True)


def incident(version: str, reason: str) -> dict[str, Any]:
    text = {"version": version, "reason": reason[:REASON_MAX]}
    return {**text, "at_ms": time.time_ns() // 1_000_000}


@dataclass
class Gate:
    """Whether a release on trial has proven itself."""

    well_s: float = WELL_S
    ill_s: float = ILL_S
    unclear_s: float = UNCLEAR_S
    trial: str = ""
    begun_s: float = 0.0
    is_well: Any = None
    since_s: float = 0.0

    def judge(self, trial: str, health: dict[str, Any], now_s: float) -> str | None:
        """Nothing while it is open, an empty text when it is confirmed, else why it is not."""
        if trial != self.trial:
            self.trial, self.begun_s, self.is_well = trial, now_s, None
        is_well = health.get("is_well") if health.get("version") == trial else None
        if is_well is not self.is_well or is_well not in (True, False):
            self.is_well, self.since_s = is_well, now_s
        lasted_s, why = now_s - self.since_s, str(health.get("why") or "it gives no reason")
        if is_well is True:
            return "" if lasted_s >= self.well_s else None
        if is_well is False and lasted_s >= self.ill_s:
            return f"it was ill for {self.ill_s:.0f} s: {why}"
        if now_s - self.begun_s >= self.unclear_s:
            last = why if is_well is False else "no answer of it came"
            return f"it did not get well in {self.unclear_s:.0f} s: {last}"
        return None


class Keeper:
    def __init__(self, root: str = "/", machine: Machine | None = None) -> None:
        self.machine = machine or Machine(root)
        base = root.rstrip("/")
        self.home = f"{base}/var/lib/parcel-keeper"
        self.releases = f"{self.home}/releases"
        self.state_file = f"{self.home}/state.json"
        self.factory = f"{base}/usr/lib/parcel-kiosk/factory.squashfs"
        self.run = f"{base}/run/parcel-keeper"
        self.data = f"{base}/var/lib/parcel-kiosk"
        for folder in (self.home, self.releases, self.run, f"{self.run}/app"):
            if not os.path.isdir(folder):
                os.makedirs(folder, 0o755)
                sync_folder(os.path.dirname(folder))

    @contextlib.contextmanager
    def _alone(self, folder: str) -> Iterator[None]:
        """One of us at a time; whoever dies lets go."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def load(self) -> State:
        """The state as it is kept; where it cannot be read, as the releases that are here say."""
        try:
            with open(self.state_file, "rb") as file:
                return State.read(file.read())
        except FileNotFoundError:
            problem = "" if not os.listdir(self.releases) else "is gone"
        except (
            OSError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            problem = f"cannot be read: {error}"
        if problem:
            say(f"{self.state_file} {problem}; what is known follows from the releases")
        whole = [version for version in self._versions() if self._whole(version)]
        newest = [*sorted(whole, key=order, reverse=True), "", "", ""]
        left = STARTS if newest[0] else 0
        return State(trial=newest[0], good=newest[1], before=newest[2], left=left)

    def save(self, state: State) -> None:
        """Durable when this returns."""
        for version in list(state.bad)[:-BAD_MAX]:
            del state.bad[version]
        text = json.dumps(asdict(state), indent=1).encode() + b"\n"
        replace_durably(self.state_file, [text], lambda: True)
        self.report(state)

    def report(self, state: State, running: str | None = None, kind: str = "") -> None:
        """Say to everybody on the machine what runs here."""
        path, before = f"{self.run}/status.json", self.status()
        if running is None:
            running, kind = str(before.get("running", "")), str(before.get("state", ""))
        kind = "good" if kind == "trial" and running == state.good else kind
        names = ("good", "trial", "went_back", "bad", "refused")
        shown: dict[str, Any] = {each: getattr(state, each) for each in names}
        shown |= {"running": running, "state": kind}
        with contextlib.suppress(OSError):
            with open(path + ".part", "w") as file:
                json.dump(shown, file)
                os.fchmod(file.fileno(), 0o644)
            os.rename(path + ".part", path)

    def status(self) -> dict[str, Any]:
        return object_in(f"{self.run}/status.json")

    def _versions(self) -> dict[str, list[str]]:
        """The releases that are here, whole or not: their files."""
        found: dict[str, list[str]] = {}
        for name in sorted(os.listdir(self.releases)):
            if KEPT_FILE.fullmatch(name):
                found.setdefault(name.partition("-")[0], []).append(f"{self.releases}/{name}")
        return found

    def _whole(self, version: str) -> str:
        """The file of a release, if it is what its name says; else nothing."""
        for path in self._versions().get(version, []):
            if path.endswith(f"-{digest_of(path)}.squashfs"):
                return path
        return ""

    def install(self, source: int, version: str, sha256: str) -> None:
        """Copy a release from an open file: whole and durable when this returns, or not at all."""
        with self._alone(self.releases):
            with self._alone(self.home):
                state = self.load()
                self.save(state)  # from here on what lies there is not all that is known
            kept = self._whole(version)
            target = f"{self.releases}/{version}-{sha256}.squashfs"
            if kept == target:
                return
            if kept and version in (state.good, state.before, state.trial):
                raise RefusedError(f"another {version} is here already: a version is built once")
            in_use = {state.good, state.before, state.trial} - {""}
            for name in os.listdir(self.releases):
                is_kept = KEPT_FILE.fullmatch(name) and name.partition("-")[0] in in_use - {version}
                if not is_kept:
                    os.unlink(f"{self.releases}/{name}")
            self._copy(source, target, sha256)

    def _copy(self, source: int, target: str, sha256: str) -> None:
        size = os.fstat(source).st_size
        if size > RELEASE_BYTES_MAX:
            raise RefusedError(f"{size} bytes are no release; at most {RELEASE_BYTES_MAX} are")
        free = os.statvfs(self.releases)
        if free.f_bavail * free.f_frsize < size + FREE_BYTES:
            raise RefusedError(f"there is no room for {size} bytes; make some on this disk")
        digest = hashlib.sha256()

        def blocks() -> Iterator[bytes]:
            left = size + 1  # it may grow while it is read; then its hash is another
            while left > 0 and (block := os.read(source, min(left, 1 << 20))):
                left -= len(block)
                digest.update(block)
                yield block

        replace_durably(target, blocks(), lambda: digest.hexdigest() == sha256)

    def try_release(self, version: str, *, again: bool = False) -> None:
        """Run a release from the next start on; on trial, and durable when this returns."""
        with self._alone(self.home):
            state = self.load()
            if version in (state.trial, state.good):
                return
            reason = state.bad.get(version, DAMAGED)
            if reason != DAMAGED and not again:
                raise RefusedError(f"{version} was tried here: {reason}")
            if not self._whole(version):
                raise RefusedError(f"{version} is not here; install it first")
            self._require_no_loss(version, state.good or self._factory_version())
            state.bad.pop(version, None)
            state.trial, state.left, state.spared, state.boot = version, STARTS, 0, ""
            state.refused = None
            self.save(state)

    def _require_no_loss(self, version: str, good: str) -> None:
        """An older release must still be able to write what the newer one has written."""
        if not good or order(version) > order(good):
            return
        oldest = str(self.health().get("oldest_writer", ""))
        if not VERSION.fullmatch(oldest):
            raise RefusedError(f"{version} is older than {good}, and no kiosk allows it")
        if order(version) < order(oldest):
            raise RefusedError(f"{version} is too old for this database: {oldest} is the oldest")

    def go_back(self, state: State, reason: str) -> None:
        """From the trial to the good one, or from a good one that cannot run to the one before."""
        left = state.trial or state.good
        if state.trial:
            state.trial, state.left, state.boot = "", 0, ""
        else:
            state.good, state.before = state.before, ""
        state.went_back = incident(left, reason)
        state.bad.pop(left, None)  # so that it is the newest there
        state.bad[left] = str(state.went_back["reason"])
        say(f"going back from {left} to {state.good or 'the factory release'}: {reason}")
        try:
            self.save(state)
        except OSError as error:
            # It goes back all the same, and will again at the next start.
            say(f"{self.state_file} cannot be written: {error.strerror}")

    def choose(self) -> str:
        """Pick and mount what runs now; its file."""
        with self._alone(self.home):
            state = self.load()
            self._count_start(state)
            while version := state.trial or state.good:
                file = self._whole(version)
                problem = DAMAGED if not file else self.machine.mount(file, f"{self.run}/app")
                if not problem:
                    kind = "trial" if state.trial else "good"
                    say(f"{version} runs ({kind}); starts left: {state.left}")
                    self.report(state, version, kind)
                    return file
                self.go_back(state, problem if problem == DAMAGED else f"no mount: {problem}")
            problem = self.machine.mount(self.factory, f"{self.run}/app")
            if problem or not os.path.exists(self.factory):
                raise RefusedError(f"no release can be mounted, nor {self.factory}: {problem}")
            say("the factory release runs")
            self.report(state, self._factory_version(), "factory")
            return self.factory

    def _factory_version(self) -> str:
        found = str(object_in(self.factory.removesuffix("squashfs") + "json").get("version", ""))
        return found if VERSION.fullmatch(found) else ""

    def _count_start(self, state: State) -> None:
        """One start of the trial less, durable before it may run."""
        if not state.trial:
            return
        boot = self.machine.boot_id()
        if state.boot not in ("", boot) and state.spared < SPARED:
            state.spared, state.left = state.spared + 1, min(STARTS, state.left + 1)
        if state.left <= 0:
            self.go_back(state, f"it did not get well in {STARTS} starts")
            return
        state.left, state.boot = state.left - 1, boot
        try:
            self.save(state)
        except OSError as error:
            say(f"no trial, for starts cannot be counted: {self.state_file}: {error.strerror}")
            state.trial = ""

    def health(self) -> dict[str, Any]:
        """What the kiosk says of itself on its console's socket; nothing where it says nothing, or
        where somebody else answers. It may drip: the answer has two seconds in all."""
        answer, end_s = b"", time.monotonic() + 2.0
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(2.0)
                line.connect(f"{self.data}/kiosk.sock")
                peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                if struct.unpack("3i", peer)[1] == os.stat(self.data).st_uid:
                    line.sendall(b'{"command": "health"}\n')
                    while not answer.endswith(b"\n") and len(answer) < ANSWER_BYTES_MAX:
                        line.settimeout(end_s - time.monotonic())
                        answer += line.recv(4096) or b"\n"
            found = json.loads(answer)
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def look(self, gate: Gate) -> None:
        """Confirm what is on trial, or go back, if it is time."""
        trial = self.load().trial if os.path.exists(self.state_file) else ""
        if not trial or self.status().get("running") != trial:
            gate.trial = ""
            return
        verdict = gate.judge(trial, self.health(), time.monotonic())
        if verdict is None:
            return
        with self._alone(self.home):
            state = self.load()
            if state.trial != trial:
                return
            if not verdict:
                state.good, state.before, state.trial = trial, state.good, ""
                state.left, state.boot = 0, ""
                self.save(state)
                say(f"{trial} is good")
                return
            self.go_back(state, verdict)
        self.machine.restart_kiosk()

    def watch(self, gate: Gate) -> None:
        while True:
            self.look(gate)
            time.sleep(1.0)

    def take(self) -> None:
        """Take over what the kiosk put down; nothing that lies there is trusted."""
        try:
            spool = Spool(self.data)
        except FileNotFoundError:
            return
        with contextlib.closing(spool):
            version = ""
            try:
                if (request := spool.request()) is None:
                    return
                version, file, sha256, again = request
                state = self.load()
                if version not in (state.trial, state.good):
                    if state.bad.get(version, DAMAGED) != DAMAGED and not again:
                        raise RefusedError(f"it was tried here: {state.bad[version]}")
                    self.install(spool.open(file), version, sha256)
                    self._wait_until_idle()
                    self.try_release(version, again=again)
                    say(f"{version} is on trial from now on")
            except (RefusedError, OSError) as error:
                spool.remove()
                with self._alone(self.home):
                    state = self.load()
                    state.refused = incident(version, str(error))
                    self.save(state)
                raise
            spool.remove(file)
        if self.load().trial == version and self.status().get("running") != version:
            self.machine.restart_kiosk()

    def _wait_until_idle(self) -> None:
        """Nobody's visit is cut short; who never says that it is idle is not waited for long."""
        end_s = time.monotonic() + IDLE_S
        while self.health().get("is_idle") is False and time.monotonic() < end_s:
            time.sleep(1.0)


class Spool:
    """The kiosk's folder for us: `request.json`, and the release that it names. Anything may be in
    it: no link is followed, only plain files of the kiosk's own are read, our copy is checked."""

    def __init__(self, data: str) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        above = os.open(data, flags)
        try:
            self._owner = os.fstat(above).st_uid
            self._folder = os.open("updates", flags, dir_fd=above)
        finally:
            os.close(above)
        self._opened = [self._folder]
        self._request = -1

    def close(self) -> None:
        for descriptor in self._opened:
            os.close(descriptor)

    def open(self, name: str) -> int:
        """A plain file of the kiosk's, to read; closed with the folder."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(name, flags, dir_fd=self._folder)
        self._opened.append(descriptor)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != self._owner:
            raise RefusedError(f"{name} is no file of the kiosk's")
        return descriptor

    def request(self) -> tuple[str, str, str, bool] | None:
        """Version, file, hash, and whether it is tried although it was tried before."""
        with contextlib.suppress(FileNotFoundError):
            self._request = self.open("request.json")
        if self._request < 0:
            return None
        forms = {"version": VERSION, "file": FILE, "sha256": SHA256}
        try:
            found = json.loads(os.read(self._request, REQUEST_BYTES_MAX))
            version, file, sha256 = (str(found[name]) for name in forms)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RefusedError("request.json is no object with version, file, sha256") from error
        for (name, form), text in zip(forms.items(), (version, file, sha256), strict=True):
            if not form.fullmatch(text):
                raise RefusedError(f"{name}: {text[:80]!r} is not like {form.pattern}")
        return version, file, sha256, found.get("again") is True

    def remove(self, file: str = "") -> None:
        """Remove the request that was read, not a newer one in its place; and what it named."""
        with contextlib.suppress(OSError):
            lies = os.stat("request.json", dir_fd=self._folder, follow_symlinks=False)
            read = os.fstat(self._request) if self._request >= 0 else lies
            if (lies.st_ino, lies.st_dev) == (read.st_ino, read.st_dev):
                os.unlink("request.json", dir_fd=self._folder)
            if file:
                os.unlink(file, dir_fd=self._folder)
        os.fsync(self._folder)


def install_file(keeper: Keeper, path: str, sha256: str) -> None:
    """Install a file that a person names; its name says its version."""
    wanted = rf"parcel-kiosk-({VERSION.pattern})(-.+)?\.squashfs"
    named = re.fullmatch(wanted, os.path.basename(path))
    if named is None or not SHA256.fullmatch(sha256):
        raise RefusedError("right are parcel-kiosk-VERSION.squashfs and --sha256 with 64 digits")
    with open(path, "rb") as file:
        keeper.install(file.fileno(), named[1], sha256)


def main() -> None:
    parser = argparse.ArgumentParser("parcel-keeper", description=str(__doc__).splitlines()[0])
    parser.add_argument("command", choices=["install", "take", "try", "choose", "watch", "status"])
    parser.add_argument("what", nargs="?", default="", help="install: a file; try: a version")
    parser.add_argument("--sha256", default="", help="install: the hash that the file must have")
    parser.add_argument("--again", action="store_true", help="try: although it was tried before")
    parser.add_argument("--root", default="/", help="all paths below this folder, for trying out")
    for name, usual in (("--well-s", WELL_S), ("--ill-s", ILL_S), ("--unclear-s", UNCLEAR_S)):
        parser.add_argument(name, type=float, default=usual, help="watch")
    asked = parser.parse_args()
    try:
        keeper = Keeper(asked.root)
        match asked.command:
            case "install":
                install_file(keeper, asked.what, asked.sha256)
            case "try":
                keeper.try_release(asked.what, again=asked.again)
            case "choose":
                say(keeper.choose())
            case "take":
                keeper.take()
            case "watch":
                keeper.watch(Gate(asked.well_s, asked.ill_s, asked.unclear_s))
            case "status":
                say(json.dumps(keeper.status(), indent=1))
    except (RefusedError, OSError) as error:
        sys.exit(f"parcel-keeper: {error}")


if __name__ == "__main__":
    main()
