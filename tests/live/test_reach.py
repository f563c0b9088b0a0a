"""`reach anyone`: whoever of the people above becomes free, first come first served."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ivrc.testbed.ami import Event
from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.journey import Rang
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.sip import Caller, CallResult, Phone
from ivrc.testbed.sip_xml import answers, expect_answer, hangup, pause, silent, wait_hangup
from tests.live.lab import SETTINGS, Lab, MakeLab, number
from tests.live.scripted_helper import ScriptedHelper

pytestmark = pytest.mark.live

PORT = take_ports()
OFFICE = (
    SETTINGS.replace("office lab", f'office lab  helper "127.0.0.1:{PORT}"')
    + """
employee anna  { sip "PJSIP/anna" }
employee boris { sip "PJSIP/boris" }
employee vera  { sip "PJSIP/vera" }
employee gleb  { crm "20" sip "PJSIP/gleb" }
employee lost  { sip "PJSIP/lost" }
group three at once { anna boris vera }

number "+7 495 000-00-01" -> three
number "+7 495 000-00-02" -> short
number "+7 495 000-00-03" -> with_manager
number "+7 495 000-00-04" -> other
number "+7 495 000-00-05" -> nobody
number "+7 495 000-00-06" -> alike
number "+7 495 000-00-07" -> mixed
scenario three { when mon-sun 00:00-00:01 { call group three for 1s }  reach anyone for 60s  play "done" }
scenario short { when mon-sun 00:00-00:01 { call employee anna for 1s }  reach anyone for 4s  play "done" }
scenario with_manager { call responsible { desk for 1s no mobile }  reach anyone for 4s  play "done" }
scenario other { when mon-sun 00:00-00:01 { call employee anna for 1s }  reach anyone for 60s  play "done" }
scenario alike { when mon-sun 00:00-00:01 { call employee anna for 1s }  reach anyone for 60s  play "done" }
scenario mixed {
    when mon-sun 00:00-00:01 { call employee anna for 1s }
    call responsible { desk for 1s no mobile }
    reach anyone for 20s
    play "done"
}
scenario nobody { call employee lost for 1s  reach anyone for 3s  play "done" }
"""
)
PHONES = ["anna", "boris", "vera", "gleb", PhoneSpec("lost", online=False)]


@pytest.fixture(scope="module")
def helper() -> Iterator[ScriptedHelper]:
    with ScriptedHelper(PORT) as helper:
        yield helper
    give_back(PORT)


@pytest.fixture(scope="module", params=["22", "16"])
def lab(request: pytest.FixtureRequest, make_lab: MakeLab, helper: ScriptedHelper) -> Lab:
    # At noon: the hours in the scenarios above are only there to name people without ringing them.
    return make_lab(
        OFFICE, version=request.param, prompts={"done": 0.4}, phones=PHONES, faketime="@2026-11-23 09:00:00"
    )


def test_loads_without_a_warning(lab: Lab) -> None:
    assert lab.asterisk.warnings() == []


def test_rings_one_who_is_free_while_the_caller_hears_music(lab: Lab) -> None:
    phones = {"anna": answers(1.0), "boris": answers(1.0), "vera": answers(1.0)}
    seen = len(lab.watch.events)
    result, journey = lab.call(number(1), [expect_answer(5), pause(3.0), hangup()], phones)
    assert result.ok, result.transcript
    assert len([name for name in journey.rang if name in phones]) == 1, "one rings, not all"
    assert any(event.get("Event") == "MusicOnHoldStart" for event in lab.watch.events[seen:])


def test_passes_when_the_time_is_over_to_the_second(lab: Lab) -> None:
    result, journey = lab.call(number(2), [expect_answer(5), wait_hangup(15)], {"anna": silent()})
    assert result.ok, result.transcript
    assert [sound for sound in journey.heard if sound != "music default"] == ["ivrc/lab/done"]
    queue = next(step.at for step in journey.steps if step.app == "Queue")
    done = next(step.at for step in journey.steps if step.app == "Playback")
    assert 3.9 < done - queue < 5.0


def test_offline_people_are_not_rung(lab: Lab) -> None:
    result, journey = lab.call(number(5), [expect_answer(5), wait_hangup(15)])
    assert result.ok, result.transcript
    assert journey.rang == []
    assert [sound for sound in journey.heard if sound != "music default"] == ["ivrc/lab/done"]


def times(events: list[Event], what: str, channel: str, names: tuple[str, ...]) -> list[float]:
    """When such an event came for one of these phones, by Asterisk's clock."""
    return [
        float(event["Timestamp"])
        for event in events
        if event.get("Event") == what and event.get(channel, "").startswith(tuple(f"PJSIP/{name}-" for name in names))
    ]


