"""Our sources as the tests of the house read them."""

from __future__ import annotations

import ast
import gc
from pathlib import Path


def tree_of(source: str | Path) -> ast.Module:
    """The syntax of this text, or of this file.

    Nothing is collected meanwhile: what goes then may be printed with its traceback, for which
    Python 3.11 parses too, and its parser fails when it is entered a second time
    (https://github.com/python/cpython/issues/106905).
    """
    text = source if isinstance(source, str) else source.read_text(encoding="utf-8")
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        if was_enabled:
            gc.enable()
