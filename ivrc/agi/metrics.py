"""What the helper counts, for Prometheus; without the library, nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivrc.agi.service import Service

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Counters of one server. `render` is their text; without prometheus_client it is empty."""

    content_type = "text/plain; charset=utf-8"

    def __init__(self, service: Service) -> None:
        self._registry: Any = None
        self._children: dict[tuple[str, str], Any] = {}
        try:
            import prometheus_client as prometheus
        except ImportError:
            return
        self._prometheus = prometheus
        self.content_type = prometheus.CONTENT_TYPE_LATEST
        self._registry = registry = prometheus.CollectorRegistry()
        self._lookups = prometheus.Counter(
            "ivrc_lookups", "Requests answered, by reason and where the answer came from", ("why", "origin"),
            registry=registry,
        )  # fmt: skip
        self._seconds = prometheus.Histogram(
            "ivrc_lookup_seconds", "From connection to answer", buckets=_BUCKETS, registry=registry
        )
        self._refused = prometheus.Counter(
            "ivrc_refused", "Connections that came to nothing", ("reason",), registry=registry
        )
        registry.register(_Now(service))

    def answered(self, why: str, origin: str, seconds: float) -> None:
        """A request was answered."""
        if self._registry is None:
            return
        child = self._children.get((why, origin))
        if child is None:
            child = self._children[why, origin] = self._lookups.labels(why, origin)
        child.inc()
        self._seconds.observe(seconds)

    def refused(self, reason: str) -> None:
        """A connection was closed without an answer, or Asterisk did not take it."""
        if self._registry is not None:
            self._refused.labels(reason).inc()

    def render(self) -> bytes:
        """The page for Prometheus."""
        if self._registry is None:
            return b""
        text: bytes = self._prometheus.generate_latest(self._registry)
        return text


class _Now:
    """How things stand, read when the page is."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        open_now = GaugeMetricFamily("ivrc_connections", "Connections open now", self._service.sessions)
        down = GaugeMetricFamily("ivrc_crm_down", "1 while a CRM is left alone", labels=("crm",))
        cached = GaugeMetricFamily("ivrc_cache_entries", "Answers kept", labels=("crm",))
        asked = CounterMetricFamily("ivrc_crm_requests", "Requests sent to a CRM", labels=("crm",))
        for name, look in self._service.named_lookups():
            down.add_metric((name,), float(look.breaker.wait() > 0))
            cached.add_metric((name,), len(look.cache))
            asked.add_metric((name,), look.counts["asked"])
        lost = CounterMetricFamily("ivrc_log_lost", "Lines of the log that nobody took", self._service.log.lost)
        yield from (open_now, down, cached, asked, lost)
