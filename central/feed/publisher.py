"""What a broker must do to be streamed to, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from central.feed.document import Document


class NotPublishedError(Exception):
    """Not all of a batch is known to be durable where it was sent; all of it is sent again."""


class Publisher(Protocol):
    """Gives documents on."""

    def publish(self, documents: Sequence[Document]) -> None:
        """Returns once all of them are durable there, those of each location in their order.

        Raises `NotPublishedError`; no document of a location is there then without those before.
        """
        ...

    def end(self) -> None:
        """Wait for nothing any more; may be called from another thread."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where documents go. What is printed of it has no credentials."""

    kind: str
    servers: tuple[str, ...]
    """`host:port` of each."""
    name: str
    """The topic, the subject, or the file's path."""
    is_tls: bool
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    credentials_file: Path | None = None
    tls_ca: Path | None = None

    def __str__(self) -> str:
        if self.kind == "file":
            return f"file://{self.name}"
        return f"{self.kind}{'+tls' * self.is_tls}://{','.join(self.servers)}/{self.name}"
