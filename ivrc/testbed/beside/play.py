"""One call played on the rig as it is simulated: the same people, doing the same at the same moments."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ivrc.lower.names import switch_device
from ivrc.simulate import Call, Journey, Prepared, run_in
from ivrc.simulate.call import State
from ivrc.testbed.ami import AmiError, Event
from ivrc.testbed.beside.acts import Act, acts_of
from ivrc.testbed.beside.chance import NO_CHANCE, Chance, Drawing
from ivrc.testbed.beside.clock import Clock
from ivrc.testbed.beside.facts import Difference, Fact, compare, told_by_the_simulator
from ivrc.testbed.beside.helper import Helper
from ivrc.testbed.beside.machines import has_t38, sheets_of
from ivrc.testbed.beside.names import Names
from ivrc.testbed.beside.observed import Observed
from ivrc.testbed.beside.rig import Rig
from ivrc.testbed.beside.town import phone_word

# Seconds of the rig's clock.
SETTLE = 1.5
# A call that goes on so long after the simulator's end has not ended.
PATIENCE = 25.0
KEY_MILLISECONDS = 100
# A call that runs so many lines of the dialplan goes round without a pause, and must be stopped.
LINES = 1_500
# Where the town's dialplan does it.
_SOUNDS = {"talks": "talk", "says something": "says", "is quiet": "quiet", "faxes": "fax"}
_ids = itertools.count(1)


class Outcome(NamedTuple):
    """Both accounts of a call, and where they part. `call` is the one played: it began when the rig's clock said so."""

    call: Call
    journey: Journey
    told: list[Fact]
    seen: list[Fact]
    difference: Difference | None
    chance: Chance
    ran: frozenset[tuple[str, str, int]]
    # Whether the caller hung up.
    left: bool


class Office(NamedTuple):
    """An office as both sides know it."""

    prepared: Prepared
    names: Names


class Players:
    """Hands the events of a rig to the calls they belong to."""

    def __init__(self, rig: Rig, helper: Helper) -> None:
        self.rig = rig
        self.helper = helper
        self.clock = Clock(rig.rate)
        self._expected: dict[str, _Play] = {}
        self._office: dict[str, _Play] = {}
        # What is told of sounds may overtake what is told of their channel.
        self._early: dict[str, list[Event]] = {}
        self._holds: dict[str, tuple[str, asyncio.Event]] = {}
        self._callers: dict[str, str] = {}
        self._phones: dict[str, str] = {}
        self._online: dict[str, bool] = {}
        rig.watch(self._of_the_office, self._of_the_town)

    async def set_clock(self, moment: datetime, rate: float | None = None) -> None:
        """Move the rig's clock, and perhaps change its rate, while no call runs."""
        rate = rate or self.rig.rate
        await self.rig.set_clock(f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}", rate)
        self.clock.set(rate)
        self.helper.rate = rate
        # What was registered may have expired.
        self._online.clear()
        self._early.clear()
        reply = await self.rig.ami.action("Ping")
        self.clock.sees(float(reply["Timestamp"]))

    async def play(self, office: Office, call: Call, at: datetime | None = None) -> Outcome:
        """Play one call, one of an office at a time; with `at` it begins when the rig's clock has come to that."""
        return await _Play(self, office, call, at).run()

    def _of_the_office(self, event: Event) -> None:
        kind = event["Event"]
        if kind == "QueueMemberPenalty":
            self.rig.penalties[event["Interface"]] = int(event["Penalty"])
        if stamp := event.get("Timestamp"):
            self.clock.sees(float(stamp))
        linkedid = event.get("Linkedid") or event.get("LinkedID") or event.get("DestLinkedid") or ""
        if kind == "Newchannel" and event["Uniqueid"] == linkedid:
            if play := self._expected.pop(event.get("Exten", ""), None):
                play.begins(linkedid, float(event["Timestamp"]))
                self._office[linkedid] = play
            elif linkedid.startswith("hold-"):
                self._holds[linkedid] = (event["Channel"], self._holds[linkedid][1])
        elif kind == "Newstate" and linkedid in self._holds and event["ChannelState"] == "6":
            self._holds[linkedid][1].set()
        if play := self._office.get(linkedid):
            play.reads(event)
            for early in self._early.pop(linkedid, ()):
                play.reads(early)
        elif kind == "CEL":
            self._early.setdefault(linkedid, []).append(event)

    def _of_the_town(self, event: Event) -> None:
        if event["Event"] == "Newchannel":
            if event["Uniqueid"].startswith("caller-"):
                self._callers[event["Uniqueid"]] = event["Channel"]
            else:
                self._phones[event.get("Exten", "")] = event["Channel"]

    def expect(self, dialled: str, play: _Play) -> None:
        """The next call to this number is this one."""
        self._expected[dialled] = play

    def forget(self, linkedid: str) -> None:
        """A call is over."""
        self._office.pop(linkedid, None)

    def caller(self, identity: str) -> str:
        """The town's channel of a caller."""
        return self._callers.get(identity, "")

    def phone(self, dialled: str) -> str:
        """The town's channel of the phone that was last rung by this name."""
        return self._phones.get(dialled, "")

    async def online(self, phone: str, there: bool) -> None:
        """Register a phone or take it off, if it is not so already."""
        if self._online.get(phone) is not there:
            await self.rig.online(phone, there)
            self._online[phone] = there

    async def hold(self, phone: str) -> str:
        """Put a phone into a call of its own; how to end it."""
        identity = f"hold-{next(_ids)}"
        up = asyncio.Event()
        self._holds[identity] = ("", up)
        await self.rig.does(phone, phone_word(State("answers", 0), False))
        await self.rig.ami.action(
            "Originate", Channel=f"PJSIP/{phone}", Application="Wait", Data="7200", Async="true",
            Timeout="60000", ChannelId=identity,
        )  # fmt: skip
        await asyncio.wait_for(up.wait(), 10)
        return identity

    async def release(self, identity: str) -> None:
        """End such a call."""
        channel, _ = self._holds.pop(identity, ("", None))
        if channel:
            await hang_up(self.rig.ami.action, channel)


