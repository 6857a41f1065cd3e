"""What callers of the store hear: threads and flows, those that gave up, and those that failed."""

from __future__ import annotations

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kiosk.store import meta
from kiosk.store.answers import Answer
from kiosk.store.errors import NotDoneError, RefusedError
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from tests.support.central_server import wait_until
from tests.support.flow_site import LoopClock


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kiosk.db", LoopClock(), random.Random(1))


def write_and_fail(writer: Writer) -> None:
    meta.set_value(writer, "tried", "1")
    raise RefusedError("not so")


def test_what_fails_alone_leaves_nothing_and_the_store_goes_on(store: Store) -> None:
    for _ in range(3):
        with pytest.raises(RefusedError, match="not so"):
            store.submit(write_and_fail).result()
        assert store.submit(meta.value, "tried").result() is None
        store.submit(meta.set_value, "kept", "1").result()
        assert store.submit(meta.value, "kept").result() == "1"
    store.close()


def test_what_fails_among_others_leaves_nothing_and_the_others_are_done(store: Store) -> None:
    gate = threading.Event()
    store.submit(lambda _: gate.wait(20))
    answers: list[Answer[None]] = []
    for number in range(9):
        answers.append(store.submit(meta.set_value, f"kept {number}", "1"))
        answers.append(store.submit(write_and_fail))
    gate.set()
    for number in range(9):
        assert answers[2 * number].exception() is None
        assert isinstance(answers[2 * number + 1].exception(), RefusedError)
        assert store.submit(meta.value, f"kept {number}").result() == "1"
    assert store.submit(meta.value, "tried").result() is None
    store.close()


def test_many_threads_may_wait_for_one_answer(store: Store) -> None:
    gate = threading.Event()

    def ask(_: Writer) -> int:
        gate.wait(20)
        return 7

    answer = store.submit(ask)
    assert not answer.done()
    with ThreadPoolExecutor(5) as waiting:
        heard = [waiting.submit(answer.result) for _ in range(5)]
        gate.set()
        assert [each.result() for each in heard] == [7] * 5
    assert answer.done()
    store.close()


def test_a_flow_hears_what_its_operation_gave_or_why_it_failed(store: Store) -> None:
    async def story() -> None:
        for _ in range(20):
            given = await asyncio.gather(
                store.run(meta.set_value, "a", "1"),
                store.run(write_and_fail),
                store.run(meta.value, "a"),
                return_exceptions=True,
            )
            assert given[0] is None and given[2] == "1"
            assert isinstance(given[1], RefusedError)

    asyncio.run(story())
    store.close()
    with pytest.raises(NotDoneError, match="closed"):
        asyncio.run(store.run(meta.value, "a"))


def test_what_a_flow_handed_in_is_done_though_the_flow_gave_up(store: Store) -> None:
    gate = threading.Event()

    def write(writer: Writer) -> None:
        gate.wait(20)
        meta.set_value(writer, "kept", "1")

    async def story() -> None:
        handing_in = asyncio.create_task(store.run(write))
        await asyncio.sleep(0)
        handing_in.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handing_in
        gate.set()
        assert await store.run(meta.value, "kept") == "1"

    asyncio.run(story())
    store.close()


def test_a_loop_that_is_gone_keeps_nobody_else_from_an_answer(store: Store) -> None:
    gate = threading.Event()
    loop = asyncio.new_event_loop()
    task = loop.create_task(store.run(lambda _: gate.wait(20)))
    loop.run_until_complete(asyncio.sleep(0))
    also = store.submit(meta.set_value, "kept", "1")
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    gate.set()
    also.result()
    wait_until(also.done)
    assert store.submit(meta.value, "kept").result() == "1"
    store.close()
