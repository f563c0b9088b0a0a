"""The helper's own page: /health for whoever watches it, /metrics for Prometheus."""

from __future__ import annotations

from typing import Any

from ivrc.agi.metrics import Metrics
from ivrc.agi.service import Service


def health(service: Service) -> tuple[bool, dict[str, Any]]:
    """Whether calls can be answered, and what stands in the way: CRMs that are down, a manifest that is not there."""
    crms = {}
    for name, look in service.named_lookups():
        wait = look.breaker.wait()
        crms[name] = {"ok": wait <= 0, "last": look.breaker.last if wait > 0 else "", "cached": len(look.cache)}
    well = bool(service.offices) and all(crm["ok"] for crm in crms.values())
    return well, {"ok": well, "offices": len(service.offices), "crms": crms}


async def serve_status(service: Service, metrics: Metrics, host: str, port: int) -> Any:
    """Start the page; `await …cleanup()` ends it. OSError if the address cannot be had, ImportError without aiohttp."""
    from aiohttp import web

    async def show_health(_: web.Request) -> web.Response:
        well, told = health(service)
        return web.json_response(told, status=200 if well else 503)

    async def show_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": metrics.content_type})

    application = web.Application()
    application.router.add_get("/health", show_health)
    application.router.add_get("/metrics", show_metrics)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