def served(lab: Lab, since: int, count: int) -> list[str]:
    """The callers of the next so many conversations, in their order."""
    until = time.monotonic() + 5
    while True:
        found = [event["CallerIDNum"] for event in lab.watch.events[since:] if event.get("Event") == "AgentConnect"]
        if len(found) >= count or time.monotonic() > until:
            assert len(found) == count
            return found
        time.sleep(0.05)


def joined(lab: Lab, caller: str, since: int) -> None:
    """Wait until a caller waits."""
    lab.watch.wait_event(
        lambda event: event.get("Event") == "QueueCallerJoin" and event["CallerIDNum"] == caller, 20, since
    )


def bridged(lab: Lab, name: str, since: int) -> float:
    """When a phone next has a conversation, by Asterisk's clock."""
    event = lab.watch.wait_event(
        lambda event: event.get("Event") == "BridgeEnter" and f"PJSIP/{name}-" in event.get("Channel", ""), 20, since
    )
    return float(event["Timestamp"])


def test_one_who_becomes_free_is_rung_within_a_second(lab: Lab) -> None:
    """Anna talks to a first caller for 4 s; a second one waits for her."""
    with Phone(lab.asterisk, "anna", answers(0.2)) as anna:
        seen = len(lab.watch.events)
        first = Caller(
            lab.asterisk, to=number(4), script=[expect_answer(), pause(4.0), hangup()], from_="+79160000101"
        ).start()
        bridged(lab, "anna", seen)
        second = Caller(
            lab.asterisk, to=number(4), script=[expect_answer(), pause(6.0), hangup()], from_="+79160000102"
        ).start()
        assert first.wait().ok
        assert second.wait().ok
        calls = anna.calls
    assert len(calls) == 2, "while she talked she was not rung"
    journey = lab.watch.journey(lab.watch.calls("+79160000102")[-1])
    free = times(lab.watch.events[seen:], "Hangup", "Channel", ("anna",))
    rang = times(lab.watch.events[seen:], "DialBegin", "DestChannel", ("anna",))
    assert 0.0 <= rang[1] - free[0] < 1.3
    assert "anna" in journey.talked


def test_a_caller_who_leaves_is_forgotten_at_once(lab: Lab) -> None:
    result, _ = lab.call(number(2), [expect_answer(5), pause(1.0), hangup()], {"anna": silent()})
    assert result.ok, result.transcript
    lab.await_idle(1.0)
    assert "No Callers" in lab.asterisk.cli("queue show ivrc-lab-short-reach")


