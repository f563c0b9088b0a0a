"""The helper beside the barest FastAGI server that speaks as many lines: `python bench/agi.py [--quick]`.

Servers, clients and the CRM are processes of their own; the servers are asked in turn, round after round. What a
session costs is told by the clock of the server's process too: sessions a second are those of both sides together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from measure import print_table

TARGET = 0.8
COLUMNS = ["server", "at once", "sessions/s", "of bare", "p50, ms", "p99, ms", "CPU a session, µs"]
# What Asterisk 22 sends for a call.
VARIABLES = {
    "network": "yes", "network_script": "responsible", "request": "agi://127.0.0.1:4573/responsible",
    "channel": "Local/ask@ivrc-acme.lookup-00000001;2", "language": "en", "type": "Local",
    "uniqueid": "1795000000.17", "version": "22.10.1", "callerid": "+79167000001", "calleridname": "unknown",
    "callingpres": "0", "callingani2": "0", "callington": "0", "callingtns": "0", "dnid": "unknown", "rdnis": "unknown",
    "context": "ivrc-acme.lookup", "extension": "ask", "priority": "3", "enhanced": "0.0", "accountcode": "",
    "threadid": "140000000000000", "arg_1": "acme",
}  # fmt: skip
ANSWER = b'SET VARIABLE IVRC_FOUND "1/found/anna/free/79161112233////c1/Ivan"\n'


class Speed(NamedTuple):
    """One client's run: sessions a second, latencies in seconds, and the server's CPU seconds a session."""

    rate: float
    p50: float
    p99: float
    cpu: float


def head(number: str, milliseconds: int = 2000) -> bytes:
    """The head of a session."""
    given = {**VARIABLES, "callerid": number, "arg_2": number, "arg_3": str(milliseconds)}
    return "".join(f"agi_{name}: {value}\n" for name, value in given.items()).encode() + b"\n"


def number(index: int) -> str:
    """A caller's number."""
    return f"+7916{7_000_000 + index}"


# ── the processes ───────────────────────────────────────────────────────────────────────────────


async def bare(port: int) -> None:
    """The barest server: reads the head by lines, says one line, reads the answer."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await reader.readline()).strip():
            pass
        writer.write(ANSWER)
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


async def crm(port: int) -> None:
    """A CRM over HTTP. `POST /mode/well|slow|limit|nonsense|error` says how it answers from then on."""
    from aiohttp import web

    mode = "well"

    async def find(request: web.Request) -> web.Response:
        if mode == "slow":
            await asyncio.sleep(3)
        if mode == "limit":
            return web.Response(status=429, headers={"Retry-After": "1"})
        if mode == "nonsense":
            return web.Response(body=b"\x00<html>" * 1000)
        if mode == "error":
            return web.Response(status=500)
        owner = {"id": "17", "phone": "+7 916 111-22-33"}
        return web.json_response({"id": "c1", "name": "Ivan", "phones": [request.query["n"]], "owner": owner})

    async def change(request: web.Request) -> web.Response:
        nonlocal mode
        mode = request.match_info["mode"]
        return web.Response()

    application = web.Application()
    application.add_routes([web.get("/find", find), web.post("/mode/{mode}", change)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    await asyncio.Event().wait()


def client(port: int, at_once: int, count: int, numbers: int) -> None:
    """So many sessions, so many at once; the latencies and the wrong answers as JSON. Epoll by hand, to be light."""
    heads = [head(number(index)) for index in range(numbers)]
    poll = select.epoll()
    under_way: dict[int, tuple[socket.socket, float]] = {}
    latencies: list[float] = []
    wrong = started = 0

    def start() -> None:
        nonlocal started
        began_at = time.perf_counter()
        channel = socket.create_connection(("127.0.0.1", port))
        channel.sendall(heads[started % numbers])
        under_way[channel.fileno()] = (channel, began_at)
        poll.register(channel, select.EPOLLIN)
        started += 1

    began = time.perf_counter()
    while len(latencies) < count:
        while started < count and len(under_way) < at_once:
            start()
        for descriptor, _ in poll.poll(20):
            channel, began_at = under_way.pop(descriptor)
            wrong += channel.recv(4096) != ANSWER
            latencies.append(time.perf_counter() - began_at)
            channel.sendall(b"200 result=1\n")
            poll.unregister(descriptor)
            channel.close()
    print(json.dumps({"seconds": time.perf_counter() - began, "latencies": latencies, "wrong": wrong}))


# ── setting them up ─────────────────────────────────────────────────────────────────────────────


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as channel:
        channel.bind(("127.0.0.1", 0))
        port: int = channel.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, from when it takes connections until the end of the block."""
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        wait_for(port)
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    """Until somebody listens; an exception if nobody does in 20 s."""
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def myself(*arguments: object) -> list[str]:
    """The command of one of the processes above."""
    return [sys.executable, str(Path(__file__).parent / "agi.py"), *map(str, arguments)]


