"""A writing operation that was handed in, and the future of its answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


@dataclass(slots=True)
class Job(Generic[T]):
    """One caller's work; its future is done when the work is durable, or failed."""

    operation: Callable[[Connection], T]
    future: Future[T]