def test_twenty_callers_for_three_people_in_their_order(lab: Lab) -> None:
    """Each of three talks for a second and is free again; nobody overtakes."""
    lock = threading.Lock()
    seen = len(lab.watch.events)
    results: list[CallResult] = []

    def call(index: int) -> None:
        script = [expect_answer(), wait_hangup(50)]
        result = Caller(lab.asterisk, to=number(1), script=script, from_=f"+791600002{index:02}").run()
        with lock:
            results.append(result)

    # The people hang up after 0.8 s: so they are free again, one by one.
    with (
        Phone(lab.asterisk, "anna", answers(0.2, hangup_after=0.8)),
        Phone(lab.asterisk, "boris", answers(0.2, hangup_after=1.0)),
        Phone(lab.asterisk, "vera", answers(0.2, hangup_after=1.2)),
    ):
        threads = []
        for index in range(20):
            threads.append(threading.Thread(target=call, args=(index,)))
            threads[-1].start()
            time.sleep(0.12)
        for thread in threads:
            thread.join()
    assert all(result.ok for result in results), [result.transcript for result in results if not result.ok][:1]
    order = served(lab, seen, 20)
    came = [event["CallerIDNum"] for event in lab.watch.events[seen:] if event.get("Event") == "QueueCallerJoin"]
    assert sorted(order) == sorted(came) == [f"+791600002{index:02}" for index in range(20)], "each talked to somebody"
    # Each looks for themselves once a second, in the order of the line: nobody waits for longer than that while another
    # who came later is rung for.
    rung: dict[str, float] = {}
    for event in lab.watch.events[seen:]:
        if event.get("Event") == "AgentCalled":
            rung.setdefault(event["CallerIDNum"], float(event["Timestamp"]))
    late = {caller: rung[caller] - min(rung[later] for later in came[index:]) for index, caller in enumerate(came)}
    assert max(late.values()) < 1.3, late
    # Whoever has become free is rung within a second (bench/reach.py), and what a busy machine takes.
    after: dict[str, list[float]] = {}
    for name in ("anna", "boris", "vera"):
        frees = times(lab.watch.events[seen:], "Hangup", "Channel", (name,))
        rings = times(lab.watch.events[seen:], "DialBegin", "DestChannel", (name,))
        after[name] = [ring - free for free, ring in zip(frees, rings[1:], strict=False)]
    assert sum(map(len, after.values())) == 17
    assert all(0.0 <= seconds < 1.3 for each in after.values() for seconds in each), after


