"""The two Grafana dashboards, each panel a line: `python -m central.monitoring.dashboards` writes
them beside this file as JSON, which Grafana imports.

Figures of the network are the same at every process: the highest counts. A process's own counters
are added up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
OF: Final = '{region=~"$region"}'
WIDTH: Final = 24
Json = dict[str, Any]
Query = tuple[str, str]
"""An expression, and the legend of its series."""


def panel(kind: str, title: str, queries: list[Query], unit: str = "short", **size: int) -> Json:
    """One panel; `w` of 24 and `h` are its size."""
    targets = [
        {
            "refId": "ABCDEF"[number],
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "instant": kind in ("stat", "table"),
            "range": kind not in ("stat", "table"),
            "format": "table" if kind == "table" else "time_series",
        }
        for number, (expression, legend) in enumerate(queries)
    ]
    return {
        "type": kind,
        "title": title,
        "datasource": SOURCE,
        "targets": targets,
        "gridPos": {"w": size.get("w", 12), "h": size.get("h", 8), "x": 0, "y": 0},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
    }


def stat(title: str, expression: str, unit: str = "short") -> Json:
    """One number."""
    return panel("stat", title, [(expression, "")], unit, w=4, h=4)


def graph(title: str, *queries: Query, unit: str = "short", **size: int) -> Json:
    """Lines over time."""
    return panel("timeseries", title, list(queries), unit, **size)


def table(title: str, expression: str, unit: str = "short") -> Json:
    """The highest series, one a row."""
    return panel("table", title, [(expression, "")], unit)


def laid_out(panels: list[Json]) -> list[Json]:
    """The panels in rows from left to right, with their numbers."""
    x = y = height = 0
    for number, each in enumerate(panels, 1):
        place = each["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, height = 0, y + height, 0
        place |= {"x": x, "y": y}
        x, height = x + place["w"], max(height, place["h"])
        each["id"] = number
    return panels


def variable(name: str, label: str, kind: str, query: str, **more: Any) -> Json:
    """What is chosen above a dashboard."""
    return {"name": name, "label": label, "type": kind, "query": query, "hide": 0, **more}


def dashboard(uid: str, title: str, variables: list[Json], panels: list[Json]) -> Json:
    """One dashboard."""
    return {
        "uid": uid,
        "title": title,
        "tags": ["lockers"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {
            "list": [variable("datasource", "Data source", "datasource", "prometheus"), *variables]
        },
        "panels": laid_out(panels),
    }


REGION: Final = variable(
    "region",
    "Region",
    "query",
    "label_values(locker:location_taken:ratio, region)",
    datasource=SOURCE,
    refresh=2,
    multi=True,
    includeAll=True,
    allValue=".*",
)

NETWORK: Final = dashboard(
    "lockers-network",
    "Lockers: the network",
    [REGION],
    [
        stat(
            "Heard of within 5 min",
            f"count(time() - locker:location_last_sync:timestamp_seconds{OF} < 300)",
        ),
        stat("Silent", "max(locker_locations_silent)"),
        stat("Slots taken", f"avg(locker:location_taken:ratio{OF})", "percentunit"),
        stat("Locations over 90 %", f"count(locker:location_taken:ratio{OF} > 0.9) or vector(0)"),
        stat(
            "Openings that fail, 15 min",
            f"sum(locker:openings_failed:rate15m{OF}) / sum(locker:openings:rate15m{OF})",
            "percentunit",
        ),
        stat("Events not believed", "max(locker_events_quarantined)"),
        graph(
            "Slots taken, by region",
            (f"avg by (region) (locker:location_taken:ratio{OF})", "{{region}}"),
            (f"quantile(0.95, locker:location_taken:ratio{OF})", "95th percentile"),
            unit="percentunit",
        ),
        graph(
            "Openings a second",
            (f"sum by (region) (locker:openings:rate15m{OF})", "{{region}}"),
            (f"sum by (region) (locker:openings_failed:rate15m{OF})", "{{region}} failed"),
            unit="ops",
        ),
        graph("Packages under way", ("max by (status) (locker_packages)", "{{status}}")),
        graph(
            "Slots by size",
            (
                "sum by (size, state)"
                f" (max by (location, size, state) (locker_location_slots{OF}))",
                "{{size}} {{state}}",
            ),
        ),
        table("Fullest locations", f"topk(20, locker:location_taken:ratio{OF})", "percentunit"),
        table(
            "Longest not heard of",
            f"topk(20, time() - locker:location_last_sync:timestamp_seconds{OF})",
            "s",
        ),
        table(
            "Most failed openings, 24 h",
            "topk(20, max by (location, region)"
            f" (increase(locker_location_openings_failed_total{OF}[24h])) > 0)",
        ),
        table(
            "Most wrong codes and PINs, 24 h",
            "topk(20, max by (location, region)"
            f" (increase(locker_location_refusals_total{OF}[24h])))",
        ),
        table(
            "Boards that do not answer",
            f"topk(20, max by (location, region) (locker_location_boards_away{OF}))",
        ),
        table(
            "Hottest kiosks",
            f"topk(20, max by (location, region) (locker_location_temperature_celsius{OF}))",
            "celsius",
        ),
        graph("Alarms of a day", ("max by (about) (locker_alarms)", "{{about}}"), w=24),
    ],
)

SERVER: Final = dashboard(
    "lockers-server",
    "Lockers: the server",
    [],
    [
        stat("Processes up", 'sum(up{job="central"})'),
        stat("Requests that fail, 5 min", "locker:http_errors:ratio5m", "percentunit"),
        stat("p99 of requests, 5 min", "locker:http_seconds:p99_5m", "s"),
        stat("Messages within 30 s, 1 h", "locker:messages_within_30s:ratio1h", "percentunit"),
        stat("Messages delivered, 1 h", "locker:messages_delivered:ratio1h", "percentunit"),
        stat("Age of the figures", "min(locker_figures_age_seconds)", "s"),
        graph(
            "Requests by route",
            ("topk(10, sum by (route) (rate(locker_http_requests_total[5m])))", "{{route}}"),
            unit="reqps",
        ),
        graph(
            "Requests by status",
            ("sum by (status) (rate(locker_http_requests_total[5m]))", "{{status}}"),
            unit="reqps",
        ),
        graph(
            "How long requests take",
            ("locker:http_seconds:p99_5m", "p99"),
            (
                "histogram_quantile(0.5, sum by (le)"
                ' (rate(locker_http_request_seconds_bucket{route!~".*/wait"}[5m])))',
                "p50",
            ),
            unit="s",
        ),
        graph(
            "How long writes take",
            (
                "histogram_quantile(0.99, sum by (le, instance)"
                " (rate(locker_write_seconds_bucket[5m])))",
                "{{instance}} handed in to durable, p99",
            ),
            (
                "histogram_quantile(0.99, sum by (le, instance)"
                " (rate(locker_transaction_seconds_bucket[5m])))",
                "{{instance}} transaction, p99",
            ),
            unit="s",
        ),
        graph(
            "Writes that wait, transactions tried again",
            ("locker_writes_waiting", "{{instance}} waiting"),
            ("sum(rate(locker_transaction_retries_total[5m]))", "again, a second"),
        ),
        graph(
            "Messages by channel and outcome",
            (
                "sum by (channel, outcome) (rate(locker_messages_total[5m]))",
                "{{channel}} {{outcome}}",
            ),
            unit="ops",
        ),
        graph(
            "From due to sent",
            (
                "histogram_quantile(0.999, sum by (le, channel)"
                " (rate(locker_message_delay_seconds_bucket[15m])))",
                "{{channel}} p99.9",
            ),
            unit="s",
        ),
        graph(
            "Webhooks by outcome, and those that wait or were given up",
            ("sum by (outcome) (rate(locker_webhooks_total[5m]))", "{{outcome}}, a second"),
            ("max by (status) (locker_webhook_outbox)", "{{status}}"),
        ),
        graph(
            "Outbox",
            ("max(locker_outbox_due)", "due"),
            ("max(locker_outbox_late)", "late"),
            ("max(locker_messages_held)", "held back"),
            ("max(locker_commands_waiting)", "commands to kiosks"),
        ),
        graph(
            "Processor",
            ('rate(process_cpu_seconds_total{job="central"}[5m])', "{{instance}} cores"),
        ),
        graph(
            "Memory",
            ('process_resident_memory_bytes{job="central"}', "{{instance}}"),
            unit="bytes",
        ),
        graph(
            "Connections and files",
            ("locker_connections", "{{instance}} connections"),
            ("locker_kiosks_waiting", "{{instance}} kiosks that wait"),
            ('process_open_fds{job="central"}', "{{instance}} files"),
        ),
        graph("Room on the disk", ("locker_disk_free_bytes", "{{instance}}"), unit="bytes"),
        graph(
            "Ceilings run into",
            ("sum by (limit) (rate(locker_limit_reached_total[5m]))", "{{limit}}"),
        ),
        graph("Rows pruned", ("sum by (table) (rate(locker_rows_pruned_total[5m]))", "{{table}}")),
        graph(
            "How long the figures took",
            ("locker_figures_seconds", "{{instance}}"),
            unit="s",
        ),
        graph(
            "Sign-ins",
            ("max(locker_sign_ins_refused)", "refused in a day"),
            ("max(locker_operators_signed_in)", "signed in"),
        ),
        graph("PostgreSQL that takes writes", ("patroni_primary", "{{instance}}")),
        graph(
            "PostgreSQL: how far replicas are behind",
            (
                "scalar(max(patroni_xlog_location))"
                " - (patroni_xlog_replayed_location and patroni_replica == 1)",
                "{{instance}}",
            ),
            unit="bytes",
        ),
    ],
)
DASHBOARDS: Final = (NETWORK, SERVER)


def text_of(board: Json) -> str:
    """A dashboard as it lies in its file."""
    return json.dumps(board, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in DASHBOARDS:
        (HERE / f"{each['uid']}.json").write_text(text_of(each), encoding="utf-8")
