"""The helper: AGI from anybody, whom an answer may ring, limits, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivrc.agi.log import masked
from ivrc.agi.metrics import Metrics
from ivrc.agi.protocol import AgiError, Request, quoted, read_request, set_variable
from ivrc.agi.server import Server
from ivrc.agi.service import Service
from ivrc.crm.contact import Contact, CrmDown, Person
from ivrc.crm.directory import Employee, Office
from ivrc.crm.lookup import Found, Lookup
from ivrc.crm.responsible import decide, render, words
from ivrc.crm.settings import PresenceSettings

ANNA = Employee("anna", "17", "101", ("+79161112233",))
BORIS = Employee("boris", "18", "", ())
OFFICE = Office("acme", "RU", (ANNA, BORIS), frozenset({"+74950000001"}))
CALLER = "+79167000001"


def line(*people: Person, why: str = "found", caller: str = CALLER, **presence: Any) -> str:
    """The answer for a contact with these responsible people."""
    contact = Contact("c1", "Ivan", (caller,), people)
    found = Found(why, contact if why == "found" else None)
    told, turns = decide(found, OFFICE, PresenceSettings(**presence), caller)
    return render(told, turns, found.contact)


# ── whom an answer may ring ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("person", "presence", "expected"),
    [
        (Person("17"), {}, "anna/free/79161112233"),
        (Person("17"), {"busy": "ring"}, "anna/waiting/79161112233"),
        (Person("17"), {"busy": "pass"}, "anna/pass/79161112233"),
        (Person("17"), {"asterisk": False}, "anna/any/79161112233"),
        (Person("17", at_work=False), {}, "anna/no/79161112233"),
        (Person("17", at_work=False), {"crm": False}, "anna/free/79161112233"),
        (Person("17", at_work=True), {}, "anna/free/79161112233"),
        (Person("x", extension="101"), {}, "anna/free/79161112233"),
        (Person("boris"), {}, "boris/free/"),
        (Person("17", phones=("8 903 765-43-21, +7 903 765-43-22",)), {}, "anna/free/79037654321-79037654322"),
        (Person("99", phones=("8 903 765-43-21",)), {}, "//79037654321"),
    ],
)
def test_who_is_rung_and_how(person: Person, presence: dict[str, Any], expected: str) -> None:
    assert line(person, **presence) == f"1/found/{expected}////c1/Ivan"


@pytest.mark.parametrize(
    "phone",
    [
        "101", "123-45-67", "", "x", CALLER, "+7 495 000-00-01", "8 809 505-12-34", "+1 900 555 1234", "+7 916",
        "9" * 400, "${SHELL(x)}", "PJSIP/x&Local/y@z",
    ],
)  # fmt: skip
def test_numbers_that_are_never_rung(phone: str) -> None:
    assert line(Person("18", phones=(phone,))) == "1/found/boris/free/////c1/Ivan"


def test_phones_are_at_most_five_each_once() -> None:
    phones = tuple(f"+7903765430{i}" for i in (1, 1, 2, 3, 4, 5, 6, 7))
    assert line(Person("18", phones=phones)).split("/")[4] == "-".join(f"7903765430{i}" for i in range(1, 6))


def test_second_and_reasons() -> None:
    assert line(Person("17"), Person("18")) == "1/found/anna/free/79161112233/boris/free//c1/Ivan"
    assert line(Person("17"), Person("17")) == "1/found/anna/free/79161112233////c1/Ivan"
    assert line(Person("99"), Person("18")).startswith("1/found////boris/free/")
    assert line() == "1/unassigned///////c1/Ivan"
    assert line(Person("99")) == "1/stranger///////c1/Ivan"
    assert line(why="down") == "1/down////////"


@given(
    st.lists(
        st.builds(
            Person, st.text(max_size=30), st.text(), st.lists(st.text(max_size=40)).map(tuple), st.text(max_size=9)
        ),
        max_size=3,
    ),
    st.text(),
    st.text(),
)
def test_nothing_of_the_crms_but_words_and_digits_gets_through(people: list[Person], contact: str, name: str) -> None:
    told, turns = decide(Found("found", Contact(contact, name, (), tuple(people))), OFFICE, PresenceSettings(), CALLER)
    answer = render(told, turns, Contact(contact, name))
    parts = answer.split("/")
    assert len(parts) == 10
    assert {parts[2], parts[5]} <= {"", "anna", "boris"}
    assert all(re.fullmatch(r"[0-9-]*", parts[index]) for index in (4, 7))
    assert re.fullmatch(r"[\w .-]{0,40}", parts[8]) and re.fullmatch(r"[\w .-]{0,40}", parts[9])
    assert len(answer.encode()) < 800


def test_ten_megabytes_of_a_name_are_forty_characters() -> None:
    assert len(words("ы" * 10_000_000)) == 40


# ── the protocol ────────────────────────────────────────────────────────────────────────────────


def fed(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=4096)
    reader.feed_data(data)
    reader.feed_eof()
    return reader


class Sink:
    """What is written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        pass


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=6000))
def test_any_bytes_are_a_request_or_an_agi_error(data: bytes) -> None:
    async def read() -> None:
        with contextlib.suppress(AgiError):
            await read_request(fed(data))

    asyncio.run(read())