def test_the_manager_of_the_call_takes_part_and_only_for_that_call(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79160000301"] = "1/found/gleb/no//////c/N"
    helper.replies["+79160000302"] = "1/unknown"
    with Phone(lab.asterisk, "gleb", answers(0.5)):
        other = Caller(lab.asterisk, to=number(7), script=[expect_answer(), pause(4.0), hangup()], from_="+79160000302")
        mine = Caller(lab.asterisk, to=number(3), script=[expect_answer(), pause(3.0), hangup()], from_="+79160000301")
        other.start()
        time.sleep(0.5)
        mine.start()
        assert mine.wait().ok
        assert other.wait().ok
    assert "gleb" in lab.watch.journey(lab.watch.calls("+79160000301")[-1]).talked
    others = lab.watch.journey(lab.watch.calls("+79160000302")[-1])
    assert "gleb" not in [*others.talked, *others.rang]
    assert lab.asterisk.warnings() == []


def test_a_manager_is_rung_though_others_wait_before_for_other_people(lab: Lab, helper: ScriptedHelper) -> None:
    """Anna is busy, two wait for her; the caller whose manager is free comes last and is served at once.

    One who waits before, whose manager is offline, keeps the place in the line for Anna.
    """
    helper.replies["+79160000311"] = "1/unknown"
    helper.replies["+79160000312"] = "1/found/lost/no//////c/N"
    helper.replies["+79160000313"] = "1/unknown"
    helper.replies["+79160000314"] = "1/found/gleb/no//////c/N"
    with Phone(lab.asterisk, "anna", answers(0.1, hangup_after=2.5)), Phone(lab.asterisk, "gleb", answers(0.2)):
        seen = len(lab.watch.events)
        callers = [
            Caller(
                lab.asterisk,
                to=number(7),
                script=[expect_answer(), pause(1.0), hangup()] if last == 314 else [expect_answer(), wait_hangup(40)],
                from_=f"+79160000{last}",
            )
            for last in (311, 312, 313, 314)
        ]
        callers[0].start()
        bridged(lab, "anna", seen)
        for last, caller in zip((312, 313), callers[1:], strict=False):
            caller.start()
            joined(lab, f"+79160000{last}", seen)
        callers[-1].start()
        results = [caller.wait() for caller in callers]
    assert [result.transcript for result in results if not result.ok] == []
    assert served(lab, seen, 4) == ["+79160000311", "+79160000314", "+79160000312", "+79160000313"]
    journey = lab.watch.journey(lab.watch.calls("+79160000314")[-1])
    assert "gleb" in journey.talked
    began = next(step.at for step in journey.steps if step.app == "Dial" and "reach-manager" in step.data)
    rang = next(event.at for event in journey.events if isinstance(event, Rang) and event.endpoint == "gleb")
    assert rang - began < 1.0


def test_callers_of_one_manager_are_served_in_their_order(lab: Lab, helper: ScriptedHelper) -> None:
    callers = [f"+7916000032{last}" for last in range(4)]
    helper.replies.update(dict.fromkeys(callers, "1/found/gleb/no//////c/N"))
    with Phone(lab.asterisk, "gleb", answers(0.1, hangup_after=0.5)):
        seen = len(lab.watch.events)
        waiting = []
        for index, caller in enumerate(callers):
            # From two scenarios.
            script = [expect_answer(), wait_hangup(40)]
            waiting.append(Caller(lab.asterisk, to=number(7 if index % 2 else 3), script=script, from_=caller).start())
            joined(lab, caller, seen)
        assert all(caller.wait().ok for caller in waiting)
    assert served(lab, seen, 4) == callers


def test_a_caller_with_a_manager_keeps_the_time_and_is_forgotten_at_once(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79160000303"] = "1/found/gleb/no//////c/N"
    result, _ = lab.call(number(3), [expect_answer(5), pause(1.0), hangup()], {"gleb": silent()}, from_="+79160000303")
    assert result.ok, result.transcript
    lab.await_idle(1.0)
    script = [expect_answer(5), wait_hangup(15)]
    result, journey = lab.call(number(3), script, {"gleb": silent()}, from_="+79160000303")
    assert result.ok, result.transcript
    waited = next(step.at for step in journey.steps if step.app == "Dial" and "reach-manager" in step.data)
    done = next(step.at for step in journey.steps if step.app == "Playback")
    assert 3.9 < done - waited < 5.0
    assert any(event.get("Event") == "MusicOnHoldStart" for event in lab.watch.events)


def test_with_nobody_to_wait_for_the_step_passes_at_once(lab: Lab, helper: ScriptedHelper) -> None:
    helper.replies["+79160000304"] = "1/unknown"
    result, journey = lab.call(number(3), [expect_answer(5), wait_hangup(15)], from_="+79160000304")
    assert result.ok, result.transcript
    assert journey.heard == ["ivrc/lab/done"]


def test_scenarios_that_share_people_both_get_their_turn(lab: Lab) -> None:
    """Anna alone serves two scenarios with six callers each: neither waits until the other is empty."""
    seen = len(lab.watch.events)

    results: dict[int, CallResult] = {}

    def call(to: str, index: int) -> None:
        script = [expect_answer(), wait_hangup(60)]
        results[index] = Caller(lab.asterisk, to=to, script=script, from_=f"+791600004{index:02}").run()

    with Phone(lab.asterisk, "anna", answers(0.1, hangup_after=0.5)):
        threads = [threading.Thread(target=call, args=(number(6 if index % 2 else 4), index)) for index in range(12)]
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        for thread in threads:
            thread.join()
    assert [result.transcript for result in results.values() if not result.ok] == []
    turns = [int(caller[-2:]) % 2 for caller in served(lab, seen, 12)]
    assert set(turns[:8]) == {0, 1}, turns
