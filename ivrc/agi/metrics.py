"""What the helper counts, for Prometheus; without the library, nothing."""

from __future__ import annotations

from typing import Any

from ivrc.agi.service import Service

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Counters of one server. `render` is their text; without prometheus_client it is empty."""

    def __init__(self) -> None:
        self._registry: Any = None
        try:
            import prometheus_client as prometheus
        except ImportError:
            return
        self._prometheus = prometheus
        self._registry = registry = prometheus.CollectorRegistry()
        self._lookups = prometheus.Counter(
            "ivrc_lookups", "Requests answered, by reason and where the answer came from", ("why", "origin"),
            registry=registry,
        )  # fmt: skip
        self._seconds = prometheus.Histogram(
            "ivrc_lookup_seconds", "From connection to answer", buckets=_BUCKETS, registry=registry
        )
        self._connections = prometheus.Gauge("ivrc_connections", "Connections open now", registry=registry)
        self._refused = prometheus.Counter(
            "ivrc_refused", "Connections that came to nothing", ("reason",), registry=registry
        )
        names = ("crm",)
        self._breaker = prometheus.Gauge("ivrc_crm_down", "1 while a CRM is left alone", names, registry=registry)
        self._cached = prometheus.Gauge("ivrc_cache_entries", "Answers kept", names, registry=registry)
        self._asked = prometheus.Gauge("ivrc_crm_requests", "Requests sent to a CRM", names, registry=registry)

    def answered(self, why: str, origin: str, seconds: float) -> None:
        """A request was answered."""
        if self._registry is not None:
            self._lookups.labels(why, origin).inc()
            self._seconds.observe(seconds)

    def refused(self, reason: str) -> None:
        """A connection was closed without an answer."""
        if self._registry is not None:
            self._refused.labels(reason).inc()

    def connections(self, count: int) -> None:
        """So many are open."""
        if self._registry is not None:
            self._connections.set(count)

    def render(self, service: Service) -> bytes:
        """The page for Prometheus."""
        if self._registry is None:
            return b""
        for (own, country), look in service.lookups.items():
            name = f"{own or 'common'}-{country or 'none'}"
            self._breaker.labels(name).set(look.breaker.wait() > 0)
            self._cached.labels(name).set(len(look.cache))
            self._asked.labels(name).set(look.counts["asked"])
        text: bytes = self._prometheus.generate_latest(self._registry)
        return text
