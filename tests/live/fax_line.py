"""A machine that sends faxes to an office in a real Asterisk, and what the office tells of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

from ivrc.history import journey
from ivrc.history.media import attach
from ivrc.history.settings import HistorySettings
from ivrc.testbed.ami import Event
from tests.live.fax_machine import FaxMachine
from tests.live.lab import Lab

# Ten times as fast: a page of 25 s in 2.5 s. Thirty times loses audio.
CLOCK = "@2026-11-23 09:00:00 x10"


class Mark(NamedTuple):
    """What the call's mark in the event log says."""

    status: str
    pages: int
    error: str
    station: str
    path: Path


class Line:
    """The machine that sends, and the office that receives."""

    def __init__(self, lab: Lab, machine: FaxMachine) -> None:
        self.lab = lab
        self.machine = machine

    def spooled(self) -> set[Path]:
        return set((self.lab.asterisk.rundir / "var/spool/ivrc/fax").glob("*"))

    def linkedid(self, name: str) -> str:
        """The receiver's id of a call of the machine's."""
        caller = self.machine.caller(name)

        def began(event: Event) -> bool:
            return event.get("EventName") == "CHAN_START" and event.get("CallerIDnum") == caller

        return self.lab.watch.wait_event(began)["LinkedID"]

    def sends_once_one_has_passed(self, to: str, page: Path) -> str:
        """A machine begins when a first `fax` has waited in vain, and is received; the receiver's id of the call."""
        name = self.machine.begin(to, page, "audio", waits=True)
        linkedid = self.linkedid(name)
        self.lab.watch.wait_event(
            lambda event: event.get("EventName") == "IVRC_FAX" and event.get("LinkedID") == linkedid, 60
        )
        self.machine.send_now(name)
        assert self.machine.result(name).status == "SUCCESS"
        return linkedid

    def marks(self, linkedid: str) -> list[Mark]:
        """The marks of a call, once it is over."""
        self.lab.watch.wait_event(
            lambda event: event.get("EventName") == "LINKEDID_END" and event.get("LinkedID") == linkedid, 60
        )
        texts = [
            json.loads(event["Extra"])["extra"].split("|")
            for event in self.lab.watch.events
            if event.get("EventName") == "IVRC_FAX" and event.get("LinkedID") == linkedid
        ]
        return [Mark(status, int(pages), error, station, Path(path)) for status, pages, error, station, path in texts]

    def mark(self, linkedid: str) -> Mark:
        """The mark of a call, which is the only one."""
        marks = self.marks(linkedid)
        assert len(marks) == 1, marks
        return marks[0]

    def mode(self, linkedid: str) -> str:
        """How it came, as Asterisk says."""
        modes = [
            event["Value"]
            for event in self.lab.watch.events
            if event.get("Event") == "VarSet" and event["Variable"] == "FAXMODE" and event["Linkedid"] == linkedid
        ]
        return modes[-1]

    def heard(self, linkedid: str) -> list[str]:
        return self.lab.watch.journey(linkedid).heard

    def as_pdf(self, mark: Mark) -> str:
        """The PDF that the history makes of a fax."""
        settings = HistorySettings(spool=self.lab.asterisk.rundir / "var/spool")
        told = (mark.status, str(mark.pages), mark.error, mark.station)
        (row,) = attach(settings, "1.1", (journey.Mark("fax", told, str(mark.path)),), time.time()).media
        assert row["path"].endswith(".pdf")
        return str(row["path"])
