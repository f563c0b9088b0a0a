"""Random calls to a program, none in which two moments are so near that either may come first."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from ivrc import model as m
from ivrc.simulate import Call, Prepared, run, run_in
from ivrc.simulate import journey as j
from ivrc.simulate.call import Answer, Desk, FaxMachine, Kind, Message, Press, State, Turn
from ivrc.simulate.line import FAX_TONE, FAX_TONE_EVERY
from ivrc.simulate.office import prompt_name
from ivrc.simulate.reach import RETRY
from ivrc.testbed.beside.chance import NO_CHANCE, Chance, Drawing
from ivrc.testbed.beside.machines import TRAY, begins_at, machine_with
from ivrc.testbed.beside.names import Names
from ivrc.walking import steps_of

# Every moment of a call is tried so many milliseconds earlier and later: if that changes what happens, and not only
# when, no telephone can be held to it.
MARGIN = 400
LONGEST = 150_000
# How often a caller is a fax machine, if the office thinks of them.
MACHINES = 0.6
# Milliseconds by which a fax may be shorter or longer; and one that never comes, whose end is known better.
FAX_MARGIN, NO_FAX_MARGIN = 4_000, 1_000
# A machine that has sent its tones for so long is about to give up. One that begins so long after Asterisk has first
# asked can be received.
TONES, FAX_LATE = 50_000, 14_000
KINDS: tuple[Kind, ...] = ("silent", "answers", "refuses", "busy", "offline")
DESKS: tuple[Desk, ...] = ("free", "free", "waiting", "pass", "any", "no")
CALLERS = ("+79261234567", "89261234567", "4991112233", "+74991112233", "+79039876543", None)


class Caller:
    """Makes calls to one office."""

    def __init__(self, random: Random, office: Prepared, names: Names, moment: datetime) -> None:
        self.random = random
        self.office = office
        self.names = names
        self.moment = moment
        self.numbers = [number.number for number in office.office.numbers if number.number]
        self.outside = sorted(set(names.outside.values()))
        self.people = list(office.employees.values())
        steps = [step for scenario in office.office.scenarios for step in steps_of(scenario.body)]
        prompts = {prompt_name(prompt) for step in steps if (prompt := getattr(step, "prompt", None))}
        self.places = ["branch", "branch", "branch", "wait", "wait", *sorted(prompts)]
        self.keys = [key for step in steps if isinstance(step, m.Branch) for case in step.cases for key in case.keys]
        self.extensions = list(office.extensions)
        self.faxes = any(isinstance(step, (m.Fax, m.FaxDetected)) for step in steps)

    def half_seconds(self, least: int, most: int) -> int:
        """Milliseconds: a moment half a second off the seconds that programs count in."""
        return self.random.randint(least, most) * 1000 + 500

    def call(self) -> Call:
        """Any call; to an office that thinks of fax machines often by one."""
        call = self.person()
        return self.machine(call) if self.faxes and self.random.random() < MACHINES else call

    def machine(self, call: Call) -> Call:
        """The same call by a fax machine; or by a person at one, who presses Start later."""
        random = self.random
        begins = self.half_seconds(1, 20) if random.random() < 0.4 else 0
        fax = machine_with(random.choice(TRAY), begins, random.random() < 0.3)
        message = Message(2 * LONGEST, "silence")
        call = call._replace(fax=fax, message=message, presses=call.presses if begins else (), hangs_up=None)
        events = run(self.office, call).events
        sent = next((event for event in events if isinstance(event, j.Faxed) and event.pages), None)
        # Somebody pulls the plug.
        if sent is not None and random.random() < 0.4:
            return call._replace(hangs_up=sent.until - random.randrange(1_000, fax.length - 4_000))
        return call._replace(hangs_up=self.half_seconds(1, 30)) if random.random() < 0.2 else call

    def person(self) -> Call:
        """Any call by somebody."""
        random = self.random
        number = random.choice(self.numbers[:1] * 3 + self.numbers)
        digits = number.removeprefix("+7")
        caller = random.choice(CALLERS)
        return Call(
            to=random.choice([number, number, "7" + digits, "8" + digits, digits]),
            caller=caller,
            hidden=caller is None or random.random() < 0.1,
            at=self.moment,
            presses=tuple(self.press() for _ in range(random.choice([0, 1, 1, 2, 3]))),
            states={who: self.state(who) for who in [*self.names.devices, *self.outside]},
            switches=frozenset(s.name for s in self.office.office.switches if random.random() < 0.5),
            crm=self.crm(),
            message=Message(random.randint(3, 8) * 1000 + 500, random.choice(["hangs up", "hash", "silence"])),
            hangs_up=self.half_seconds(1, 60) if random.random() < 0.25 else None,
            talk=self.half_seconds(2, 6),
            talk_ends=random.choice(["caller", "answerer"]),
            seed=random.randrange(1000),
        )

    def press(self) -> Press:
        """Keys at a place, or at a moment of the call."""
        random = self.random
        place = random.choice(self.places) if random.random() < 0.85 else None
        if place == "wait" and self.extensions:
            keys = random.choice([*self.extensions, *self.extensions, "9", "4"])
        else:
            keys = random.choice([*self.keys, *self.keys, *"0123456789*#"])
        return Press(keys, self.half_seconds(1, 5 if place else 30), place)

    def any_keys(self) -> list[str]:
        """Every key of a menu, every extension, and some that are neither."""
        return list(dict.fromkeys([*self.keys, *self.extensions, *"0123456789*#"]))

    def state(self, who: str) -> State:
        """What a phone does."""
        random = self.random
        kind = random.choices(KINDS, [5, 3, 2, 2, 2])[0]
        accepts = random.choice([None, 1_500, 2_500, 6_500])
        declines = random.choice([None, 1_500, 5_500]) if accepts is None else None
        free_at = None
        if kind in ("busy", "offline") and random.random() < 0.3:
            free_at = self.half_seconds(4, 40)
        after = self.half_seconds(1, 5)
        return State(kind, after=after, accepts=accepts, declines=declines, free_at=free_at)

    def crm(self) -> Answer:
        """Whom the CRM names, if anybody."""
        random = self.random
        if random.random() < 0.25:
            return Answer(
                random.choice(["unknown", "down", "unassigned", "hidden", "broken"]), (), random.choice([0, 500, 2_900])
            )
        turns = tuple(self.turn() for _ in range(random.randint(1, 2)))
        return Answer("found", turns, random.choice([0, 0, 500, 2_900]))

    def turn(self) -> Turn:
        """A manager with phones in the source, in the CRM, or both."""
        random = self.random
        employee = random.choice([None, *self.people, *self.people, *self.people])
        mobiles = [number for number in self.outside if number.startswith("+")]
        some = tuple(random.sample(mobiles, min(len(mobiles), random.randint(0, 2))))
        return Turn(employee.name if employee else None, random.choice(DESKS), some)


def structure(journey: j.Journey) -> list[str]:
    """What happens in a call, without the times."""
    return [_shape(event) for event in journey.events]


def _shape(event: j.Event) -> str:
    fields = {k: v for k, v in event._asdict().items() if k not in ("at", "until", "end")}
    return f"{type(event).__name__}{sorted(fields.items())}"


def shifted(call: Call) -> Iterator[Call]:
    """The call with each of its moments a little earlier and later."""
    for shift in (-MARGIN, MARGIN):
        yield call._replace(at=call.at + timedelta(milliseconds=shift))
        for index, press in enumerate(call.presses):
            moved = press._replace(offset=max(0, press.offset + shift))
            yield call._replace(presses=(*call.presses[:index], moved, *call.presses[index + 1 :]))
        for who, state in call.states.items():
            moved_ = state._replace(after=max(0, state.after + shift))
            if state.accepts is not None:
                yield call._replace(states={**call.states, who: state._replace(accepts=max(0, state.accepts + shift))})
            if state.declines is not None:
                late = state._replace(declines=max(0, state.declines + shift))
                yield call._replace(states={**call.states, who: late})
            yield call._replace(states={**call.states, who: moved_})
            if state.free_at is not None:
                yield call._replace(states={**call.states, who: _free_later(state, shift)})
        if call.hangs_up is not None:
            yield call._replace(hangs_up=max(0, call.hangs_up + shift))
        yield call._replace(message=call.message._replace(length=max(0, call.message.length + shift)))
        yield call._replace(talk=max(0, call.talk + shift))
        if call.fax is not None:
            yield call._replace(fax=call.fax._replace(begins=max(0, call.fax.begins + shift)))
            if call.fax.leaves is not None:
                yield call._replace(fax=call.fax._replace(leaves=call.fax.leaves + shift))


def is_ambiguous(office: Prepared, call: Call, chance: Chance = NO_CHANCE) -> bool:
    """Whether anything but times would change if something came a little earlier or later."""

    def shape(call: Call, queue_takes: int = 0, fax_more: int = 0) -> list[str]:
        return structure(run_in(Drawing(office, call, chance, queue_takes, fax_more), call))

    journey = run_in(Drawing(office, call, chance), call)
    if _nearly_goes_on(journey) or _machine_is_at_odds(journey, call.fax):
        return True
    expected = structure(journey)
    if any(isinstance(event, j.Faxed) for event in journey.events):
        # How long a fax takes is known to some seconds only.
        for sign in (-1, 1):
            longer = shape(_with_longer_faxes(call, journey, sign), 0, sign * NO_FAX_MARGIN)
            later = shape(call._replace(at=call.at + timedelta(milliseconds=sign * FAX_MARGIN)))
            if longer != expected or later != expected:
                return True
    if any(isinstance(event, j.Reached) and event.kind == "ReachAnyone" for event in journey.events):
        # A queue looks once a second only: at who becomes free, and at who still rings from the step before.
        late = call._replace(states={who: _free_later(state, RETRY + MARGIN) for who, state in call.states.items()})
        if shape(late) != expected or shape(call, RETRY) != expected:
            return True
    return any(shape(other) != expected for other in shifted(call))


def _with_longer_faxes(call: Call, journey: j.Journey, sign: int) -> Call:
    """The call if each fax takes more or less than in its journey: what comes after one comes so much later."""
    faxes = [event for event in journey.events if isinstance(event, j.Faxed)]
    ends = [(event.until, FAX_MARGIN if event.pages else NO_FAX_MARGIN) for event in faxes if event.until > event.at]

    def moved(at: int) -> int:
        return at + sign * sum(margin for until, margin in ends if until < at)

    def by(at: float) -> int:
        return moved(int(at)) - int(at)

    begins = begins_at(journey, call.fax)
    fax = call.fax and call.fax._replace(
        begins=call.fax.begins + (by(begins) if begins < math.inf else 0), length=call.fax.length + sign * FAX_MARGIN
    )
    return call._replace(
        fax=fax,
        hangs_up=call.hangs_up and moved(call.hangs_up),
        presses=tuple(press if press.place else press._replace(offset=moved(press.offset)) for press in call.presses),
        states={who: _free_later(state, by(state.free_at or 0)) for who, state in call.states.items()},
    )


def _free_later(state: State, by: int) -> State:
    return state if state.free_at is None else state._replace(free_at=state.free_at + by)


def _nearly_goes_on(journey: j.Journey) -> bool:
    """Whether a sound comes again after a silence that may count as the sound going on, or not."""
    heard = [event for event in journey.events if isinstance(event, j.Heard) and event.prompt.startswith("asterisk:")]
    return any(one.prompt == other.prompt and 100 < other.at - one.until < 1_300 for one, other in pairwise(heard))


def _next_known(machine: FaxMachine, begins: float, at: int) -> float:
    """When a machine's tone, if it sends one then, is next heard whole; never of one that does not begin."""
    first = begins + machine.tone + FAX_TONE
    return first + max(0, math.ceil((at - first) / FAX_TONE_EVERY)) * FAX_TONE_EVERY if begins < math.inf else begins


