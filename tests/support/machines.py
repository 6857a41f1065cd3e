"""Machines of a network, each a network namespace, and this process's own the router between them.

Whoever uses it runs in a namespace of its own (`unshare --net`), so that nothing of it is left when
that process has ended, however it ends. A cut loses every packet between two sides without a word,
as a dead line does: nobody is refused, and nobody hears that the other is gone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kiosk.child_processes import ends_with

ROOT = Path(__file__).parents[2]
NET = "10.77"
ROUTER = f"{NET}.0.1"
"""The address of this process itself."""
NEEDED = ("unshare", "nsenter", "ip", "sleep")
PATIENCE_S = 20.0
_BEFORE_ALL = "100"
"""Of the rules of a cut: they are asked before any route."""


def why_not() -> str:
    """Why there can be no such machines here; empty: there can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"network namespaces need {', '.join(missing)}"
    script = "ip link add a0 type veth peer name a1 && ip rule add from 10.0.0.1 blackhole"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    return f"no network namespaces here: {done.stderr.strip()}" if done.returncode else ""


def command_inside(module: str, *words: str) -> list[str]:
    """A module of the tests, run in a network namespace of its own."""
    return ["unshare", "--net", sys.executable, "-m", module, *words]


class Machines:
    """Machines by name, each reached by the router, which carries what they send each other."""

    def __init__(self, names: Sequence[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(names, 1)}
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        self._rules = 0

    def __enter__(self) -> Machines:
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "address", "add", f"{ROUTER}/32", "dev", "lo")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        for name in self._numbers:
            self._make(name)
        return self

    def __exit__(self, *_: object) -> None:
        for holder in self._holders.values():
            holder.kill()
            holder.wait()

    def address(self, name: str) -> str:
        """Where a machine is reached."""
        return f"{NET}.{self._numbers[name]}.2"

    def prefix(self, name: str) -> tuple[str, ...]:
        """What stands before a command that runs on a machine."""
        return ("nsenter", f"--net=/proc/{self._holders[name].pid}/ns/net", "--")

    @contextmanager
    def cut(self, some: Collection[str]) -> Iterator[None]:
        """Lose what some machines and all others send each other."""
        others = self._numbers.keys() - set(some)
        for one in some:
            for other in sorted(others):
                self._lose(one, other)
                self._lose(other, one)
        try:
            yield
        finally:
            self._heal()

    def _lose(self, sender: str, receiver: str) -> None:
        ends = ("from", self.address(sender), "to", self.address(receiver))
        _run("ip", "rule", "add", "priority", _BEFORE_ALL, *ends, "blackhole")
        self._rules += 1

    def _heal(self) -> None:
        for _ in range(self._rules):
            _run("ip", "rule", "del", "priority", _BEFORE_ALL)
        self._rules = 0

    def _make(self, name: str) -> None:
        holder = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"], preexec_fn=ends_with(os.getpid())
        )
        self._holders[name] = holder
        _wait_for_namespace(holder.pid)
        number, link = self._numbers[name], f"to{self._numbers[name]}"
        near, far = f"{NET}.{number}.1", f"{NET}.{number}.2"
        inside = self.prefix(name)
        _run("ip", "link", "add", link, "type", "veth", "peer", "eth0", "netns", str(holder.pid))
        _run("ip", "address", "add", f"{near}/24", "dev", link)
        _run("ip", "link", "set", link, "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{far}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", near),
        ):
            _run(*inside, "ip", *command)
        # This process has one address, wherever it asks.
        _run("ip", "route", "replace", f"{NET}.{number}.0/24", "dev", link, "src", ROUTER)


def _wait_for_namespace(pid: int) -> None:
    own, until_s = Path("/proc/self/ns/net").readlink(), time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}/ns/net").readlink() == own:
        assert time.monotonic() < until_s, "unshare made no namespace"
        time.sleep(0.01)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def listens_at(machines: Machines, at: str, port: int) -> subprocess.Popen[bytes]:
    """Somebody on a machine who takes every connection."""
    script = (
        f"import socket\nwith socket.create_server(('', {port}), backlog=64) as listener:\n"
        "    while True: listener.accept()"
    )
    return subprocess.Popen(
        [*machines.prefix(at), sys.executable, "-c", script], preexec_fn=ends_with(os.getpid())
    )


def what_comes_of(machines: Machines, at: str, other: str, port: int) -> str:
    """What comes of a connection from one machine to another."""
    script = (
        "import socket\ntry:\n"
        f"    socket.create_connection(('{machines.address(other)}', {port}), 1)\n"
        "except OSError as error:\n    print(type(error).__name__)\nelse:\n    print('made')"
    )
    command = [*machines.prefix(at), sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def try_out() -> dict[str, list[str]]:
    """What three machines hear of each other, before one is cut off, meanwhile and afterwards."""
    found = {}
    with Machines(("one", "two", "three")) as machines:
        listeners = [listens_at(machines, name, 7000) for name in ("one", "two")]
        until_s = time.monotonic() + PATIENCE_S
        while what_comes_of(machines, "three", "one", 7000) != "made":
            assert time.monotonic() < until_s, "nobody listens"

        def heard() -> list[str]:
            pairs = (("two", "one"), ("one", "two"), ("three", "two"))
            return [what_comes_of(machines, at, other, 7000) for at, other in pairs]

        found["before"] = heard()
        with machines.cut({"one"}):
            found["meanwhile"] = heard()
        found["afterwards"] = heard()
        for each in listeners:
            each.kill()
            each.wait()
    return found


if __name__ == "__main__":
    import json

    print(json.dumps(try_out()))
