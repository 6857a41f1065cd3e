"""A disk that is full or read-only: said on the screen, nothing pulsed, and well again after."""

from __future__ import annotations

import os
import random
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.demo.player import deposit, pickup_by_typing
from kiosk.flows.events import Entered, Pressed
from kiosk.flows.views.choices import Choice, Problem
from kiosk.flows.views.customer import EnterCode, First
from kiosk.flows.views.shared import DoorOpen, Trouble
from kiosk.store.errors import CannotOpenError
from kiosk.store.store import Store
from tests.support.flow_site import LoopClock, Running, World, require_sound, running

KIB = 1024


class Disk:
    """A folder that can be filled to the last byte."""

    def __init__(self, folder: Path, fill: Callable[[], None], free: Callable[[], None]) -> None:
        self.folder, self.fill, self.free = folder, fill, free


def _small_mount(folder: Path) -> Disk | None:
    """A file system of 2 MiB in memory, where this process may mount one."""
    if os.geteuid() != 0:
        return None
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode != 0:
        return None
    ballast = folder / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            for size in (64 * KIB, KIB, 1):
                while True:
                    try:
                        file.write(bytes(size))
                    except OSError:
                        break

    return Disk(folder, fill, ballast.unlink)


def _file_limit(folder: Path) -> Disk:
    """The next best: no file of this process may grow beyond a few bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))

    def free() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return Disk(folder, fill, free)


@pytest.fixture(params=["small disk", "file limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = _small_mount(folder) if request.param == "small disk" else None
    if request.param == "small disk" and mounted is None:
        pytest.skip("this process may not mount a small disk")
    made = mounted or _file_limit(folder)
    yield made
    if mounted is None:
        made.free()
    else:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def try_code(kiosk: Running, code: str) -> Problem:
    """A customer types a code and is shown a trouble."""
    kiosk.player.do(Pressed(Choice.PICK_UP))
    await kiosk.player.until(EnterCode)
    kiosk.player.do(Entered(code))
    trouble = await kiosk.player.until(Trouble)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(First)
    return trouble.problem


async def test_on_a_full_disk_nothing_is_pulsed_and_the_screen_says_so(disk: Disk) -> None:
    world = World(disk.folder)
    async with running(world) as kiosk:
        kiosk.site.steel.close_after_s = 3.0
        await kiosk.announce("P")
        [slot] = await deposit(kiosk.player, "114711", ["P"], scan=None)
        code = await kiosk.code_of("P")
        await kiosk.player.until(First)
        pulses = world.pulses
        disk.fill()
        try:
            assert await try_code(kiosk, code) is Problem.CANNOT_RECORD
            assert await try_code(kiosk, code) is Problem.CANNOT_RECORD
            assert world.pulses == pulses
            assert kiosk.open_doors() == []
        finally:
            disk.free()
        kiosk.player.show(kiosk.kiosk.person.view)  # the first screen, which it waits for
        assert await pickup_by_typing(kiosk.player, code) == slot
        assert world.pulses == pulses + 1
        require_sound(kiosk.kiosk.store)


async def test_a_disk_that_fills_while_a_door_is_open_leaves_the_slot_in_doubt_not_free(
    disk: Disk,
) -> None:
    world = World(disk.folder)
    async with running(world) as kiosk:
        kiosk.site.steel.close_after_s = 3.0
        await kiosk.announce("P")
        [slot] = await deposit(kiosk.player, "114711", ["P"], scan=None)
        code = await kiosk.code_of("P")
        kiosk.site.steel.close_after_s = 10.0
        await kiosk.player.until(First)
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Entered(code))
        await kiosk.player.until(DoorOpen)
        disk.fill()
        try:
            trouble = await kiosk.player.until(Trouble)
            assert trouble.problem is Problem.CANNOT_RECORD
        finally:
            disk.free()
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        record = await kiosk.slot(slot)
        assert record.status == "SUSPECT"
        require_sound(kiosk.kiosk.store)


def test_a_kiosk_on_a_read_only_disk_says_why_it_does_not_start(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    Store(folder / "kiosk.db", LoopClock(), random.Random(1), threaded=False).close()
    if os.geteuid() != 0 or not _mount_read_only(folder):
        pytest.skip("this process may not mount a disk read-only")
    try:
        with pytest.raises(CannotOpenError, match="may this user write to it"):
            Store(folder / "kiosk.db", LoopClock(), random.Random(1), threaded=False)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount_read_only(folder: Path) -> bool:
    for options in (["--bind", str(folder)], ["-o", "remount,bind,ro"]):
        made = subprocess.run(["mount", *options, str(folder)], capture_output=True)
        if made.returncode != 0:
            return False
    return True
