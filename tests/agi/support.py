"""What tests of the helper share: CRMs that do as told, folders with settings, a server for the time of a talk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ivrc.agi.metrics import Metrics
from ivrc.agi.server import Server
from ivrc.agi.service import Service
from ivrc.crm.contact import Contact, CrmDown, Person
from ivrc.crm.lookup import Lookup


class Scripted:
    """A CRM that does as told."""

    def __init__(self, work: Callable[[str], Awaitable[list[Contact]]]) -> None:
        self._work = work

    async def find(self, number: str) -> list[Contact]:
        return await self._work(number)

    async def check(self) -> str:
        return ""

    async def close(self) -> None:
        pass


class Quiet:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lost = 0
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda event, **fields: self.lines.append((level, event, fields))


def manifest(folder: Path) -> Path:
    employees = [{"name": "anna", "display": "Anna", "crm": "17", "extension": "101", "mobiles": ["+79161112233"]}]
    office = {"name": "acme", "country": "RU", "employees": employees}
    path = folder / "manifest.json"
    path.write_text(json.dumps({"numbers": [], "offices": [office]}))
    return path


def config(folder: Path, more: str = "") -> Path:
    manifest(folder)
    path = folder / "ivrc.toml"
    path.write_text(
        '[agi]\nlisten = "127.0.0.1:0"\nstatus = ""\nmanifest = "manifest.json"\n' + more + '[crm]\nfile = "b.sqlite"\n'
    )
    return path


async def found_anna(number: str) -> list[Contact]:
    return [Contact("c1", "Ivan", (number,), (Person("17"),))]


async def never(_: str) -> list[Contact]:
    await asyncio.sleep(60)
    return []


async def down(_: str) -> list[Contact]:
    raise CrmDown("no connection")


def served(
    folder: Path,
    work: Callable[[str], Awaitable[list[Contact]]],
    talk: Callable[[Server], Awaitable[Any]],
    more: str = "",
) -> Any:
    """Run a server with this CRM while `talk` goes on."""

    async def run() -> Any:
        service = Service(config(folder, more), Quiet())
        service.lookups[("", "RU")] = Lookup(Scripted(work), service.settings.crm, country="RU")
        server = Server(service, Metrics(service))
        await server.start("127.0.0.1", 0)
        try:
            return await talk(server)
        finally:
            await server.stop()
            await service.close()

    return asyncio.run(run())


async def ask(server: Server, number: str = "+79167000001", milliseconds: str = "2000") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"agi_network_script: responsible\nagi_arg_1: acme\nagi_arg_2: {number}\nagi_arg_3: {milliseconds}\n\n"
    writer.write(head.encode())
    answer = (await reader.readline()).decode()
    writer.write(b"200 result=1\n")
    writer.close()
    return answer
