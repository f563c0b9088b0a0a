"""What the clauses of a test may name: people and their phones, prompts, scenarios, keys; and times."""

from __future__ import annotations

import re
from typing import Any

from ivrc import model as m
from ivrc.ast_cases import Who
from ivrc.phone import NumberError, parse_number
from ivrc.semantics.scope import Faults, Table, look_up
from ivrc.simulate.office import prompt_name
from ivrc.tokens import Token
from ivrc.walking import dial_together, steps_of

_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)([^\W\d]\w*)")
_FACTORS = {"ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}
MAX_TIME = 24 * 3_600_000

Phones = tuple[tuple[str, ...], ...]
"""The phones of somebody named: an entry for each person, with its alternatives."""


def _table(kind: str, entries: dict[str, Any]) -> Table[Any]:
    table: Table[Any] = Table(kind)
    table.entries = entries
    return table


class Names:
    """The names of one office, for its tests."""

    def __init__(self, office: m.Office, faults: Faults) -> None:
        self.office = office
        self.faults = faults
        self.employees: Table[m.Employee] = _table("employee", {each.name: each for each in office.employees})
        self.groups: Table[m.Group] = _table("group", {each.name: each for each in office.groups})
        self.switches: Table[m.Switch] = _table("switch", {each.name: each for each in office.switches})
        self.scenarios: Table[m.Scenario] = _table("scenario", {each.name: each for each in office.scenarios})
        self.steps = [step for scenario in office.scenarios for step in steps_of(scenario.body)]
        self.addresses = {step.address for step in self.steps if isinstance(step, m.CallSip)}
        self.prompts: dict[str, list[m.Step]] = {}
        for step in self.steps:
            if prompt := getattr(step, "prompt", None):
                self.prompts.setdefault(prompt_name(prompt), []).append(step)

    # ── people ──

    def phones(self, who: Who) -> Phones:
        """Whose phones are meant; empty, and a fault, if nobody's."""
        token = who.target
        if token.type == "STRING":
            return self._outside(token)
        group = self.groups.entries.get(token.text)
        if group is not None and token.text not in self.employees.entries and not who.mobile:
            targets = dial_together(group.plan)
            return tuple(dict.fromkeys((_phone(target),) for target in targets))
        employee = look_up(self.employees, token, self.faults, (self.groups,) if who.mobile else ())
        if employee is None:
            return ()
        if who.mobile and not employee.mobiles:
            hint = f'as in: employee {employee.name} {{ mobile "+7 916 123-45-67" }}'
            self.faults.add("IVR404", who, f"{employee.name} has no mobile", hint)
            return ()
        if who.mobile:
            return (employee.mobiles,)
        # Whoever has only a mobile is rung there.
        return ((employee.name, *(() if employee.devices else employee.mobiles)),)

    def _outside(self, token: Token) -> Phones:
        text = token.value
        if re.match(r"(?i)sips?:", text):
            scheme, _, rest = text.partition(":")
            address = f"{scheme.lower()}:{rest}"
            if address in self.addresses:
                return ((address,),)
            hint = self.faults.did_you_mean(address, sorted(self.addresses))
            self.faults.add("IVR507", token, f"no step of this office calls {text}", hint)
            return ()
        number = self.number(token)
        return ((number,),) if number else ()

    def number(self, token: Token) -> str | None:
        """A phone number as E.164; None, and a fault, if it is none."""
        try:
            return parse_number(token.value, self.office.country)
        except NumberError as fault:
            code = "IVR402" if fault.needs_country else "IVR401"
            hint = "as in: settings { country RU }" if fault.needs_country else 'as in: "+7 495 123-45-67"'
            self.faults.add(code, token, str(fault), fault.hint or hint)
            return None

    # ── prompts ──

    def prompt(self, token: Token) -> str:
        """A prompt that the office plays, or a sound of Asterisk's own."""
        if token.value not in self.prompts and not token.value.startswith("asterisk:"):
            self.unknown_prompt(token)
        return token.value

    def unknown_prompt(self, token: Token) -> None:
        """Report a prompt that no step plays."""
        known = sorted(self.prompts)
        hint = self.faults.did_you_mean(token.value, known) or _listed(known, "no step plays anything")
        self.faults.add("IVR507", token, f"no step of this office plays `{token.value}`", hint)

    # ── times ──

    def milliseconds(self, token: Token) -> int:
        """`5s`, `1.5m`, `300ms`; 0, and a fault, for what is none."""
        if token.type == "DURATION":
            match = _TIME.fullmatch(token.text)
            factor = _FACTORS.get(match[2]) if match else None
            if match and factor and (value := round(float(match[1]) * factor)) <= MAX_TIME:
                return value
        hint = "as in: 5s, 1.5m, 300ms; up to a day"
        self.faults.add("IVR109", token, f"`{token.text}` is not a time", hint)
        return 0

    def whole(self, token: Token) -> int:
        """A whole number of up to nine digits; 0, and a fault, for anything else."""
        if token.type == "INT" and len(token.text) < 10:
            return int(token.text)
        self.faults.add("IVR506", token, f"`{token.text}` is not a number", "a whole number of up to nine digits")
        return 0


def _phone(target: m.Target) -> str:
    return target.employee.name if isinstance(target, m.Desk) else target.number


def _listed(known: list[str], none: str) -> str:
    return "there are: " + ", ".join(f"`{each}`" for each in known[:8]) if known else none
