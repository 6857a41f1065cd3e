"""What this process counts itself, from its start on; each process of a server has its own.

Every label has few values, all of them written in this program: never a contact, a barcode, or a
path as somebody sent it.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call] # they double the series and say nothing
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

HTTP_REQUESTS: Final = Counter(
    "locker_http_requests",
    "Requests that were answered, by the route's template, method and status.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
HTTP_SECONDS: Final = Histogram(
    "locker_http_request_seconds",
    "From a request's head to the end of its answer, by the route's template.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
    registry=REGISTRY,
)
TRANSACTION_SECONDS: Final = Histogram(
    "locker_transaction_seconds",
    "From the begin of a writing transaction to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
    registry=REGISTRY,
)
WRITE_SECONDS: Final = Histogram(
    "locker_write_seconds",
    "From when a write was handed in to when it was durable, or had failed.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0),
    registry=REGISTRY,
)
TRANSACTION_RETRIES: Final = Counter(
    "locker_transaction_retries",
    "Writing transactions that were tried again, because the database asked for it or was away.",
    registry=REGISTRY,
)
SHOWN: Final = Counter(
    "locker_shown",
    "Answers that only show something, by who gave them: standby or primary; with read_url.",
    ["database"],
    registry=REGISTRY,
)
WRITES_WAITING: Final = Gauge(
    "locker_writes_waiting",
    "Writes that were handed in and are not durable yet.",
    registry=REGISTRY,
)
MESSAGES: Final = Counter(
    "locker_messages",
    "Tries to send a message, by channel and what came of them.",
    ["channel", "outcome"],
    registry=REGISTRY,
)
MESSAGE_DELAY_SECONDS: Final = Histogram(
    "locker_message_delay_seconds",
    "From when a message was first due to when it went out, by channel.",
    ["channel"],
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
    registry=REGISTRY,
)
WEBHOOKS: Final = Counter(
    "locker_webhooks",
    "Tries to send a webhook, by what came of them: sent, failed (tried again), dead.",
    ["outcome"],
    registry=REGISTRY,
)
WEBHOOK_DELAY_SECONDS: Final = Histogram(
    "locker_webhook_delay_seconds",
    "From when a webhook was first due to when it was received.",
    buckets=(0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
    registry=REGISTRY,
)
CONNECTIONS: Final = Gauge(
    "locker_connections", "Connections that are open now.", registry=REGISTRY
)
KIOSKS_WAITING: Final = Gauge(
    "locker_kiosks_waiting", "Kiosks that wait for commands now.", registry=REGISTRY
)
LIMIT_REACHED: Final = Counter(
    "locker_limit_reached", "How often a ceiling was run into.", ["limit"], registry=REGISTRY
)
ROWS_PRUNED: Final = Counter(
    "locker_rows_pruned", "Rows that were deleted for their age.", ["table"], registry=REGISTRY
)
FIGURES_SECONDS: Final = Gauge(
    "locker_figures_seconds",
    "How long this process last took to count the network's figures; 0 where another does it.",
    registry=REGISTRY,
)
