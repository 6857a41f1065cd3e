"""Runs tests that are coroutines on a loop whose time is virtual, and refuses undeclared events."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import settings

from kiosk.store.writer import Writer
from tests.support.virtual_loop import run_virtually

Writer.refuses_undeclared = True

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
