"""A journey for people and for programs: lines in the source's words, and plain data."""

from __future__ import annotations

from typing import Any

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.source import Sources

_WIDEST = 90
_WHY = {
    "found": "it knows who is responsible",
    "unknown": "it does not know the caller",
    "unassigned": "nobody is responsible for the caller",
    "late": "no answer in time",
}


def clock(milliseconds: int) -> str:
    """`01:08.5`: minutes, seconds and tenths of a call."""
    tenths = round(milliseconds / 100)
    return f"{tenths // 600:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def seconds(milliseconds: int) -> str:
    """`8s`, `0.4s`."""
    return f"{round(milliseconds / 1000, 1):g}s"


def head(written: str) -> str:
    """A step up to its block, on one line."""
    quoted = False
    kept: list[str] = []
    for char in written:
        if char == '"' and (not kept or kept[-1] != "\\"):
            quoted = not quoted
        elif char in "{#\n" and not quoted:
            break
        kept.append(char)
    line = " ".join("".join(kept).split())
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"


class Teller:
    """Tells the events of one office's calls; `shown`: with files as the command line named them."""

    def __init__(self, office: m.Office, sources: Sources, shown: bool = False) -> None:
        self._sources = sources
        self._shown = shown
        self._mobiles = {number: e.name for e in reversed(office.employees) for number in e.mobiles}

    def place(self, start: int) -> str:
        """`office.ivr:31`, or nothing."""
        if start < 0:
            return ""
        source = self._sources.of(start)
        return f"{source.shown if self._shown else source.path}:{source.place(start).line}"

    def who(self, name: str) -> str:
        """Whose phone it is: `anna`, `anna's mobile`, a number."""
        return f"{self._mobiles[name]}'s mobile" if name in self._mobiles else name

    def lines(self, journey: j.Journey) -> list[str]:
        """The whole call."""
        return [line for event in journey.events if (line := self.line(event))]

    def line(self, event: j.Event) -> str:
        """One event as a line, or an empty string for one that a person need not read."""
        if isinstance(event, j.Reached):
            written = head(self._sources.text(event.start, event.end))
            return f"{clock(event.at)}  {written:<60}  {self.place(event.start)}"
        text = self.words(event)
        if not text:
            return ""
        outer = isinstance(event, (j.Began, j.Ended))
        return f"{clock(event.at)}  {text}" if outer else f"{clock(event.at)}      {text}"

    def words(self, event: j.Event) -> str:
        """What happened, without when and where."""
        match event:
            case j.Began(_, number, scenario):
                return f"call to {number or 'no number'}, scenario {scenario}"
            case j.Ended(_, how, cause):
                return f"end: {how} (cause {cause})"
            case j.Answered():
                return "the line is answered"
            case j.Heard(at, prompt, until, why):
                cut = {"over": "", "key": ", cut by a key", "time": ""}[why]
                return f'hears "{prompt}" for {seconds(until - at)}{cut}'
            case j.Key(_, key, heeded):
                return f"presses {key}" + ("" if heeded else ": nothing listens")
            case j.Chose(_, what, keys):
                told = {"nothing": "no key in time", "wrong": f"{keys} is wrong", "extension": f"extension {keys}"}
                return told.get(what, "")
            case j.Decided(_, condition, holds):
                return f"{condition}: {'yes' if holds else 'no'}"
            case j.Drew(_, turn):
                return f"drawn: turn {turn}"
            case j.Moved(_, scenario):
                return f"goes on in scenario {scenario}"
            case j.Detected():
                return "the caller is a fax machine"
            case j.Cut(_, why):
                return f"not followed further: {why}"
            case j.Reached() | j.Passed():
                return ""
            case _:
                return self._of_people(event)

    def _of_people(self, event: j.Event) -> str:
        match event:
            case j.Rang(at, who, until, result):
                return f"{self.who(who)} rings for {seconds(until - at)}: {result}"
            case j.PassedOver(_, who, why):
                return f"{who} is {why}: passed over"
            case j.Asked(_, who, _, accepted):
                return f"{self.who(who)} is asked to press 1: {'accepts' if accepted else 'does not'}"
            case j.LookedUp(_, why, managers):
                names = f" ({', '.join(managers)})" if managers else ""
                return f"the CRM is asked: {_WHY.get(why, why)}{names}"
            case j.Talked(at, who, until, by, recorded):
                ends = {"caller": "the caller hangs up", "answerer": f"{self.who(who)} hangs up"}.get(by, "cut")
                kept = ", recorded" if recorded else ""
                return f"talks with {self.who(who)} for {seconds(until - at)}{kept}; {ends}"
            case j.Recorded(at, to, until, how):
                box = f" for {to}" if to else ""
                return f"leaves a message{box} of {seconds(until - at)} (ends: {how})"
            case j.Recording():
                return "conversations are recorded from here on"
            case j.Faxed(at, pages, why, until):
                parts = [*([f"{pages} page{'s' * (pages != 1)}"] if pages else []), *([why] if why else [])]
                return f"fax: {', '.join(parts)} in {seconds(until - at)}"
            case _:
                return ""

    def data(self, event: j.Event) -> dict[str, Any]:
        """One event as plain data: its kind, its fields (times in seconds), its place in the source."""
        fields = {**event._asdict()}
        fields["at"] = event.at / 1000
        if "until" in fields:
            fields["until"] = fields["until"] / 1000
        for name in ("start", "end"):
            fields.pop(name, None)
        if isinstance(event, j.Reached):
            fields["text"] = head(self._sources.text(event.start, event.end))
        return {"event": type(event).__name__.lower(), **fields, "place": self.place(event.start)}
