"""A call on the telephone, as facts, while its events come in."""

from __future__ import annotations

import json
import re

from ivrc.testbed.ami import Event
from ivrc.testbed.beside.facts import Fact, goes_on
from ivrc.testbed.beside.names import Names

_WEIGHT = re.compile(r"IVRC_WEIGHT(?:_\d+)?_(\d+)")
# An employee's second phone rings with the first.
_TOGETHER = 0.5
_MAILBOX_LEG = "Local/leave@ivrc.mailbox"
_ENDS = {"DTMF": "hash", "SILENCE": "silence", "TIMEOUT": "limit", "HANGUP": "hangs up"}


class Observed:
    """The facts of one call so far.

    `draws` are the turns that random groups drew, each counted from 0.
    """

    def __init__(self, names: Names, linkedid: str, stamp: float) -> None:
        self.names = names
        self.linkedid = linkedid
        self.facts: list[Fact] = []
        self.draws: list[int] = []
        self.over = False
        # The lines that ran, on any channel of the call: context, extension, priority.
        self.ran: set[tuple[str, str, int]] = set()
        self.channel = ""
        self.began = stamp
        self._legs: dict[str, Fact] = {}
        self._whos: dict[str, str] = {}
        self._asked: dict[str, Fact] = {}
        # Who may be asked → the channel that the step dialled for it.
        self._dialled: dict[str, str] = {}
        self._sounding: dict[str, Fact] = {}
        self._up: set[str] = set()
        self._gone = False
        # Where the caller is.
        self._extension = ""
        self._mailbox: str | None = None

    def read(self, event: Event) -> None:
        """Take the next event of the call."""
        at = round(float(event.get("Timestamp", "0")) - self.began, 3)
        match event["Event"]:
            case "Newchannel":
                self._up.add(event["Uniqueid"])
                if event["Uniqueid"] == self.linkedid:
                    self.channel = event["Channel"]
            case "Newstate" if event["Uniqueid"] == self.linkedid and event["ChannelState"] == "6":
                self._add(Fact("answered", at))
            case "Newexten":
                self._step(event, at)
            case "CEL":
                self._stream(event, at)
            case "DialBegin":
                self._rings(event, at)
            case "DialEnd":
                self._rang(event, at)
            case "BridgeEnter":
                self._talks(event, at)
            case "VarSet":
                self._variable(event, at)
            case "Hangup":
                self._hangup(event, at)
            case _:
                pass

    def _add(self, fact: Fact) -> Fact:
        self.facts.append(fact)
        return fact

    def _step(self, event: Event, at: float) -> None:
        context, app, data = event["Context"], event["Application"], event.get("AppData", "")
        self.ran.add((context, event["Extension"], int(event["Priority"])))
        if event["Uniqueid"] != self.linkedid:
            self._leg_step(event, context, app, data, at)
            return
        if event["Extension"] == "fax" != self._extension:
            # (What its first line is told to be may still be the application that it was taken out of.)
            self._talk_is_over(at)
            self._add(Fact("fax detected", at))
        self._extension = event["Extension"]
        if context in self.names.scenarios and event["Extension"] == "s" and event["Priority"] == "1":
            self._add(Fact(f"scenario {self.names.scenarios[context]}", at))
        if app == "Set" and data.startswith("_IVRC_MAILBOX="):
            self._mailbox = self.names.mailboxes.get(data.partition("=")[2].partition("@")[0])
        elif app == "CELGenUserEvent" and data.startswith("IVRC_RESPONSIBLE,"):
            self._add(Fact(f"crm {data.partition(',')[2].partition('/')[0]}", at))
        elif app == "CELGenUserEvent" and data.startswith("IVRC_FAX,"):
            self._add(Fact(f"fax {[*data.split('|'), '', ''][1]}", at))
        elif app == "MixMonitor" and "/recordings/" in data:
            self._add(Fact("recording", at))

    def _leg_step(self, event: Event, context: str, app: str, data: str, at: float) -> None:
        if context == "ivrc.accept" and app == "Read":
            # It has rung until the question, whatever is answered.
            if ringing := self._legs.pop(event["Uniqueid"], None):
                ringing.until, ringing.how = at, "answered"
            asked = self._add(Fact(f"asked {self._whos.get(event['Uniqueid'], '')}", at))
            self._asked[event["Uniqueid"]] = asked
        elif app == "CELGenUserEvent" and data.startswith("IVRC_MAILBOX,"):
            self._add(Fact("message", at, None, self._mailbox))

    def _stream(self, event: Event, at: float) -> None:
        channel = event.get("Channel", "")
        if channel != self.channel and not channel.startswith(_MAILBOX_LEG):
            return
        if event.get("EventName") == "STREAM_END":
            if fact := self._sounding.pop(channel, None):
                fact.until = at
        elif event.get("EventName") == "STREAM_BEGIN":
            data = json.loads(event.get("Extra") or "{}")
            name, longer = ("music", False) if "class" in data else self.names.heard(str(data.get("sound")))
            self._sounding.pop(channel, None)
            last = next((fact for fact in reversed(self.facts) if fact.what.startswith("heard ")), None)
            if last is not None and goes_on(last, f"heard {name}", at):
                last.again += (at,)
                if longer:
                    last.until = None
                else:
                    self._sounding[channel] = last
                return
            fact = self._add(Fact(f"heard {name}", at))
            if not longer:
                self._sounding[channel] = fact

    def _rings(self, event: Event, at: float) -> None:
        dialled = event.get("DialString") or event["DestChannel"].partition("/")[2].rpartition("-")[0]
        who = self.names.who(dialled)
        if not who:
            return
        self._whos[event["DestUniqueid"]] = who
        self._dialled[event["DestUniqueid"]] = event.get("Channel", "").removesuffix(";2") + ";1"
        for fact in self._legs.values():
            rings = fact.what == f"rang {who}" and fact.until is None
            if rings and at - fact.at < _TOGETHER and who in self.names.devices:
                self._legs[event["DestUniqueid"]] = fact
                return
        self._legs[event["DestUniqueid"]] = self._add(Fact(f"rang {who}", at))

    def _rang(self, event: Event, at: float) -> None:
        fact = self._legs.get(event["DestUniqueid"])
        if fact is None:
            return
        if fact.how != "answered":
            fact.how = "answered" if event.get("DialStatus") == "ANSWER" else "not answered"
            fact.until = at

    def _talks(self, event: Event, at: float) -> None:
        self._has_been_asked(event["Uniqueid"], at)
        who = self._whos.get(event["Uniqueid"])
        if who and not any(fact.what == f"talked {who}" and fact.until is None for fact in self.facts):
            self._add(Fact(f"talked {who}", at))

    def _variable(self, event: Event, at: float) -> None:
        name, value = event["Variable"], event.get("Value", "")
        if (match := _WEIGHT.fullmatch(name)) and value == "0":
            self.draws.append(int(match[1]) - 1)
        elif name == "RECORD_STATUS" and value in _ENDS:
            self._add(Fact(f"recorded {_ENDS[value]}", at))

    def _hangup(self, event: Event, at: float) -> None:
        identity = event["Uniqueid"]
        self._up.discard(identity)
        self._has_been_asked(identity, at)
        for asked in [each for each in self._asked if self._dialled.get(each) == event["Channel"]]:
            # The step has gone on. (Whoever it is hears the question to its end, of which the caller knows nothing.)
            self._has_been_asked(asked, at)
        if identity == self.linkedid:
            self._gone = True
            self._talk_is_over(at)
            for fact in self._sounding.values():
                fact.until = at
            self._add(Fact("ended", at, None, event.get("Cause")))
        if self._gone and not self._up:
            self.over = True

    def _talk_is_over(self, at: float) -> None:
        """Whoever the caller talked with is gone."""
        for fact in self.facts:
            if fact.what.startswith("talked ") and fact.until is None:
                fact.until = at

    def _has_been_asked(self, identity: str, at: float) -> None:
        """Whoever was asked to press 1 has been put through, or is gone."""
        if asked := self._asked.pop(identity, None):
            asked.until = at