def settle(folder: Path, port: int, crm_table: str, contacts: int = 100) -> Path:
    """A folder with settings, manifest and contact book; the path of its ivrc.toml."""
    folder.mkdir()
    anna = {"name": "anna", "display": "Anna", "crm": "17", "extension": "101", "mobiles": ["+79161112233"]}
    others = [{"name": f"e{index}", "crm": str(1000 + index), "mobiles": []} for index in range(30)]
    office = {"name": "acme", "country": "RU", "employees": [*others, anna]}
    (folder / "manifest.json").write_text(json.dumps({"numbers": [], "offices": [office]}))
    config = folder / "ivrc.toml"
    config.write_text(
        f'[agi]\nlisten = "127.0.0.1:{port}"\nstatus = ""\nmanifest = "manifest.json"\n\n[crm]\n{crm_table}'
    )
    # One contact with all the numbers, so that every answer is the same line.
    phones = ",".join(number(index) for index in range(contacts))
    (folder / "contacts.csv").write_text(f'id,name,phone,responsible\nc1,Ivan,"{phones}",17\n')
    subprocess.run(
        [sys.executable, "-m", "ivrc", "crm", "import", "contacts.csv", "--book", "book.sqlite", "--country", "RU"],
        cwd=folder, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return config


def http_table(port: int) -> str:
    """[crm] of the CRM over HTTP."""
    return (
        f'kind = "http"\nurl = "http://127.0.0.1:{port}/find?n={{number}}"\n'
        'paths = { phones = "phones", responsible = { id = "owner.id", phones = "owner.phone" } }\n'
    )


# ── measuring ───────────────────────────────────────────────────────────────────────────────────


def cpu_seconds(process: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(process: int, port: int, at_once: int, count: int, numbers: int = 100) -> Speed:
    """A client's run against a server."""
    before = cpu_seconds(process)
    output = subprocess.run(myself("client", port, at_once, count, numbers), check=True, stdout=subprocess.PIPE).stdout
    told = json.loads(output)
    if told["wrong"]:
        sys.exit(f"{told['wrong']} of {count} answers were wrong")
    cuts = quantiles(told["latencies"], n=100)
    return Speed(count / told["seconds"], cuts[49], cuts[98], (cpu_seconds(process) - before) / count)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short, only to see that it works")
    given = parser.parse_args()
    rounds, count, many = (3, 1000, 3000) if given.quick else (7, 3000, 100_000)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrc-bench-")))
        servers = _start(stack, folder)
        speeds: dict[tuple[str, int], deque[Speed]] = {(name, n): deque() for name in servers for n in (1, 50)}
        for round_ in range(-1, rounds):
            for (name, at_once), kept in speeds.items():
                process, port = servers[name]
                speed = measure(process, port, at_once, count if round_ >= 0 else 200)
                if round_ >= 0:
                    kept.append(speed)
        print_table(f"{rounds} rounds of {count} sessions each, medians", COLUMNS, _rows(speeds))
        _memory(servers, many)


def _start(stack: ExitStack, folder: Path) -> dict[str, tuple[int, int]]:
    """Every server by name: process id and port."""
    fresh = '[crm.cache]\nkeep = "0s"\nkeep_unknown = "0s"\n'
    port = free_port()
    servers = {"bare": (stack.enter_context(running(myself("bare", port), port, folder / "log")).pid, port)}
    crm_port = free_port()
    stack.enter_context(running(myself("crm", crm_port), crm_port, folder / "log"))
    book, http = 'kind = "book"\nfile = "book.sqlite"\n', http_table(crm_port)
    tables = {"book, cached": book, "book": book + fresh, "HTTP, cached": http, "HTTP": http + fresh}
    for name, table in tables.items():
        port = free_port()
        config = settle(folder / name.replace(", ", "-"), port, table)
        command = [sys.executable, "-m", "ivrc", "agi", "serve", "--config", str(config)]
        servers[name] = (stack.enter_context(running(command, port, folder / "log")).pid, port)
    return servers


def _rows(speeds: dict[tuple[str, int], deque[Speed]]) -> list[dict[str, str]]:
    rows = []
    for (name, at_once), kept in speeds.items():
        against = median(one.rate / other.rate for one, other in zip(kept, speeds["bare", at_once], strict=True))
        said = f"{against:.2f}"
        if name.endswith("cached"):
            said += f" ({'ok' if against >= TARGET else 'under'}: {TARGET})"
        rows.append(
            {
                "server": name,
                "at once": str(at_once),
                "sessions/s": f"{median(each.rate for each in kept):.0f}",
                "of bare": "" if name == "bare" else said,
                "p50, ms": f"{median(each.p50 for each in kept) * 1000:.2f}",
                "p99, ms": f"{median(each.p99 for each in kept) * 1000:.2f}",
                "CPU a session, µs": f"{median(each.cpu for each in kept) * 1e6:.0f}",
            }
        )
    return rows


def _memory(servers: dict[str, tuple[int, int]], many: int) -> None:
    """What a server holds after a tenth of the look-ups and after all."""
    rows: list[dict[str, Any]] = []
    for name in ("book, cached", "HTTP"):
        process, port = servers[name]
        sizes = []
        for count in (many // 10, many - many // 10):
            measure(process, port, 50, count)
            sizes.append(resident(process))
        rows.append({"server": name, "after a tenth, MB": f"{sizes[0]:.1f}", "after all, MB": f"{sizes[1]:.1f}"})
    print_table(f"Memory over {many:,} look-ups", ["server", "after a tenth, MB", "after all, MB"], rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        client(*map(int, sys.argv[2:]))
    elif sys.argv[1:2] in (["bare"], ["crm"]):
        asyncio.run({"bare": bare, "crm": crm}[sys.argv[1]](int(sys.argv[2])))
    else:
        main()
