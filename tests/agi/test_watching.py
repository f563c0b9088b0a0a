"""What the helper tells of itself: metrics, health, the log."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from ivrc.agi.log import LONGEST, Log
from ivrc.agi.metrics import Metrics
from ivrc.agi.server import Server
from ivrc.agi.service import Service
from ivrc.agi.status import health, serve_status
from ivrc.crm.lookup import Lookup
from tests.agi.support import Quiet, Scripted, ask, config, down, found_anna, served


async def page(server: Server) -> dict[str, tuple[int, str]]:
    """Status and text of the two pages."""
    runner = await serve_status(server.service, server.metrics, "127.0.0.1", 0)
    port = runner.addresses[0][1]
    told = {}
    try:
        async with ClientSession() as session:
            for name in ("health", "metrics"):
                async with session.get(f"http://127.0.0.1:{port}/{name}") as answer:
                    told[name] = (answer.status, await answer.text())
    finally:
        await runner.cleanup()
    return told


def test_what_is_counted(tmp_path: Path) -> None:
    async def talk(server: Server) -> dict[str, tuple[int, str]]:
        await ask(server)
        await ask(server)
        await ask(server, "")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\n\n")
        await reader.read()
        writer.close()
        # Sessions end when Asterisk's answer has come.
        while server._sessions:
            await asyncio.sleep(0.01)
        return await page(server)

    told = served(tmp_path, found_anna, talk)
    status, text = told["metrics"]
    assert status == 200
    for line in (
        'ivrc_lookups_total{origin="crm",why="found"} 1.0',
        'ivrc_lookups_total{origin="cache",why="found"} 1.0',
        'ivrc_lookups_total{origin="",why="hidden"} 1.0',
        "ivrc_lookup_seconds_count 3.0",
        'ivrc_refused_total{reason="no request"} 1.0',
        "ivrc_connections 0.0",
        'ivrc_crm_requests_total{crm="common-RU"} 1.0',
        'ivrc_cache_entries{crm="common-RU"} 1.0',
        'ivrc_crm_down{crm="common-RU"} 0.0',
        "ivrc_log_lost_total 0.0",
    ):
        assert line in text.splitlines()
    assert told["health"] == (200, json.dumps(health_of(ok=True, cached=1)))


def health_of(*, ok: bool, cached: int = 0, last: str = "") -> dict[str, Any]:
    return {"ok": ok, "offices": 1, "crms": {"common-RU": {"ok": ok, "last": last, "cached": cached}}}


def test_a_crm_that_is_left_alone_is_told(tmp_path: Path) -> None:
    async def talk(server: Server) -> dict[str, tuple[int, str]]:
        for index in range(5):
            await ask(server, f"+7916700000{index}")
        return await page(server)

    told = served(tmp_path, down, talk)
    assert told["health"] == (503, json.dumps(health_of(ok=False, last="down")))
    assert 'ivrc_crm_down{crm="common-RU"} 1.0' in told["metrics"][1]


def test_without_a_manifest_it_is_not_well(tmp_path: Path) -> None:
    file = config(tmp_path)
    (tmp_path / "manifest.json").unlink()
    log = Quiet()
    service = Service(file, log)
    assert health(service)[0] is False
    assert [line[:2] for line in log.lines] == [("error", "the manifest is of no use, what was known stays")]


def test_a_crm_that_is_retired_answers_those_who_wait(tmp_path: Path) -> None:
    async def run() -> str:
        service = Service(config(tmp_path), Quiet())
        go = asyncio.Event()

        async def later(number: str) -> Any:
            await go.wait()
            return await found_anna(number)

        service.lookups["", "RU"] = Lookup(Scripted(later), service.settings.crm, country="RU")
        server = Server(service, Metrics(service))
        await server.start("127.0.0.1", 0)
        asking = asyncio.create_task(ask(server))
        while not service.lookups["", "RU"].counts["asked"]:
            await asyncio.sleep(0.01)
        text = (tmp_path / "ivrc.toml").read_text()
        (tmp_path / "ivrc.toml").write_text(text.replace("b.sqlite", "c.sqlite"))
        assert await service.reload()
        assert not service.lookups
        go.set()
        answer = await asking
        await server.stop()
        await service.close()
        return answer

    assert "/found/anna/" in asyncio.run(run())


def logged(**fields: Any) -> tuple[bytes, Log]:
    reading, writing = os.pipe()
    try:
        log = Log(writing)
        log.warning("looked up", **fields)
        return os.read(reading, 100_000), log
    finally:
        os.close(reading)
        os.close(writing)


@given(st.text(max_size=5000), st.text(max_size=5000))
def test_a_line_of_the_log_is_one_line_of_plain_signs(detail: str, office: str) -> None:
    data, log = logged(detail=detail, office=office, milliseconds=1.5)
    assert data.count(b"\n") == 1 and data.endswith(b"\n")
    assert len(data) <= LONGEST
    assert data.decode().removesuffix("\n").isprintable()
    assert json.loads(data)["milliseconds"] in (1.5, "1.5")
    assert log.lost == 0


def test_a_log_that_nobody_reads_is_counted_not_waited_for() -> None:
    reading, writing = os.pipe()
    log = Log(writing)
    for _ in range(1000):
        log.info("x" * 100)
    assert 0 < log.lost < 1000
    os.close(reading)
    lost = log.lost
    log.info("x")
    assert log.lost == lost + 1
    os.close(writing)
    log.info("x")
    assert log.lost == lost + 2
