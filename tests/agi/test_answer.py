"""The helper: AGI from anybody, whom an answer may ring, limits, signals."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivrc.agi.protocol import AgiError, Request, quoted, read_request, set_variable
from ivrc.crm.contact import Contact, Person
from ivrc.crm.directory import Employee, Office
from ivrc.crm.lookup import Found
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
