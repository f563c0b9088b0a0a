"""The test bed's callers and phones: a tiny hand-written dialplan, every kind of either, on both versions."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivrc.testbed.ami import Ami, AmiError, Event
from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.instance import Asterisk
from ivrc.testbed.pytest_fixtures import MakeAsterisk
from ivrc.testbed.sip import Caller, Network, Phone
from ivrc.testbed.sip_xml import (
    BUSY,
    REJECT,
    UNAVAILABLE,
    Act,
    Behaviour,
    answers,
    cancel,
    expect_answer,
    expect_refused,
    hangup,
    key,
    key_info,
    pause,
    silent,
    talk,
    wait_hangup,
)
from ivrc.testbed.watch import Watch
from tests.live.lab import number

pytestmark = pytest.mark.live
pytest_plugins = ["ivrc.testbed.pytest_fixtures"]

PLAN = """[general]
static=yes
[ivrc-incoming]
exten => +74950000001,1,Answer()
 same => n,Playback(hello-world)
 same => n,Hangup()
exten => +74950000002,1,Answer()
 same => n,Read(KEY,vm-enter-num-to-call,1,,1,5)
 same => n,GotoIf($["${KEY}" = "2"]?sales)
 same => n,Playback(vm-goodbye)
 same => n,Hangup()
 same => n(sales),Dial(PJSIP/anna,10)
 same => n,Hangup()
exten => +74950000003,1,Dial(PJSIP/anna,2)
 same => n,Dial(PJSIP/boris,10)
 same => n,Hangup()
exten => +74950000004,1,Dial(PJSIP/away,5)
 same => n,Hangup()
exten => +74950000005,1,Dial(PJSIP/anna,20)
 same => n,Hangup()
exten => +74950000006,1,Answer()
 same => n,Set(WHO=${CALLERID(num)})
 same => n,Set(NAME=${CALLERID(name)})
 same => n,Set(SHOWN=${CALLERID(num-pres)})
 same => n,Hangup()
exten => +74950000007,1,Dial(PJSIP/+78127654343@provider,10)
 same => n,Hangup()
exten => +74950000008,1,Dial(PJSIP/+78127654344@provider,10)
 same => n,Hangup()
exten => +74950000009,1,Answer()
 same => n,Record(said.wav,0,1)
 same => n,Hangup()
exten => +74950000010,1,Answer()
 same => n,Set(DEVICE_STATE(Custom:night)=INUSE)
 same => n,Set(NIGHT=${DEVICE_STATE(Custom:night)})
 same => n,Set(AWAY=${DEVICE_STATE(PJSIP/away)})
 same => n,Set(ANNA=${DEVICE_STATE(PJSIP/anna)})
 same => n,Hangup()
exten => +74950000011,1,Dial(PJSIP/clara,10)
 same => n,Hangup()
exten => +74950000012,1,Dial(PJSIP/ivrc-sip/sip:guest@127.0.0.1:{guest},10)
 same => n,Hangup()
exten => +74950000013,1,Answer()
 same => n,Read(KEY,,5,,1,6)
 same => n,Hangup()
