"""The helper: AGI from anybody, whom an answer may ring, limits, signals."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivrc.agi.protocol import Request, parse_head, quoted
from ivrc.agi.service import Outcome
from ivrc.agi.session import Session, Talk
from ivrc.crm.contact import Contact, Person
from ivrc.crm.directory import Employee, Office
from ivrc.crm.lookup import Found
from ivrc.crm.responsible import decide, render, words
from ivrc.crm.settings import PresenceSettings
from tests.support import examples

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
    assert len(answer.encode()) <= 600


def test_ten_megabytes_of_a_name_are_forty_characters() -> None:
    assert len(words("ы" * 10_000_000)) == 40


@pytest.mark.parametrize(
    "text", [" " * 1_000_000 + "x", "x" + " " * 1_000_000 + "x", "\n \n" * 300_000, ",1" * 500_000]
)
def test_a_million_signs_in_a_phone_hold_nobody_up(text: str) -> None:
    # The square of the length would be hours for each.
    assert line(Person("18", phones=(text,) * 20)) == "1/found/boris/free/////c1/Ivan"


def test_a_line_is_never_long() -> None:
    """Signs of four bytes, and as many phones as there may be."""
    contact = Contact("\U00020000" * 99, "\U00020000" * 99, (), tuple(
        Person(crm_id, phones=tuple(f"+7903765430{index}" for index in range(9))) for crm_id in ("17", "18")
    ))  # fmt: skip
    told, turns = decide(Found("found", contact), OFFICE, PresenceSettings(), CALLER)
    assert 400 < len(render(told, turns, contact).encode()) <= 600


def test_one_employee_found_by_two_ways_is_one() -> None:
    twice = (Person("17", phones=("+79037654301",)), Person("", extension="101", phones=("+79037654302",)))
    assert line(*twice) == "1/found/anna/free/79037654301////c1/Ivan"


# ── the protocol ────────────────────────────────────────────────────────────────────────────────


class Wire:
    """What a session writes."""

    def __init__(self) -> None:
        self.data = b""
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


def session(*pieces: bytes, line: str = "1/hidden////////", eof: bool = True) -> tuple[Talk, Wire]:
    """A session in which these pieces come in, one after the other."""

    async def answer(request: Request, began: float) -> Outcome:
        await asyncio.sleep(0)
        return Outcome(line, "hidden")

    async def run() -> tuple[Talk, Wire]:
        wire = Wire()
        over: asyncio.Future[Talk] = asyncio.get_running_loop().create_future()
        made = Session(answer, lambda _, talk: over.set_result(talk), 60.0)
        made.connection_made(wire)
        for piece in pieces:
            made.data_received(piece)
        if eof:
            made.eof_received()
        return await over, wire

    return asyncio.run(run())


@examples(200)
@given(st.lists(st.binary(max_size=3000) | st.sampled_from([b"agi_x: 1\n", b"\n", b"200 result=1\n"]), max_size=6))
def test_any_bytes_in_any_pieces_come_to_an_end(pieces: list[bytes]) -> None:
    talk, wire = session(*pieces)
    assert wire.ended
    assert talk.trouble or talk.outcome


@pytest.mark.parametrize(
    "head",
    [
        b"\n\n", b"\n\nagi_x: 1\n\n", b"GET / HTTP/1.1\n\n", b"agi_x: " + b"y" * 20_000 + b"\n\n", 
        b"agi_x: 1\n" * 200 + b"\n",
        b"agi_x: 1\n", b"x" * 20_000, b"agi_x: 1\nx\n\n", b"agi_x 1\n\n", b"",
    ],
)  # fmt: skip
def test_what_is_no_request(head: bytes) -> None:
    talk, wire = session(head)
    assert (talk.outcome, talk.trouble, wire.data, wire.ended) == (None, "no request", b"", "aborted")


def test_long_runs_of_blanks_are_read_in_no_time() -> None:
    # The square of the length would be a quarter of a milliard steps for each.
    for _ in range(200):
        assert parse_head(b"agi_uniqueid:y" + b" " * 16_000 + b"y").call.endswith("y")


def test_arguments_in_their_order_whatever_the_encoding() -> None:
    head = b"agi_network_script: responsible\nagi_arg_2: \xff\xd0 \nagi_arg_1: acme\nagi_arg_3: \nagi_arg_5: x"
    request = parse_head(head)
    assert (request.script, request.arguments) == ("responsible", ("acme", "\ufffd\ufffd", ""))


ASKED = b"agi_network_script: x\n\n"


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"200 result=1\n", ""),
        (b"HANGUP\r\n200 result=1\n", ""),
        (b"520-Invalid\nUsage: 200 x\n520 End\n", "no request"),
        (b"510 Invalid\n", "no request"),
        (b"520-Invalid\nUsage\n", "lost"),
        (b"200 resu", "lost"),
        (b"", "lost"),
        (b"x\n" * 10_000, "no request"),
    ],
)
def test_what_asterisk_answers(answer: bytes, trouble: str) -> None:
    talk, wire = session(ASKED, answer, line='a "b" \\ \n c \ud800')
    assert talk.trouble == trouble
    if len(answer) < 1000:
        assert wire.data == b'SET VARIABLE IVRC_FOUND "a \\"b\\" \\\\   c ?"\n'


def test_a_head_byte_by_byte() -> None:
    everything = ASKED + b"200 result=1\n"
    talk, _ = session(*(everything[index : index + 1] for index in range(len(everything))))
    assert talk.trouble == ""


def test_who_has_closed_its_half_may_still_listen() -> None:
    talk, wire = session(ASKED)
    assert wire.data and talk.outcome and talk.trouble == "lost"


@given(st.text())
def test_a_value_stays_on_its_line(text: str) -> None:
    assert "\n" not in quoted(text) and "\r" not in quoted(text)