@pytest.mark.parametrize(
    "head",
    [b"\n", b"GET / HTTP/1.1\r\n\r\n", b"agi_x: " + b"y" * 5000 + b"\n\n", b"agi_x: 1\n" * 200 + b"\n", b"agi_x: 1\n"],
)
def test_what_is_no_request(head: bytes) -> None:
    async def read() -> None:
        with pytest.raises(AgiError):
            await read_request(fed(head))

    asyncio.run(read())


def test_arguments_in_their_order_whatever_the_encoding() -> None:
    head = b"agi_network_script: responsible\nagi_arg_2: \xff\xd0\nagi_arg_1: acme\nagi_callerid: 1\n\n"

    async def read() -> Request:
        return await read_request(fed(head))

    request = asyncio.run(read())
    assert (request.script, request.arguments[0]) == ("responsible", "acme")


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (b"200 result=1\n", True),
        (b"HANGUP\n200 result=1\n", True),
        (b"520-Invalid\nUsage\n520 End\n", False),
        (b"510 Invalid\n", False),
        (b"", False),
    ],
)
def test_what_asterisk_answers(answer: bytes, taken: bool) -> None:
    async def run() -> bytes:
        sink = Sink()
        await set_variable(fed(answer), sink, "X", 'a "b" \\ \n c')
        return sink.data

    if not taken:
        with pytest.raises(AgiError):
            asyncio.run(run())
        return
    assert asyncio.run(run()) == b'SET VARIABLE X "a \\"b\\" \\\\   c"\n'


@given(st.text())
def test_a_value_stays_on_its_line(text: str) -> None:
    assert "\n" not in quoted(text) and "\r" not in quoted(text)


# ── the server ──────────────────────────────────────────────────────────────────────────────────


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
        server = Server(service, Metrics())
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
        assert not service.reload()
        assert service.settings.crm is not None
        (tmp_path / "manifest.json").write_text("{")
        config(tmp_path, 'deadline = "1s"\n')
        assert service.reload()
        assert service.settings.agi.deadline == 1.0
        assert "acme" in service.offices

    asyncio.run(run())


@pytest.mark.parametrize(("number", "shown"), [("+79161234567", "+7916***67"), ("101", "***"), ("", "")])
def test_numbers_in_the_log_are_masked(number: str, shown: str) -> None:
    assert masked(number) == shown


# ── the processes ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    config(tmp_path)
    (tmp_path / "contacts.csv").write_text("id,name,phone,responsible\nc1,Ivan,+79167000001,17\n")
    command = [sys.executable, "-m", "ivrc", "crm", "import", "contacts.csv", "--book", "b.sqlite", "--country", "RU"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    yield tmp_path


def test_one_call_on_stdin_loads_nothing_of_the_compiler(place: Path) -> None:
    code = """
import os, sys
from ivrc.agi import cli
left = os._exit
HEAVY = {"click", "lark", "jinja2", "aiohttp", "sqlalchemy", "ivrc.pipeline", "ivrc.parser", "ivrc.lower"}
def out(code):
    print(sorted(HEAVY & set(sys.modules)), file=sys.stderr, flush=True)
    sys.stdout.flush()
    left(code)
os._exit = out
cli.main(["run", "responsible", "acme", "+79167000001", "2000"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        input=b"agi_uniqueid: 1\n\n200 result=1\n",
        capture_output=True,
        timeout=30,
    )
    assert done.stdout == b'SET VARIABLE IVRC_FOUND "1/found/anna/free/79161112233////c1/Ivan"\n'
    assert done.stderr.splitlines()[-1] == b"[]"


def test_signals_of_a_running_server(place: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "ivrc", "agi", "serve", "--listen", f"127.0.0.1:{port}"],
        cwd=place,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert b"answering" in process.stderr.readline()
    process.send_signal(signal.SIGHUP)
    assert b"the settings are read" in process.stderr.readline()
    (place / "ivrc.toml").write_text("[")
    process.send_signal(signal.SIGHUP)
    assert b"the old ones stay" in process.stderr.readline()
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"agi_network_script: responsible\nagi_arg_1: acme\nagi_arg_2: +79167000001\n\n")
        assert b"/found/anna/" in caller.recv(1000)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stderr.close()


def test_wrong_settings_are_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "ivrc.toml").write_text("[agi]\nlisten = 5\n")
    done = subprocess.run([sys.executable, "-m", "ivrc", "agi", "serve"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "agi.listen" in done.stderr
