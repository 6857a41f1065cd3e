"""The server's key file, whoever else makes one or changes it at the same moment."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from argon2 import extract_parameters

from central import tokens
from tests.support import passwords

AT_ONCE, TIMES = 8, 12


def together(path: Path, work: object) -> list[bytes]:
    """What each of some threads has that begin at the same moment."""
    ready = threading.Barrier(AT_ONCE)

    def run(_: int) -> bytes:
        ready.wait()
        return bytes(work(path))  # type: ignore[operator]

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(run, range(AT_ONCE)))


def test_servers_that_start_at_once_on_a_new_folder_have_one_key(tmp_path: Path) -> None:
    for number in range(TIMES):
        path = tmp_path / f"{number}.key"
        keys = together(path, lambda path: tokens.read(path, may_be_new=True))
        assert set(keys) == {path.read_bytes()}
        assert path.stat().st_mode & 0o777 == 0o600
        assert [each.name for each in tmp_path.glob(f"{number}.*")] == [path.name]


def test_a_key_that_is_changed_by_many_at_once_stays_whole(tmp_path: Path) -> None:
    for number in range(TIMES):
        path = tmp_path / f"{number}.key"
        first = tokens.read(path, may_be_new=True)

        def change(path: Path) -> bytes:
            tokens.begin_change(path)
            return tokens.read(path)

        for key in together(path, change):
            assert key.startswith(first)
        assert tokens.read(path).startswith(first)


def test_what_a_power_cut_left_of_a_key_is_no_part_of_the_next(tmp_path: Path) -> None:
    path = tmp_path / "central.key"
    path.with_name("central.key.part").write_bytes(b"x" * 1000)
    key = tokens.read(path, may_be_new=True)
    assert len(key) == tokens.KEY_BYTES
    assert b"xx" not in key
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_stolen_password_hash_costs_a_guesser_work() -> None:
    """At least what OWASP asks of Argon2id (Password Storage Cheat Sheet): 19 MiB, two rounds."""
    costs = extract_parameters(passwords.OF_THE_PRODUCT.hash("a password"))
    assert costs.memory_cost >= 19 * 1024
    assert costs.time_cost >= 2
    assert costs.parallelism == 1


def test_a_name_that_nobody_has_costs_as_much() -> None:
    nobody = extract_parameters(passwords.NOBODY_OF_THE_PRODUCT)
    somebody = extract_parameters(passwords.OF_THE_PRODUCT.hash("a password"))
    assert dataclasses.replace(nobody, salt_len=somebody.salt_len) == somebody