async def hang_up(action: Callable[..., Coroutine[Any, Any, Event]], channel: str) -> None:
    """Hang up a channel, unless it is gone."""
    with suppress(AmiError):
        await action("Hangup", Channel=channel)


class _Play:
    """One call being played."""

    def __init__(self, players: Players, office: Office, call: Call, at: datetime | None) -> None:
        self.players = players
        self.at = at
        self.rig = players.rig
        self.office = office
        self.call = call
        self.identity = f"caller-{next(_ids)}"
        self.observed: Observed | None = None
        self._over = asyncio.Event()
        self._lines = 0
        self._done = 0
        self._left = False
        self._waiting: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._chance = NO_CHANCE
        self._facts = 0
        self._held: dict[str, str] = {}
        # A trunk that sends no number sends its account's name.
        self.dialled = call.to or "account"
        self._simulate()

    def _simulate(self) -> None:
        self.journey = run_in(Drawing(self.office.prepared, self.call, self._chance), self.call)
        self.told = told_by_the_simulator(self.journey)
        self._acts = acts_of(self.call, self.journey, self.told)

    # ── the whole of it ──

    async def run(self) -> Outcome:
        """Prepare the phones, call, wait for the end."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        try:
            await self._prepare()
            if self.at is not None:
                await self.rig.settle(max(0.0, self.at.timestamp() - self.players.clock.now()))
            self.players.expect(self.dialled, self)
            await self._dial()
            await self._wait(loop.time())
        finally:
            await self._clear()
        seen = self.observed.facts if self.observed else []
        ran = frozenset(self.observed.ran if self.observed else ())
        seen = sorted(seen, key=lambda fact: fact.at)
        return Outcome(
            self.call, self.journey, self.told, seen, compare(self.told, seen), self._chance, ran, self._left
        )

    async def _wait(self, begun: float) -> None:
        """Until the call is over; one that has no end is hung up."""
        while not self._over.is_set():
            # What is expected may change while the call runs: it came later than planned, or chance was another.
            limit = begun + (self.journey.ended.at / 1000 + PATIENCE) / self.rig.rate + 2 - self._loop.time()
            if limit <= 0:
                await hang_up(self.rig.town_ami.action, self.players.caller(self.identity))
                await self.rig.settle(2)
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), limit)

    async def _dial(self) -> None:
        call = self.call
        number = call.caller or "anonymous"
        variables = {"PJSIP_HEADER(add,Privacy)": "id"} if call.hidden and call.caller else {}
        line = "office"
        if call.fax is not None:
            variables["FAX_PAGES"] = str(self.rig.sheets(sheets_of(call.fax).name))
            variables["FAX_STAYS"] = "yes" if call.fax.leaves is None else "no"
            line += "-t38" * has_t38(self.journey, call.fax, call.seed)
        await self.rig.town_ami.action(
            "Originate", Channel=f"PJSIP/{self.dialled}@{line}", Context="caller", Exten="s", Priority="1",
            Async="true", Timeout="36000000", ChannelId=self.identity, CallerID=number, variables=variables,
        )  # fmt: skip

    # ── people ──

    async def _prepare(self) -> None:
        names, players = self.office.names, self.players
        for employee, devices in names.devices.items():
            state = self.call.states.get(employee, self.call.others)
            for index, device in enumerate(devices):
                await players.online(device, state.kind != "offline")
                if state.kind == "busy" and index == 0:
                    self._held[employee] = await players.hold(device)
                await self.rig.does(device, _desk_word(state, index))
        for dialled, who in names.outside.items():
            state = self.call.states.get(who, self.call.others)
            await self.rig.does(_user(dialled), _outside_word(state))
        self.players.helper.answers[names.office.name] = self.call.crm
        for switch in names.office.switches:
            word = "INUSE" if switch.name in self.call.switches else "NOT_INUSE"
            device = switch_device(names.office.name, switch.name)
            await self.rig.ami.action("Setvar", Variable=f"DEVICE_STATE({device})", Value=word)
        await self.rig.settle(SETTLE)

    async def _clear(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for identity in self._held.values():
            await self.players.release(identity)
        if self.observed is not None:
            self.players.forget(self.observed.linkedid)
        await self.rig.settle(SETTLE)

    # ── while it runs ──

    def begins(self, linkedid: str, stamp: float) -> None:
        """The office's Asterisk has the call."""
        self.observed = Observed(self.office.names, linkedid, stamp)
        self.call = self.call._replace(at=datetime.fromtimestamp(stamp, UTC))
        legs = [leg for leg in self.office.names.legs if leg in self.rig.penalties]
        legs.sort(key=self.rig.penalties.__getitem__)
        self._chance = Chance((), tuple(self.office.names.legs[leg] for leg in legs))
        self._simulate()
        self._schedule()

    def reads(self, event: Event) -> None:
        """An event of the call."""
        observed = self.observed
        assert observed is not None
        if event["Event"] == "Newexten":
            self._lines += 1
            if self._lines > LINES:
                if self._lines == LINES + 1:
                    # By the town: the office's Asterisk is telling of lines and does not listen.
                    self._begin(hang_up(self.rig.town_ami.action, self.players.caller(self.identity)))
                return
        observed.read(event)
        if len(observed.draws) != len(self._chance.drawn):
            self._chance = self._chance._replace(drawn=tuple(observed.draws))
            self._simulate()
        if observed.over:
            self._over.set()
        elif len(observed.facts) != self._facts:
            self._facts = len(observed.facts)
            self._schedule()

    def _schedule(self) -> None:
        """Set the clock for the next act, if all that comes before it has happened."""
        observed = self.observed
        assert observed is not None
        if self._waiting is not None or self._done >= len(self._acts):
            return
        act = self._acts[self._done]
        if len(observed.facts) < act.after:
            return
        facts = sorted(observed.facts, key=lambda fact: fact.at)
        since = facts[act.after - 1].at if act.after else 0.0
        moment = self.players.clock.machine_time(observed.began + since + act.offset)
        self._waiting = self._loop.call_at(moment, self._act, act)

    def _act(self, act: Act) -> None:
        self._waiting = None
        self._done += 1
        self._begin(self._perform(act))
        self._schedule()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _perform(self, act: Act) -> None:
        action = self.rig.town_ami.action
        caller = self.players.caller(self.identity)
        try:
            match act.kind:
                case "key":
                    await action(
                        "PlayDTMF", Channel=caller, Digit=act.word, Receive="false", Duration=str(KEY_MILLISECONDS)
                    )
                case "hangs up":
                    self._left = True
                    await hang_up(action, caller)
                case "phone hangs up":
                    await self._phone_hangs_up(act.word)
                case "talks" | "says something" | "is quiet" | "faxes":
                    exten = _SOUNDS[act.kind]
                    await action("Redirect", Channel=caller, Context="caller", Exten=exten, Priority="1")
                case "becomes free":
                    await self._becomes_free(act.word)
                case _:
                    pass
        except AmiError:
            # The call went another way: the comparison says so.
            pass

    async def _phone_hangs_up(self, who: str) -> None:
        names = self.office.names
        dialled = (
            [names.devices[who][0]] if names.devices.get(who) else [d for d, w in names.outside.items() if w == who]
        )
        for each in dialled:
            await hang_up(self.rig.town_ami.action, self.players.phone(_user(each)))

    async def _becomes_free(self, who: str) -> None:
        state = self.call.states[who]
        answers = State("answers", state.after, state.accepts, state.declines)
        for index, device in enumerate(self.office.names.devices.get(who, [])):
            await self.rig.does(device, _desk_word(answers, index))
            await self.players.online(device, True)
        if held := self._held.pop(who, None):
            await self.players.release(held)
        for dialled, each in self.office.names.outside.items():
            if each == who:
                await self.rig.does(_user(dialled), _outside_word(answers))


def _desk_word(state: State, index: int) -> str:
    """What one of a person's own phones does: a second one rings only; one in a call rings once more."""
    rings = state.kind in ("busy", "offline") or (state.kind == "answers" and index)
    return phone_word(State("silent") if rings else state, False)


def _outside_word(state: State) -> str:
    """What a number or an address does; keys are pressed whether somebody asks for them or not."""
    return phone_word(state, True)


def _user(dialled: str) -> str:
    """By what name the town knows who is dialled: the user part."""
    return dialled.removeprefix("sip:").removeprefix("sips:").partition("@")[0].partition("/")[0]
