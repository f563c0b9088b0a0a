"""The server in this process: answers, limits, clients that do as they like."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ivrc.agi.log import masked
from ivrc.agi.server import Server
from ivrc.agi.service import Service
from tests.agi.support import Quiet, ask, config, down, found_anna, never, served


def test_answers(tmp_path: Path) -> None:
    assert served(tmp_path, found_anna, ask) == 'SET VARIABLE IVRC_FOUND "1/found/anna/free/79161112233////c1/Ivan"\n'
    assert served(tmp_path, down, ask) == 'SET VARIABLE IVRC_FOUND "1/down////////"\n'


@pytest.mark.parametrize(("number", "why"), [("", "hidden"), ("89161112233", "own"), ("101", "unknown")])
def test_callers_that_are_not_asked_for(tmp_path: Path, number: str, why: str) -> None:
    assert f'"1/{why}/' in served(tmp_path, never, lambda server: ask(server, number))


def test_slow_is_told_before_the_time_is_over(tmp_path: Path) -> None:
    began = time.monotonic()
    assert '"1/slow/' in served(tmp_path, never, lambda server: ask(server, milliseconds="400"))
    assert time.monotonic() - began < 5


def test_clients_that_say_nothing_or_nonsense_do_no_harm(tmp_path: Path) -> None:
    async def talk(server: Server) -> str:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        for _ in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.transport.abort()
        for data in (b"\x00" * 9000, b"agi_x: 1\n" * 300, b"GET /\r\n\r\n"):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(data)
            await writer.drain()
        answer = await ask(server)
        for _, writer in silent:
            writer.close()
        return answer

    assert "/found/" in served(tmp_path, found_anna, talk)


def test_no_more_connections_than_allowed(tmp_path: Path) -> None:
    async def talk(server: Server) -> bytes:
        for _ in range(3):
            await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.sleep(0.05)
        reader, _ = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            return await asyncio.wait_for(reader.read(), 5)
        except ConnectionError:
            return b""

    assert served(tmp_path, found_anna, talk, "connections = 3\n") == b""


def test_a_wrong_file_leaves_the_settings(tmp_path: Path) -> None:
    async def run() -> None:
        service = Service(config(tmp_path), Quiet())
        (tmp_path / "ivrc.toml").write_text("[agi]\nlissten = 1\n")
        assert not await service.reload()
        assert service.settings.crm is not None
        (tmp_path / "manifest.json").write_text("{")
        config(tmp_path, 'deadline = "1s"\n')
        assert await service.reload()
        assert service.settings.agi.deadline == 1.0
        assert "acme" in service.offices

    asyncio.run(run())


@pytest.mark.parametrize(("number", "shown"), [("+79161234567", "+7916***67"), ("101", "***"), ("", "")])
def test_numbers_in_the_log_are_masked(number: str, shown: str) -> None:
    assert masked(number) == shown