exten => 101,hint,PJSIP/anna
exten => 102,hint,Custom:night
"""
Press = Callable[[str], Act]
PHONES: list[str | PhoneSpec] = [
    "anna",
    "boris",
    PhoneSpec("away", online=False),
    PhoneSpec("clara", registers=True),
]
ANNA, BORIS = "anna", "boris"


@pytest.fixture(scope="module")
def office(asterisk_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    rundir = tmp_path_factory.mktemp("a-folder-whose-name-is-too-long-for-a-unix-socket-" + "x" * 60)
    with Asterisk(asterisk_root, rundir, extensions=PLAN, phones=PHONES) as asterisk:
        # The guest's port is anna's: the instance knows it only once it is made.
        asterisk.reload_dialplan(PLAN.replace("{guest}", str(asterisk.contacts[ANNA])))
        yield asterisk


@pytest.fixture
def watch(office: Asterisk) -> Iterator[Watch]:
    with Watch(office) as watch:
        yield watch


def test_boot_is_clean(make_asterisk: MakeAsterisk) -> None:
    asterisk = make_asterisk(extensions=PLAN, phones=PHONES)
    assert asterisk.warnings() == []
    assert "101@ivrc-incoming" in asterisk.cli("core show hints")
    assert "Playback(hello-world)" in asterisk.cli("dialplan show ivrc-incoming")


def test_answered_and_heard(office: Asterisk, watch: Watch) -> None:
    result = Caller(office, to=number(1), script=[expect_answer(), wait_hangup()]).run()
    assert result.ok, result.transcript
    assert (result.code, result.ended_by) == (200, "far")
    journey = watch.journey()
    assert journey.summary() == ["heard hello-world", "ended 16"]
    assert [(step.priority, step.app) for step in journey.steps] == [
        (1, "Answer"),
        (2, "Playback"),
        (3, "Hangup"),
    ]


@pytest.mark.parametrize(("user", "press"), [("trunk", key), ("trunkinfo", key_info)])
def test_right_key_reaches_anna(office: Asterisk, watch: Watch, user: str, press: Press) -> None:
    script = [expect_answer(), pause(0.8), press("2"), wait_hangup()]
    with Phone(office, ANNA, answers(after=1.0, hangup_after=2.0)) as anna:
        result = Caller(office, to=number(2), user=user, script=script).run()
    assert result.ok, result.transcript
    journey = watch.journey()
    assert journey.summary() == [
        "heard vm-enter-num-to-call", "key 2", "rang anna", "anna ANSWER", "talked anna", "ended 16",
    ]  # fmt: skip
    assert 0.9 < journey.ring_seconds("anna") < 1.8
    [call] = anna.calls
    assert (call.number, call.from_) == ("anna", "+79161234567")
    assert call.answered_at is not None and call.cancelled_at is None


@pytest.mark.parametrize(("user", "press"), [("trunk", key), ("trunkinfo", key_info)])
def test_wrong_key_does_not(office: Asterisk, watch: Watch, user: str, press: Press) -> None:
    script = [expect_answer(), pause(0.8), press("3"), wait_hangup()]
    result = Caller(office, to=number(2), user=user, script=script).run()
    assert result.ok, result.transcript
    assert watch.journey().summary() == [
        "heard vm-enter-num-to-call",
        "key 3",
        "heard vm-goodbye",
        "ended 16",
    ]


def test_several_keys_in_order(office: Asterisk, watch: Watch) -> None:
    script = [expect_answer(), talk(0.4), key("1*20"), pause(0.2), key("2"), wait_hangup()]
    result = Caller(office, to=number(13), script=script).run()
    assert result.ok, result.transcript
    journey = watch.journey()
    assert (journey.keys, journey.variable("KEY")) == ("1*202", "1*202")


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [(BUSY, "BUSY"), (REJECT, "NOANSWER"), (UNAVAILABLE, "NOANSWER"), (silent(), "NOANSWER")],
    ids=["busy", "reject", "unavailable", "silent"],
)
def test_then_boris(office: Asterisk, watch: Watch, behaviour: Behaviour, status: str) -> None:
    with Phone(office, ANNA, behaviour) as anna, Phone(office, BORIS, answers(after=0.3)) as boris:
        result = Caller(office, to=number(3), script=[expect_answer(), pause(0.3), hangup()]).run()
        assert result.ok, result.transcript
        journey = watch.journey()
    assert journey.statuses == [("anna", status), ("boris", "ANSWER")]
    assert journey.talked == ["boris"]
    assert len(anna.calls) == len(boris.calls) == 1
    rang_out = behaviour == silent()
    assert (anna.calls[0].cancelled_at is not None) == rang_out
    if rang_out:
        assert 1.9 < journey.ring_seconds("anna") < 2.8


def test_offline_phone(office: Asterisk, watch: Watch) -> None:
    result = Caller(office, to=number(4), script=[expect_refused(404)]).run()
    journey = watch.journey()
    assert journey.variable("DIALSTATUS") == "CHANUNAVAIL"
    assert journey.rang == []
    assert result.ok, result.transcript


def test_registered_phone(office: Asterisk, watch: Watch) -> None:
    with Phone(office, "clara", answers(after=0.2)) as clara:
        result = Caller(office, to=number(11), script=[expect_answer(), hangup()]).run()
        clara.register(0)
        gone = Caller(office, to=number(11), script=[expect_refused(404)]).run()
    assert result.ok, result.transcript
    assert gone.ok, gone.transcript
    assert len(clara.calls) == 1


def test_unknown_number(office: Asterisk) -> None:
    result = Caller(office, to="+74999999999", script=[expect_refused(404)]).run()
    assert result.ok and not result.answered, result.transcript
    control = Caller(office, to=number(1), script=[expect_refused(404)]).run()
    assert not control.ok and control.code == 200


def test_caller_leaves_before_the_answer(office: Asterisk, watch: Watch) -> None:
    with Phone(office, ANNA, silent()) as anna:
        result = Caller(office, to=number(5), script=[pause(1.0), cancel()]).run()
        assert result.ok and result.code == 487, result.transcript
        assert watch.journey().statuses == [("anna", "CANCEL")]
        assert anna.calls[0].cancelled_at is not None
    assert result.rang_at is not None


def test_caller_leaves_in_conversation(office: Asterisk, watch: Watch) -> None:
    with Phone(office, ANNA, answers(after=0.2)):
        result = Caller(office, to=number(5), script=[expect_answer(), talk(0.5), hangup()]).run()
    assert result.ok and result.ended_by == "caller", result.transcript
    assert watch.journey().talked == ["anna"]


def test_far_side_leaves_too_early(office: Asterisk) -> None:
    result = Caller(office, to=number(1), script=[expect_answer(), pause(8), hangup()]).run()
    assert not result.ok and result.ended_by == "far"
    assert "too early" in result.transcript


def test_phone_presses_a_key(office: Asterisk, watch: Watch) -> None:
    with Phone(office, ANNA, answers(after=0.2, keys="7", keys_after=0.3, hangup_after=1.0)):
        result = Caller(office, to=number(5), script=[expect_answer(), wait_hangup()]).run()
    assert result.ok, result.transcript
    assert watch.journey().keys == "7"


@pytest.mark.parametrize(
    ("anonymous", "headers", "who", "shown"),
    [
        (False, {}, "+79161112233", "allowed_not_screened"),
        (True, {}, "anonymous", None),
        (
            True,
            {"P-Asserted-Identity": "<sip:+79165556677@127.0.0.1>", "Privacy": "id"},
            "+79165556677",
            "prohib",
        ),
    ],
    ids=["shown", "anonymous", "withheld"],
)
def test_caller_id(
    office: Asterisk, watch: Watch, anonymous: bool, headers: dict[str, str], who: str, shown: str | None
) -> None:
    result = Caller(
        office, to=number(6), from_="+79161112233", anonymous=anonymous, headers=headers,
        script=[expect_answer(), wait_hangup()],
    ).run()  # fmt: skip
    assert result.ok, result.transcript
    journey = watch.journey()
    assert journey.variable("WHO") == who
    assert shown is None or (journey.variable("SHOWN") or "").startswith(shown)


def test_nobody_known_is_let_in(office: Asterisk, watch: Watch) -> None:
    result = Caller(office, to=number(6), user="", name="Иван", script=[expect_answer(), wait_hangup()]).run()
    assert result.ok, result.transcript
    assert watch.journey().variable("NAME") == "Иван"


def test_network_by_number(office: Asterisk, watch: Watch) -> None:
    with Network(office, BUSY, {"[+]78127654343": answers(after=0.3, hangup_after=0.5)}) as network:
        first = Caller(office, to=number(7), script=[expect_answer(), wait_hangup()]).run()
        assert watch.journey().summary()[:2] == ["rang +78127654343@provider", "+78127654343@provider ANSWER"]
        second = Caller(office, to=number(8), script=[expect_refused(486)]).run()
    assert first.ok, first.transcript
    assert second.ok, second.transcript
    assert [call.number for call in network.calls] == ["+78127654343", "+78127654344"]


def test_sip_address(office: Asterisk, watch: Watch) -> None:
    with Phone(office, ANNA, answers(after=0.1, hangup_after=0.2)) as anna:
        result = Caller(office, to=number(12), script=[expect_answer(), wait_hangup()]).run()
    assert result.ok, result.transcript
    assert anna.calls[0].number == "guest"
    assert watch.journey().rang == [f"ivrc-sip/sip:guest@127.0.0.1:{office.contacts[ANNA]}"]


def test_talk_is_recorded(office: Asterisk) -> None:
    folder = office.rundir / "data/sounds"
    for path in folder.rglob("said.wav"):
        path.unlink()
    script = [expect_answer(), talk(1.5), wait_hangup()]
    result = Caller(office, to=number(9), script=script).run()
    assert result.ok, result.transcript
    [recording] = folder.rglob("said.wav")
    loud = [sample for sample in memoryview(recording.read_bytes()[44:][: 2 * 8000]).cast("h") if abs(sample) > 500]
    assert len(loud) > 2000


def test_device_states(office: Asterisk, watch: Watch) -> None:
    result = Caller(office, to=number(10), script=[expect_answer(), wait_hangup()]).run()
    assert result.ok, result.transcript
    journey = watch.journey()
    states = [journey.variable(name) for name in ("NIGHT", "AWAY", "ANNA")]
    assert states == ["INUSE", "UNAVAILABLE", "NOT_INUSE"]
    assert "102@ivrc-incoming" in office.cli("core show hints")
    assert "InUse" in office.cli("core show hint 102")


def _runs(event: Event, app: str) -> bool:
    return event["Event"] == "Newexten" and event["Application"] == app


def test_local_call_with_keys(office: Asterisk) -> None:
    async def scene() -> list[str]:
        async with Ami(office.ami_port) as ami:
            call = await ami.originate_local(number(2), "ivrc-incoming", caller="Тест <+7916>")
            await ami.wait_event(lambda event: _runs(event, "Read"))
            await asyncio.sleep(0.3)
            await ami.press(call, "3")
            await ami.wait_event(lambda e: e.get("EventName") == "LINKEDID_END" and e.get("LinkedID") == call)
            with pytest.raises(AmiError):
                await ami.action("Nonsense")
            return [event["AppData"] for event in ami.events if _runs(event, "Playback")]

    assert asyncio.run(scene()) == ["vm-goodbye"]
