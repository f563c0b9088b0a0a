"""What is worked out once for an office: tables for quick look-ups, lengths of prompts, numbers in every form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from ivrc import model as m
from ivrc.hours import Hours
from ivrc.phone import plan_of
from ivrc.walking import dial_together, steps_of

# Lengths of Asterisk's own sounds (its English ones) in milliseconds, and what any other prompt is taken to last.
OWN_LENGTHS = {
    "asterisk:beep": 440,
    "asterisk:pbx-invalid": 4_440,
    "asterisk:followme/options": 3_580,
    "asterisk:auth-thankyou": 960,
}
ASSUMED_LENGTH = 5_000
# Of hours found out (a week has 10,080 minutes) and of numbers in the forms that trunks send.
_KEPT = 50_000


def prompt_name(prompt: m.Prompt) -> str:
    """A prompt as the source names it: `welcome`, `asterisk:beep`, or the text that is spoken."""
    return f"asterisk:{prompt.text}" if prompt.kind == "own" else prompt.text


def only_digits(number: str) -> str:
    """What of a caller's number Asterisk looks at."""
    return "".join(char for char in number if char in "0123456789")


def e164_digits(number: str, country: str | None) -> str:
    """A caller's number as E.164 digits, by the rules of the office's country; `0` for one who sends none."""
    digits = only_digits(number)
    if not digits:
        return "0"
    if number.startswith("+") or country is None:
        return digits
    plan = plan_of(country)
    if plan.international_prefix and digits.startswith(plan.international_prefix):
        return digits[len(plan.international_prefix) :]
    for prefix in (plan.trunk_prefix, plan.calling_code):
        rest = digits.removeprefix(prefix)
        if prefix and len(rest) < len(digits) and (not plan.lengths or len(rest) in plan.lengths):
            return plan.calling_code + rest
    return plan.calling_code + digits if not plan.lengths or len(digits) in plan.lengths else digits


class Prepared:
    """An office ready for calls. `lengths`: a prompt's name (see `prompt_name`) → seconds; others are assumed."""

    def __init__(self, office: m.Office, lengths: Mapping[str, float] | None = None) -> None:
        self.office = office
        self.country = office.country
        self.lengths = {**OWN_LENGTHS, **{name: round(value * 1000) for name, value in (lengths or {}).items()}}
        self.scenarios = {scenario.name: scenario for scenario in office.scenarios}
        self.numbers = {number.number: number for number in office.numbers}
        self.employees = {employee.name: employee for employee in office.employees}
        self.extensions = {e.extension: target for e in office.employees if e.extension and (target := reach(e))}
        self.has_devices = any(employee.devices for employee in office.employees)
        # Who may be asked to press 1 at some place, and whose owner must wherever the mobile is rung.
        self.confirmed = frozenset(confirmed(office))
        self.always_confirmed = always_confirmed(office)
        self._held: dict[tuple[int, int], bool] = {}
        self._found: dict[str | None, m.Number | None] = {}
        self._zones: dict[str, ZoneInfo] = {}

    def length(self, prompt: str) -> int:
        """How long a prompt is, in milliseconds."""
        return self.lengths.get(prompt, ASSUMED_LENGTH)

    def number(self, dialled: str | None) -> m.Number | None:
        """The declared number that a trunk's call is for, in whatever form it is written; None if there is none."""
        try:
            return self._found[dialled]
        except KeyError:
            if len(self._found) > _KEPT:
                self._found.clear()
            forms = self._forms(only_digits(dialled or ""))
            declared = (number for form in forms if (number := self.numbers.get("+" + form)))
            found = self._found[dialled] = next(declared, self.numbers.get(None))
            return found

    def _forms(self, digits: str) -> Iterator[str]:
        yield digits
        if self.country is None:
            return
        plan = plan_of(self.country)
        if plan.trunk_prefix and digits.startswith(plan.trunk_prefix):
            yield plan.calling_code + digits[len(plan.trunk_prefix) :]
        yield plan.calling_code + digits
        if plan.international_prefix and digits.startswith(plan.international_prefix):
            yield digits[len(plan.international_prefix) :]

    def hours_hold(self, hours: Hours, moment: datetime) -> bool:
        """Whether hours hold at a moment (aware). They change on whole minutes only: each is found out once."""
        key = (id(hours), int(moment.timestamp()) // 60)
        known = self._held.get(key)
        if known is None:
            if len(self._held) > _KEPT:
                self._held.clear()
            zone = self._zones.setdefault(hours.timezone, ZoneInfo(hours.timezone))
            known = self._held[key] = hours.holds_at(moment.astimezone(zone))
        return known


def reach(employee: m.Employee) -> m.Target | None:
    """How whoever keys an employee's extension reaches them: the own phones, or else the first mobile."""
    if employee.devices:
        return m.Desk(employee)
    return m.Outside(employee.mobiles[0], employee.confirm) if employee.mobiles else None


def always_confirmed(office: m.Office) -> frozenset[str]:
    """The numbers that must be accepted by a key wherever the CRM names them: employees' mobiles with `confirm`."""
    return frozenset(number for employee in office.employees if employee.confirm for number in employee.mobiles)


def confirmed(office: m.Office) -> Iterator[str]:
    """The numbers with `confirm` anywhere in the source."""
    for employee in office.employees:
        if employee.confirm:
            yield from employee.mobiles
    for group in office.groups:
        for target in dial_together(group.plan):
            if isinstance(target, m.Outside) and target.confirm:
                yield target.number
    for scenario in office.scenarios:
        for step in steps_of(scenario.body):
            target_ = step.mobile if isinstance(step, m.CallEmployee) else getattr(step, "target", None)
            if isinstance(target_, m.Outside) and target_.confirm:
                yield target_.number