def _machine_is_at_odds(journey: j.Journey, machine: FaxMachine | None) -> bool:
    """Whether a machine would have to do what the town's cannot, or what is as good as by chance."""
    if machine is None:
        return False
    begins = begins_at(journey, machine)
    listens = any(isinstance(event, j.Reached) and event.kind == "FaxDetected" for event in journey.events)
    for event in journey.events:
        match event:
            case j.Key() if event.at > begins - 1_000:
                return True
            case j.Recorded(to=to) if to or any(isinstance(other, j.Faxed) and other.pages for other in journey.events):
                # It says little, and then nothing; a mailbox keeps no message with less than a second of sound.
                return True
            case j.Talked(by="office") if any(
                isinstance(other, (j.Rang, j.PassedOver))
                and other.who == event.who
                and 0 <= other.at - event.until < MARGIN
                for other in journey.events
            ):
                # Whoever has just been left may still count as busy.
                return True
            case j.Faxed() if event.at > begins + TONES:
                return True
            case j.Faxed(why="caller hung up") if event.at < begins:
                # What is received of one that begins late comes some seconds sooner or later.
                return True
            case j.Detected() if machine.begins < MARGIN and any(
                event.at - MARGIN < other.at < event.at for other in journey.events
            ):
                # A little sooner, and it would have been found in the step before; but its tone comes with the call.
                return True
            case j.Ended() | j.Reached(kind="Fax") if (
                # (Not the tone that has led there.)
                listens and _next_known(machine, begins, event.at + 1) - event.at < MARGIN
            ):
                # A little longer, and the call would have gone where the fax machines go.
                return True
            case j.Faxed() if event.at + FAX_LATE < begins < event.until + MARGIN:
                # Asterisk asks for the last time.
                return True
            case _:
                pass
    return False


# ── as text ──


def to_json(call: Call) -> str:
    """A call as one line of JSON."""
    return json.dumps(_plain(call), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "_asdict"):
        return {name: _plain(each) for name, each in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return value


def from_json(text: str) -> Call:
    """The call of `to_json`."""
    data = json.loads(text)
    crm = data["crm"]
    turns = tuple(Turn(turn["employee"], turn["desk"], tuple(turn["mobiles"])) for turn in crm["turns"])
    return Call(
        **{
            **data,
            "at": datetime.fromisoformat(data["at"]),
            "presses": tuple(Press(**press) for press in data["presses"]),
            "states": {who: State(**state) for who, state in data["states"].items()},
            "others": State(**data["others"]),
            "switches": frozenset(data["switches"]),
            "crm": Answer(crm["why"], turns, crm["after"]),
            "message": Message(**data["message"]),
            "fax": FaxMachine(**data["fax"]) if data["fax"] else None,
        }
    )
