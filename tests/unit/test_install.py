"""The install script on machines that differ from this one: other tools stand on its PATH.

The system's own tools cannot run here (they would install), so small scripts stand for apt, dpkg,
sudo, id and uname, and write down how they were called. The rest is real: shell, Python and pip.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LOCKS = (
    "requirements.lock",
    "requirements-kiosk.lock",
    "requirements-server.lock",
    "requirements-cluster.lock",
)
TOOLS = ("sh", "env", "dirname", "cat", "tr", "sed", "cksum", "grep", "mkdir", "tail")


class Machine:
    """A checkout in a folder with a space, and a PATH on which only chosen tools stand."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "a checkout"
        self.tools = folder / "bin"
        self.calls = folder / "calls"
        (self.checkout / ".ci").mkdir(parents=True)
        self.tools.mkdir()
        shutil.copy(CHECKOUT / ".ci" / "install", self.checkout / ".ci" / "install")
        for lock in LOCKS:
            (self.checkout / lock).write_text("# nothing\n")
        for name in TOOLS:
            (self.tools / name).symlink_to(str(shutil.which(name)))
        self.tool("uname", "echo Linux")
        self.tool("id", "echo 1000")

    def tool(self, name: str, body: str) -> None:
        path = self.tools / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.calls}"\n{body}\n')
        path.chmod(0o755)

    def has_python_environment(self) -> None:
        python = self.checkout / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)

    def has_all_system_packages(self) -> None:
        self.tool("dpkg-query", "echo installed")

    def has_apt(self, unknown_name: str = "nothing") -> None:
        self.tool("apt-get", "exit 0")
        self.tool("apt-cache", f'[ "$2" != {unknown_name} ]')

    def install(self, purpose: str = "run", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.tools / "sh"), str(self.checkout / ".ci" / "install"), purpose],
            env={"PATH": str(self.tools), "HOME": str(self.checkout), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def called(self, what: str) -> list[str]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if line.startswith(what)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_apt_it_prints_the_list_and_stops(machine: Machine) -> None:
    done = machine.install()
    assert done.returncode == 2
    assert "This system has no apt" in done.stdout
    assert "  libgl1\n" in done.stdout
    assert "  libasound2t64 or libasound2\n" in done.stdout
    assert not (machine.checkout / ".venv").exists()


def test_without_sudo_it_prints_the_list_and_stops(machine: Machine) -> None:
    machine.has_apt()
    done = machine.install("test")
    assert done.returncode == 2
    assert "neither root nor is there sudo" in done.stdout
    assert "  xdotool\n" in done.stdout
    assert machine.called("apt-get") == []


def test_a_sudo_that_says_no_installs_nothing(machine: Machine) -> None:
    machine.has_apt()
    machine.tool("sudo", "exit 1")
    done = machine.install()
    assert done.returncode == 2
    assert "sudo does not let you" in done.stdout
    assert machine.called("apt-get") == []


def test_with_sudo_it_says_each_group_and_why_and_installs_them(machine: Machine) -> None:
    machine.has_apt(unknown_name="libasound2t64")
    machine.has_python_environment()
    machine.tool("sudo", '[ "$1" = -n ] || exec "$@"')
    done = machine.install(DISPLAY=":0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "System packages for the kiosk's window (drawing, touch, sound, speech, clipboard)"
        in done.stdout
    )
    (install,) = machine.called("apt-get install")
    assert " libasound2 " in install, "the name that this system knows"
    assert "libmtdev1t64" in install
    assert "x11vnc" not in install, "there is a display, so no virtual one"


def test_what_the_tests_need_starts_no_service(machine: Machine) -> None:
    machine.has_apt()
    machine.has_python_environment()
    machine.tool("id", "echo 0")
    machine.tool("systemctl", '[ "$1" = mask ]')
    done = machine.install("test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "To have it: sudo systemctl unmask nats-server\n" in done.stdout
    calls = machine.called("")
    masked = [
        calls.index(f"systemctl mask {name}.service") for name in ("nats-server", "prometheus")
    ]
    (install,) = machine.called("apt-get install")
    assert max(masked) < calls.index(install)


@pytest.mark.parametrize("missing", ["xdotool", "prometheus"])
def test_a_service_that_was_there_before_is_left_alone(machine: Machine, missing: str) -> None:
    """Of its package, or a unit of somebody's own."""
    machine.has_apt()
    machine.has_python_environment()
    machine.tool("id", "echo 0")
    machine.tool("dpkg-query", f'[ "$3" = {missing} ] || echo installed')
    machine.tool("systemctl", "exit 0")
    done = machine.install("test")
    assert done.returncode == 0, done.stdout + done.stderr
    (install,) = machine.called("apt-get install")
    assert install.split()[-1] == missing
    assert machine.called("systemctl mask") == []


def test_without_a_display_it_brings_a_virtual_screen(machine: Machine) -> None:
    machine.has_apt()
    machine.has_python_environment()
    machine.tool("id", "echo 0")
    done = machine.install()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a virtual screen shown in your browser" in done.stdout
    assert "x11vnc novnc websockify" in machine.called("apt-get install")[0]


def test_a_second_run_says_and_installs_nothing(machine: Machine) -> None:
    machine.has_all_system_packages()
    machine.has_apt()
    machine.has_python_environment()
    first = machine.install("test")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Python packages into .venv" in first.stdout
    second = machine.install("test")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.called("apt-get") == []


def test_another_lock_file_installs_again(machine: Machine) -> None:
    machine.has_all_system_packages()
    machine.has_python_environment()
    machine.install()
    assert machine.install().stdout == ""
    (machine.checkout / "requirements-kiosk.lock").write_text("# changed\n")
    assert "Python packages into .venv" in machine.install().stdout
    (machine.checkout / "requirements-server.lock").write_text("# changed\n")
    assert "Python packages into .venv" in machine.install().stdout


@pytest.mark.parametrize("use", ["kiosk", "server", "cluster"])
def test_in_the_field_one_use_brings_its_own_packages_alone(machine: Machine, use: str) -> None:
    machine.has_apt()
    machine.has_python_environment()
    machine.tool("id", "echo 0")
    for lock in LOCKS:
        if use not in lock:
            (machine.checkout / lock).write_text("no such thing\n")
    done = machine.install(use)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"exactly those of: requirements-{use}.lock\n" in done.stdout
    system_packages = " ".join(machine.called("apt-get install"))
    assert ("libgl1 " in system_packages) is (use == "kiosk")
    assert "x11vnc" not in system_packages
    assert "xdotool" not in system_packages


def test_the_demo_brings_no_test_tool(machine: Machine) -> None:
    machine.has_all_system_packages()
    machine.has_python_environment()
    (machine.checkout / "requirements.lock").write_text("no such thing\n")
    done = machine.install("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "requirements-kiosk.lock requirements-server.lock" in done.stdout


def test_a_failing_apt_says_where_it_wrote_more(machine: Machine) -> None:
    machine.has_apt()
    machine.tool("id", "echo 0")
    machine.tool("apt-get", "echo 'E: no such mirror'; exit 100")
    done = machine.install()
    assert done.returncode == 1
    assert "E: no such mirror" in done.stdout
    assert "build/install.log" in done.stdout


def test_on_macos_only_wheels_are_used(machine: Machine) -> None:
    machine.tool("uname", "echo Darwin")
    machine.has_python_environment()
    done = machine.install()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Python packages into .venv" in done.stdout
    assert "System packages" not in done.stdout


def test_without_a_python_that_fits_it_says_which(machine: Machine) -> None:
    machine.tool("uname", "echo Darwin")
    machine.tool("python3", "exit 1")
    done = machine.install()
    assert done.returncode == 2
    assert "  python3.13 or python3.12 or python3.11\n" in done.stdout
