"""The simulator beside a real Asterisk: the same calls, the same stories, within a stated tolerance of time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from ivrc.simulate import Call, Prepared, run
from ivrc.simulate import journey as j
from ivrc.simulate.call import Message, Press, State
from ivrc.testbed import journey as real
from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.sip_xml import BUSY as REFUSES
from ivrc.testbed.sip_xml import (
    Act,
    Behaviour,
    answers,
    cancel,
    expect_answer,
    expect_refused,
    hangup,
    key,
    pause,
    silent,
    talk,
    wait_hangup,
)
from tests.live.lab import SETTINGS, Lab, MakeLab, number, skip_without_streams
from tests.simulate.support import moment
from tests.support import office_of

pytestmark = pytest.mark.live

# Seconds between the two accounts of one moment. Calls of SIPp begin and answer within tenths of a second.
TOLERANCE = 0.9
PROMPTS = {"welcome": 1.0, "menu": 3.0, "done": 0.5, "wrong": 0.5}
OFFICE = (
    SETTINGS
    + """
employee anna  { extension 10  sip "PJSIP/anna"  mobile "+7 916 111-22-33" }
employee boris { extension 101 sip "PJSIP/boris" }
employee away  { extension 102 sip "PJSIP/away" }
group together at once  { anna boris away }
group turns    in order { away anna boris }
number "+7 495 000-00-01" -> menu
number "+7 495 000-00-02" -> keyed
number "+7 495 000-00-03" -> ring_together
number "+7 495 000-00-04" -> ring_turns
number "+7 495 000-00-05" -> accepted
number "+7 495 000-00-06" -> message
number "+7 495 000-00-07" -> nobody
number "+7 495 000-00-08" -> reached
scenario menu {
    play "welcome"
    branch playing "menu" for 2s retries 1 { 1 { play "done" }  wrong { play "wrong" }  nothing { hangup } }
    play "done"
}
scenario keyed { wait extension for 6s playing "menu"  play "done" }
scenario ring_together { call group together for 3s  play "done" }
scenario ring_turns { call group turns for 2s  play "done" }
scenario accepted { call employee anna for 2s then mobile for 25s confirm  play "done" }
scenario message { voicemail "welcome" for 4s  play "done" }
scenario nobody { call employee away  call employee boris for 2s }
scenario reached { call group turns for 1s  reach anyone for 6s  play "done" }
"""
)


class Case(NamedTuple):
    """One call, for the telephone and for the simulator. (Times of keys count from the answer at 0 s.)"""

    name: str
    number: int
    script: Sequence[Act]
    phones: Mapping[str, Behaviour] = {}
    call: Mapping[str, Any] = {}


OUT = [expect_answer(30), wait_hangup(40)]
MOBILE = "+79161112233"


def pressed(*keys: tuple[str, float]) -> dict[str, Any]:
    return {"presses": tuple(Press(digits, round(at * 1000)) for digits, at in keys)}


def states(**kinds: State) -> dict[str, Any]:
    return {"states": {"away": State("offline"), **kinds}}


CASES = [
    Case("no key", 1, OUT),
    Case("key", 1, [expect_answer(), pause(2.5), key("1"), wait_hangup()], call=pressed(("1", 2.5))),
    Case("key after the audio", 1, [expect_answer(), pause(5), key("1"), wait_hangup()], call=pressed(("1", 5))),
    Case("lost key", 1, [expect_answer(), pause(0.4), key("1"), wait_hangup(30)], call=pressed(("1", 0.4))),
    Case(
        "wrong keys",
        1,
        [expect_answer(), pause(2), key("7"), pause(1.5), key("8"), wait_hangup()],
        call=pressed(("7", 2), ("8", 3.5)),
    ),
    Case("caller leaves", 1, [expect_answer(), pause(2.5), hangup()], call={"hangs_up": 2500}),
    Case("no extension", 2, OUT),
    Case("wrong extension", 2, [expect_answer(), pause(1), key("9"), wait_hangup(30)], call=pressed(("9", 1))),
    Case(
        "short extension",
        2,
        [expect_answer(), pause(1), key("10"), wait_hangup(30)],
        {"anna": answers(0.5, hangup_after=1.0)},
        {**pressed(("10", 1)), **states(anna=State("answers", 500)), "talk": 1000},
    ),
    Case(
        "extension offline",
        2,
        [expect_answer(), pause(1), key("102"), wait_hangup(30)],
        call={**pressed(("102", 1)), **states()},
    ),
    Case("together, nobody", 3, OUT, {"anna": silent(), "boris": REFUSES}, states(boris=State("refuses", 0))),
    Case(
        "together, one",
        3,
        OUT,
        {"anna": silent(), "boris": answers(1.5, hangup_after=1.0)},
        {**states(boris=State("answers", 1500)), "talk": 1000},
    ),
    Case(
        "turns",
        4,
        OUT,
        {"anna": silent(), "boris": answers(1.0, hangup_after=1.0)},
        {**states(boris=State("answers", 1000)), "talk": 1000},
    ),
    Case(
        "machine",
        5,
        OUT,
        {"anna": silent(), "provider": answers(0.5, talk=True)},
        states(**{MOBILE: State("answers", 500, None)}),
    ),
    Case(
        "declined",
        5,
        OUT,
        {"anna": silent(), "provider": answers(0.5, keys="5", keys_after=2.0)},
        states(**{MOBILE: State("answers", 500, None, 2000)}),
    ),
    Case(
        "accepted",
        5,
        [expect_answer(30), pause(1), hangup()],
        {"anna": silent(), "provider": answers(0.5, keys="1", keys_after=2.0)},
        {**states(**{MOBILE: State("answers", 500, 2000)}), "talk": 1000},
    ),
    Case(
        "message", 6, [expect_answer(), pause(2), talk(2), hangup()], call={"message": Message(2560), "hangs_up": 4000}
    ),
    Case("long message", 6, [expect_answer(), talk(9), wait_hangup()], call={"message": Message(20_000)}),
    Case("nobody", 7, [expect_refused(480)], {"boris": silent()}, states()),
    Case("gives up", 7, [pause(1), cancel()], {"boris": silent()}, {**states(), "hangs_up": 1000}),
    Case("reach, nobody", 8, OUT, {"anna": silent(), "boris": silent()}, states()),
]


class Fact(NamedTuple):
    """One thing that happened, and when it began."""

    what: str
    at: float


def prompt(sound: str) -> str:
    return re.sub(r"-(wait)?\d+s$", "", sound.removeprefix("ivrc/lab/"))


def of_the_telephone(journey: real.Journey, caller: str) -> list[Fact]:
    facts = []
    for event in journey.events:
        match event:
            case real.Heard() if event.channel == caller and not event.sound.startswith("music"):
                facts.append(Fact(f"heard {prompt(event.sound)}", event.at))
            case real.Rang() if "@ivrc" not in event.endpoint:
                facts.append(Fact(f"rang {event.endpoint.removesuffix('@provider')}", event.at))
            case real.Talked() if "@ivrc" not in event.endpoint:
                facts.append(Fact(f"talked {event.endpoint.removesuffix('@provider')}", event.at))
            case real.Ended():
                facts.append(Fact("ended", event.at))
            case _:
                pass
    return facts


def of_the_simulator(journey: j.Journey) -> list[Fact]:
    facts = []
    for event in journey.events:
        match event:
            case j.Heard() if event.prompt != "music":
                facts.append(Fact(f"heard {event.prompt.removeprefix('asterisk:')}", event.at / 1000))
            case j.Rang():
                facts.append(Fact(f"rang {event.who}", event.at / 1000))
            case j.Talked():
                facts.append(Fact(f"talked {event.who}", event.at / 1000))
            case j.Ended():
                facts.append(Fact("ended", event.at / 1000))
            case _:
                pass
    return facts


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    phones = ["anna", "boris", PhoneSpec("away", online=False)]
    return make_lab(OFFICE, version="22", prompts=PROMPTS, phones=phones)


@pytest.fixture(scope="module")
def office() -> Prepared:
    return Prepared(office_of(OFFICE), PROMPTS)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_simulator_tells_what_the_telephone_does(lab: Lab, office: Prepared, case: Case) -> None:
    if "message" in case.name:
        skip_without_streams()
    to = number(case.number)
    result, journey = lab.call(to, case.script, case.phones)
    caller = next(event.channel for event in journey.events if isinstance(event, real.Step))
    expected = of_the_telephone(journey, caller)
    told = of_the_simulator(run(office, Call(to, at=moment("2026-03-02 12:00"), **case.call)))
    # Phones that ring together are rung in any order.
    assert sorted(fact.what for fact in told) == sorted(fact.what for fact in expected), (
        told,
        expected,
        result.transcript,
    )
    for fact, seen in zip(sorted(told), sorted(expected), strict=True):
        assert fact.at == pytest.approx(seen.at, abs=TOLERANCE), (told, expected)
