"""How the sync with the server is doing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How the sync is doing, for people."""

    is_reached: bool = False
    """Whether the server answered the last time."""
    last_ms: int | None = None
    """When it last answered, by this kiosk's clock, in milliseconds since 1970 UTC."""
    last_monotonic_ms: int | None = None
    """The same by the clock that nobody sets."""
    queue: int = 0
    """How many events the server does not hold yet."""
    parked: int = 0
    """How many of them it holds in quarantine since this start."""
    clock_offset_ms: int = 0
    silent_after_s: int | None = None
    """After how long the server takes this kiosk for silent; None: it does not say."""
    public_url: str = ""
    """Where people reach its pages; "" where they do not."""
    next_sync_s: float = 0.0
    """How long after its answer it is asked again."""
    message: str = ""
    """Why the server did not answer as it should."""
    url: str = ""
    """Which of the server's addresses answered last, where there are several."""
