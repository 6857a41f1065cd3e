"""Figures: percentiles of samples, in the form in which the bench reports them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Figures = dict[str, Any]
"""What goes into the JSON: numbers, or mappings of them."""


def percentile(samples: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was really measured."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def milliseconds(samples_s: Sequence[float]) -> Figures:
    """p50 and p99 in milliseconds, and of how many samples."""
    return {
        "p50": round(percentile(samples_s, 50) * 1000, 3),
        "p99": round(percentile(samples_s, 99) * 1000, 3),
        "samples": len(samples_s),
    }


def timed(work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> tuple[T, float]:
    """What the work gives, and the seconds it took."""
    begin_s = time.perf_counter()
    result = work(*arguments, **options)
    return result, time.perf_counter() - begin_s
