"""Counts what came of messages, and how late they went out, for those who watch this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from central.counters import MESSAGE_DELAY_SECONDS, MESSAGES


def count(row: Any, values: Mapping[str, Any]) -> None:
    """Count what came of one try: sent, given up (dead), dropped, or failed and to be tried again.
    A message that waits with nothing wrong is not counted."""
    status = values["status"]
    outcome = "failed" if status == "queued" and values.get("error") else status
    if outcome == "queued":
        return
    MESSAGES.labels(channel=row.channel, outcome=outcome).inc()
    if outcome == "sent":
        delay_s = (values["sent_ms"] - late_since_ms(row)) / 1000
        MESSAGE_DELAY_SECONDS.labels(channel=row.channel).observe(max(0.0, delay_s))


def late_since_ms(row: Any) -> int:
    """When a message should have gone out: when it was due before anything was wrong, however often
    it was put off since."""
    return int(row.due_ms if row.late_since_ms is None else row.late_since_ms)
