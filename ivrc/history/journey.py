"""One call's events made into a row of the history: who called, who rang, what was heard, how it ended.

A pure function of the events: run again with more of them it tells the call so far.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ivrc.history.cel import Event
from ivrc.history.plan import Person, Plan, Step
from ivrc.named import NamedTuple

_CHANNEL = re.compile(r"([A-Za-z]\w*)/(.*)-[0-9a-f]+(?:;[12])?")
_NUMBER = re.compile(r"\+?([0-9]{5,})")
_CAUSES = {17: "busy", 21: "rejected", 1: "no such number", 3: "unreachable", 18: "no answer", 19: "no answer"}
_WHY = {
    "found": "the CRM knows the caller",
    "unknown": "the CRM does not know the caller",
    "unassigned": "in the CRM nobody is responsible for the caller",
    "stranger": "whoever is responsible has no phone that could be rung",
    "own": "the caller is an employee: the CRM is not asked",
    "hidden": "the caller hides the number: the CRM is not asked",
    "down": "the CRM or the helper could not be reached",
    "slow": "the CRM did not answer in time",
    "late": "the helper did not answer in time",
    "broken": "the helper broke off its answer",
    "busy": "the CRM's rate limit is used up",
    "refused": "the CRM refuses",
    "nonsense": "the CRM's answer makes no sense",
    "unset": "no CRM is set",
}
MEDIA = {"IVRC_VOICEMAIL": "voicemail", "IVRC_MAILBOX": "mailbox", "IVRC_RECORDING": "recording", "IVRC_FAX": "fax"}


class Leg(NamedTuple):
    """Somebody who was rung. Times are seconds since 1970; `answered` 0 if they did not."""

    who: str
    endpoint: str
    employee: str
    began: float
    answered: float
    ended: float
    result: str


class Entry(NamedTuple):
    """A line of the journey: what happened, and the step of the source it happened in."""

    at: float
    kind: str
    text: str
    file: str = ""
    line: int = 0


class Mark(NamedTuple):
    """A file that the call leaves: kind, what Asterisk said of it, its path."""

    kind: str
    told: tuple[str, ...]
    path: str


class Call(NamedTuple):
    """A call. `ended` is 0 while it goes on; `complete` when Asterisk has told all of it."""

    linkedid: str
    number: str
    office: str
    scenario: str
    caller: str
    caller_name: str
    contact: str
    contact_name: str
    began: float
    answered: float
    ended: float
    complete: bool
    outcome: str
    words: str
    answered_by: str
    legs: tuple[Leg, ...]
    entries: tuple[Entry, ...]
    marks: tuple[Mark, ...]


def tell(linkedid: str, events: Iterable[Event], plan: Plan) -> Call | None:
    """The call of these events, in any order; None if the caller's own channel is not among them, or is no trunk's."""
    # Within one moment and kind the order must not hang on the order in which the log was read.
    ordered = sorted(set(events), key=lambda event: (event.time, _ORDER.get(event.kind, 5), event))
    if not any(event.uniqueid == linkedid and event.kind == "CHAN_START" for event in ordered):
        return None
    teller = _Teller(linkedid, plan)
    for event in _with_repeats(linkedid, ordered):
        teller.read(event)
    return teller.call()


def _with_repeats(linkedid: str, events: list[Event]) -> list[Event]:
    """The events, and an APP_START for each application that began right after another of its name.

    Asterisk tells of an application only where the name differs from that of the one before: of two calls in a row the
    second shows in what happens in it. It began with the first phone that is called then, or where it is first seen.
    """
    found: list[Event] = []
    last: tuple[str, ...] = ()
    # Phones called since the last thing heard of the caller's own channel.
    called: list[Event] = []
    for event in events:
        if event.uniqueid != linkedid:
            called += [event] * (event.kind == "CHAN_START")
        elif event.app:
            now = (event.context, event.exten, event.app, event.data)
            repeated = event.kind != "APP_START" and last and now != last and event.app == last[2]
            if repeated:
                began = next((leg.time for leg in called if _endpoint_of(leg.channel) in event.data), event.time)
                found.append(event._replace(kind="APP_START", time=began, extra=""))
            # The end of one application comes in the moment in which the next begins, and may stand behind it.
            if event.app != "CELGenUserEvent" and (repeated or event.kind != "APP_END"):
                last = now
            called.clear()
        found.append(event)
    return sorted(found, key=lambda event: (event.time, -1 if event.kind == "APP_START" else _ORDER.get(event.kind, 5)))


# Within one moment: the beginning first, the end last.
_ORDER = {"CHAN_START": 0, "APP_START": 1, "HANGUP": 7, "CHAN_END": 8, "LINKEDID_END": 9}


class _Ring:
    """A leg while it is read."""

    def __init__(self, who: str, endpoint: str, employee: str, began: float) -> None:
        self.who, self.endpoint, self.employee, self.began = who, endpoint, employee, began
        self.answered = self.bridged = self.ended = 0.0
        self.cause = 0
        self.step: Step | None = None


class _Teller:
    def __init__(self, linkedid: str, plan: Plan) -> None:
        self._id, self._plan = linkedid, plan
        self._number = self._office = self._scenario = self._caller = self._name = self._channel = ""
        self._contact = self._contact_name = ""
        self._began = self._answered = self._ended = 0.0
        self._complete = False
        self._rings: dict[str, _Ring] = {}
        self._entries: list[Entry] = []
        self._marks: list[Mark] = []
        self._step: Step | None = None
        self._places: dict[tuple[str, str], int] = {}
        self._dialled: list[str] = []
        self._talks: list[tuple[str, float, float]] = []
        self._bridge = 0.0
        self._hung_up_by = ""
        self._cause = 0

    def read(self, event: Event) -> None:
        if event.kind == "LINKEDID_END":
            self._complete = True
            self._ended = max(self._ended, event.time)
        elif event.uniqueid == self._id:
            self._read_caller(event)
        else:
            self._read_leg(event)

    # ── the caller's channel ──

    def _read_caller(self, event: Event) -> None:
        match event.kind:
            case "CHAN_START":
                self._began = event.time
                self._caller, self._name, self._channel = event.caller, event.caller_name, event.channel
                self._number = event.exten
            case "ANSWER" if not self._answered:
                self._answered = event.time
            case "APP_START":
                self._application(event)
            case "DTMF" if event.defined == "Received":
                self._say(event.time, "key", f"key {_extra(event).get('digit', '')}")
            case "BRIDGE_ENTER":
                self._bridge = event.time
            case "BRIDGE_EXIT" if self._bridge:
                self._talked(event.time)
            case "HANGUP":
                self._ended = event.time
                extra = _extra(event)
                self._hung_up_by = str(extra.get("hangupsource", ""))
                self._cause = _cause(extra)
                if self._bridge:
                    self._talked(event.time)
            case _:
                self._mark(event)

    def _application(self, event: Event) -> None:
        key = (event.context, event.exten)
        place, step = self._plan.find(*key, event.app, event.data, self._places.get(key, -1))
        self._places[key] = place
        if event.context.startswith("ivrc.numbers-"):
            self._number = "+" + event.exten
        if match := re.match(r"ivrc(?:~\w+)?-([^-.]+)-([^-.]+)", event.context):
            self._office = self._office or match[1]
            self._scenario = self._scenario or match[2]
        if step is not None and step != self._step:
            self._step = step
            self._entries.append(Entry(event.time, "step", step.text, step.file, step.line))
        if (
            event.app == "GotoIf"
            and step is not None
            and step.text.startswith("when ")
            and self._first_line(key, place)
        ):
            holds = event.data.partition("?")[0] not in ("", "0")
            self._say(event.time, "decided", "yes" if holds else "no")
        if event.app == "Dial":
            self._dialled = event.data.split(",")[0].split("&")

    def _first_line(self, key: tuple[str, str], place: int) -> bool:
        """Whether this is the condition itself: a `when` is decided once each time it is reached."""
        last = self._entries[-1]
        return last.kind == "step" and last.text == (self._step.text if self._step else "") and place >= 0

    def _mark(self, event: Event) -> None:
        name = event.defined or event.kind
        text = str(_extra(event).get("extra", ""))
        if name == "IVRC_RESPONSIBLE":
            why, contact, contact_name = (*text.split("/"), "", "", "")[:3]
            self._contact, self._contact_name = contact or self._contact, contact_name or self._contact_name
            known = f": {contact_name}" if contact_name else ""
            self._say(event.time, "crm", _WHY.get(why, why) + known)
        elif name in MEDIA:
            *told, path = text.split("|") if name == "IVRC_FAX" else [text]
            self._marks.append(Mark(MEDIA[name], tuple(told), path))

    def _talked(self, until: float) -> None:
        """The caller's bridge is over: with whom was it?"""
        began, self._bridge = self._bridge, 0.0
        others = [ring for ring in self._rings.values() if ring.bridged and ring.bridged <= until]
        others = [ring for ring in others if not ring.ended or ring.ended >= began]
        if others:
            who = max(others, key=lambda ring: ring.bridged)
            self._talks.append((who.who, began, until))
            self._say(until, "talked", f"talked with {who.who} for {_seconds(until - began)}")

    def _say(self, at: float, kind: str, text: str) -> None:
        step = self._step
        self._entries.append(Entry(at, kind, text, step.file if step else "", step.line if step else 0))

    # ── everybody else's ──

    def _read_leg(self, event: Event) -> None:
        ring = self._rings.get(event.uniqueid)
        if ring is None:
            if event.kind == "CHAN_START" and not event.channel.startswith("Local/"):
                self._rings[event.uniqueid] = self._begin(event)
                self._rings[event.uniqueid].step = self._step
            elif event.kind == "APP_START" and event.app == "Dial":
                # A leg of the dialplan's own dials the phones.
                self._dialled = event.data.split(",")[0].split("&")
            elif event.kind not in _ORDER:
                self._mark(event)
            return
        match event.kind:
            case "ANSWER":
                ring.answered = event.time
            case "BRIDGE_ENTER":
                ring.bridged = ring.bridged or event.time
            case "HANGUP":
                ring.cause = _cause(_extra(event))
                ring.ended = event.time
                self._say_ring(ring)
            case _:
                pass

    def _begin(self, event: Event) -> _Ring:
        endpoint = _endpoint_of(event.channel)
        person = self._plan.person(endpoint)
        number = ""
        if person is None:
            number = self._number_of(endpoint)
            person = self._plan.person(number)
        who = person.display if person else number or endpoint
        if person and number:
            who += " (mobile)"
        return _Ring(who, number or endpoint, _name(person), event.time)

    def _number_of(self, trunk: str) -> str:
        """The number that a trunk's channel was dialled for: the next of the last Dial."""
        for index, target in enumerate(self._dialled):
            if trunk in target and (match := _NUMBER.search(target)):
                del self._dialled[index]
                return "+" + match[1]
        return ""

    def _say_ring(self, ring: _Ring) -> None:
        text = f"{ring.who} rang {_seconds((ring.answered or ring.ended) - ring.began)}: {_result(ring)}"
        step = ring.step
        self._entries.append(Entry(ring.began, "rang", text, step.file if step else "", step.line if step else 0))

    # ── the whole ──

    def call(self) -> Call:
        """What is known now."""
        code, words = self._outcome()
        entries = sorted(self._entries, key=lambda entry: entry.at)
        if self._ended:
            entries.append(Entry(self._ended, "ended", words))
        legs = tuple(
            Leg(ring.who, ring.endpoint, ring.employee, ring.began, ring.answered, ring.ended, _result(ring))
            for ring in self._rings.values()
        )
        by = self._talks[-1][0] if self._talks else ""
        return Call(
            self._id, self._number, self._office, self._scenario, self._caller, self._name, self._contact,
            self._contact_name, self._began, self._answered, self._ended, self._complete, code, words, by, legs,
            tuple(entries), tuple(self._marks),
        )  # fmt: skip

    def _outcome(self) -> tuple[str, str]:
        if self._talks:
            who, began, until = self._talks[-1]
            return "talked", f"talked with {who}, {_seconds(until - began)}"
        kinds = {mark.kind for mark in self._marks}
        if "fax" in kinds:
            told = next(mark.told for mark in reversed(self._marks) if mark.kind == "fax")
            status, pages, error = (*told, "", "", "")[:3]
            well = status == "SUCCESS"
            return (
                ("fax", f"fax received, pages: {pages}") if well else ("fax_failed", f"fax failed: {error or status}")
            )
        if not self._ended:
            return "going_on", "going on"
        if kinds & {"voicemail", "mailbox"}:
            return "message", "left a message"
        if not self._office:
            return "refused", "the number is not declared"
        where = f" during `{self._step.text}`" if self._step else ""
        if self._hung_up_by == self._channel:
            return "hung_up", f"the caller hung up{where}"
        return "nobody", f"nobody answered; ended{where}" if self._rings else f"ended{where}"


def _endpoint_of(channel: str) -> str:
    match = _CHANNEL.fullmatch(channel)
    return match[2] if match else channel


def _result(ring: _Ring) -> str:
    if ring.bridged:
        return "answered"
    if ring.answered:
        return "picked up, not put through"
    if not ring.ended:
        return "rings"
    return _CAUSES.get(ring.cause, "no answer")


def _name(person: Person | None) -> str:
    return person.name if person else ""


def _seconds(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02}"


def _extra(event: Event) -> dict[str, object]:
    try:
        found = json.loads(event.extra)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _cause(extra: dict[str, object]) -> int:
    cause = extra.get("hangupcause")
    return cause if isinstance(cause, int) else 0
