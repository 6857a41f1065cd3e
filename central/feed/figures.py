"""How each reader of the feed is doing, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from central.feed.readers import State


class FeedFigures(Collector):
    """Of what `readers.states` said."""

    def __init__(self, states: Sequence[State], now_ms: int) -> None:
        self._states, self._now_ms = states, now_ms

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """The figures, each with the reader's name."""
        labels = ["reader"]
        waiting = GaugeMetricFamily(
            "locker_feed_waiting", "Rows that wait, counted up to 100,000.", labels=labels
        )
        lag = GaugeMetricFamily(
            "locker_feed_lag_seconds", "How long the oldest row waits.", labels=labels
        )
        stopped = GaugeMetricFamily(
            "locker_feed_stopped", "1: nobody read, and nothing is kept any more.", labels=labels
        )
        published = CounterMetricFamily(
            "locker_feed_published", "Documents that were acknowledged.", labels=labels
        )
        dropped = CounterMetricFamily(
            "locker_feed_dropped", "Rows that were deleted unread.", labels=labels
        )
        for each in self._states:
            name = [each.name]
            late_ms = 0 if each.oldest_ms is None else max(0, self._now_ms - each.oldest_ms)
            waiting.add_metric(name, each.waiting)
            lag.add_metric(name, late_ms / 1000)
            stopped.add_metric(name, each.stopped_ms is not None)
            published.add_metric(name, each.published)
            dropped.add_metric(name, each.dropped)
        yield from (waiting, lag, stopped, published, dropped)
