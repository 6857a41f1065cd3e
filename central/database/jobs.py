"""A writing operation that was handed in, and the future of its answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


@dataclass(slots=True)
class Job(Generic[T]):
    """One caller's work; its future is done when the work is durable, or failed."""

    operation: Callable[[Connection], T]
    future: Future[T]
    location: str = ""
    """Whose row it locks, where that is known before."""
    may_repeat: bool = False
    """Whether doing it once more, after it was done, is as doing it once."""


class Writer(Protocol):
    """What carries jobs out."""

    def put(self, job: Job[Any]) -> None:
        """Take a job behind the others."""

    def close(self) -> None:
        """Finish what was handed in."""
