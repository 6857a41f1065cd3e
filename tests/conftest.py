"""Runs tests that are coroutines on a loop whose time is virtual, and refuses undeclared events."""

from __future__ import annotations

import gc
import inspect
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

from kiosk.store.writer import Writer
from tests.support import passwords, postgresql
from tests.support.virtual_loop import run_virtually

Writer.refuses_undeclared = True
passwords.cheapen()

gc.disable()  # until all tests are read: they stay, so there is no garbage to look for

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Play a coroutine to its end; any other test is pytest's to call."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run_virtually(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def _databases_dropped() -> Iterator[None]:
    with postgresql.databases_dropped():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of few tests: those are the long ones, and none is to be alone at the
    end. Leave out on PostgreSQL what is about SQLite alone."""
    in_file = Counter(item.path for item in items)
    items.sort(key=lambda item: in_file[item.path])
    for item in items if postgresql.IS_WANTED else ():
        for marker in item.iter_markers("sqlite_only"):
            item.add_marker(pytest.mark.skip(reason=marker.args[0]))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Look for garbage again, but not among the tests; in the process that hands them out, too."""
    gc.freeze()
    gc.enable()
