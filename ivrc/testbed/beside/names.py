"""The names of one office, from Asterisk's back to the source's."""

from __future__ import annotations

import re

from ivrc import model as m
from ivrc.lower.media import mailbox_of
from ivrc.lower.names import context_name, extension_name
from ivrc.lower.rings import endpoint_name, outside_number
from ivrc.lower.turns import interface
from ivrc.marks import unmarked
from ivrc.prompts import deployed_name, speech_name
from ivrc.simulate.office import prompt_name
from ivrc.walking import dial_together, steps_of

_LENGTH = re.compile(r"-(wait)?[0-9]+s$")


class Names:
    """What an office's contexts, sounds and dial strings are called in its source."""

    def __init__(self, office: m.Office) -> None:
        self.office = office
        self.scenarios = {unmarked(context_name(office.name, each.name)): each.name for each in office.scenarios}
        self.phones: dict[str, str] = {}
        self.devices: dict[str, list[str]] = {}
        for employee in office.employees:
            self.devices[employee.name] = [name for each in employee.devices if (name := endpoint_name(each))]
            for name in self.devices[employee.name]:
                self.phones[name] = employee.name
        # What a queue dials for each.
        self.legs = {
            unmarked(interface(office.name, extension_name(each.name))): each.name for each in office.employees
        }
        self.mailboxes = {mailbox_of(each): each.name for each in office.employees}
        self.outside = self._outside()
        # The office's own sounds: as they are deployed → as the source names them.
        self.sounds: dict[str, str] = {}
        for scenario in office.scenarios:
            for step in steps_of(scenario.body):
                if prompt := getattr(step, "prompt", None):
                    self.sounds[_sound(prompt, office.language)] = prompt_name(prompt)

    def _outside(self) -> dict[str, str]:
        """Every number and address that the office may ring: as the trunk is dialled → as the source names it."""
        office = self.office
        numbers: dict[str, None] = {}
        for employee in office.employees:
            numbers |= dict.fromkeys(employee.mobiles)
        for group in office.groups:
            numbers |= {t.number: None for t in dial_together(group.plan) if isinstance(t, m.Outside)}
        found: dict[str, str] = {}
        for scenario in office.scenarios:
            for step in steps_of(scenario.body):
                if isinstance(step, m.CallNumber):
                    numbers[step.target.number] = None
                elif isinstance(step, m.CallSip):
                    found[step.address] = step.address
        for number in numbers:
            dialled = outside_number(office.trunk or "", number, office.country)
            found[dialled.partition("/")[2]] = number
        return found

    def who(self, dialled: str) -> str:
        """Whose phone a dial string rings; empty for a leg of ivrc's own."""
        if "@ivrc" in dialled:
            return ""
        dialled = dialled.removeprefix("ivrc-sip/")
        if dialled in self.outside:
            return self.outside[dialled]
        phone = dialled.partition("/")[0]
        return self.phones.get(phone) or "+" + re.sub(r"[^0-9]", "", phone.partition("@")[0])

    def heard(self, sound: str) -> tuple[str, bool]:
        """A sound as the source names it, and whether its file is longer than what is heard (silence after it)."""
        prefix = f"ivrc/{self.office.name}/"
        if not sound.startswith(prefix):
            return f"asterisk:{sound}", False
        base = sound.removeprefix(prefix)
        length = _LENGTH.search(base)
        known = self.sounds.get(base) or self.sounds.get(_LENGTH.sub("", base)) or base
        return known, bool(length and length[1])


def _sound(prompt: m.Prompt, language: str) -> str:
    return speech_name(prompt.text, language) if prompt.kind == "speech" else deployed_name(prompt.text)
