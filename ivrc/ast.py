"""What was written: one node per construct of the grammar, with where it stands.

Nodes are NamedTuples: they are made by the hundred thousand, and a NamedTuple is both
the cheapest immutable node to make and the cheapest class to define at start-up.
`start` and `end` are positions in the compilation's `Sources`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ivrc.named import NamedTuple
from ivrc.tokens import Token

if TYPE_CHECKING:
    from ivrc.ast_cases import Test


class Prompt(NamedTuple):
    """A file prompt (`"welcome"`) or, with `say`, a text to speak."""

    text: Token
    say: bool
    start: int
    end: int


class Play(NamedTuple):
    """`play "x" [for 8s]` and `say "text" [for 8s]`."""

    prompt: Prompt
    duration: Token | None
    start: int
    end: int


class WaitExtension(NamedTuple):
    """`wait extension [for 5s] [playing "x"]`."""

    durations: tuple[Token, ...]
    prompts: tuple[Prompt, ...]
    start: int
    end: int


class CallGroup(NamedTuple):
    """`call group g [for 20s]`."""

    group: Token
    duration: Token | None
    start: int
    end: int


class ThenMobile(NamedTuple):
    """`then mobile [for 30s] [confirm]`."""

    duration: Token | None
    confirm: bool
    start: int
    end: int


class CallEmployee(NamedTuple):
    """`call employee e [for 20s] [then mobile …]`."""

    employee: Token
    duration: Token | None
    then_mobile: ThenMobile | None
    start: int
    end: int


class CallNumber(NamedTuple):
    """`call number "…" [for 30s] [confirm]`."""

    number: Token
    durations: tuple[Token, ...]
    confirms: tuple[Token, ...]
    start: int
    end: int


class CallSip(NamedTuple):
    """`call sip "sip:…" [for 30s]`."""

    address: Token
    duration: Token | None
    start: int
    end: int


class ResponsibleSetting(NamedTuple):
    """A line of `call responsible { … }`: `what` is desk, mobile, all mobiles, no mobile or second."""

    what: str
    duration: Token | None
    confirm: bool
    start: int
    end: int


class CallResponsible(NamedTuple):
    """`call responsible [{ desk for 20s … }]`."""

    settings: tuple[ResponsibleSetting, ...]
    start: int
    end: int


class Case(NamedTuple):
    """One entry of a branch: its keys (or `nothing` / `wrong`) and what follows."""

    keys: tuple[Token, ...]
    target: Block | Move
    start: int
    end: int


class Branch(NamedTuple):
    """`branch … { key … }`."""

    durations: tuple[Token, ...]
    prompts: tuple[Prompt, ...]
    retries: tuple[Token, ...]
    cases: tuple[Case, ...]
    start: int
    end: int


class HoursItem(NamedTuple):
    """One word of hours, in the order written: kind is day, time, date, holidays, except or also."""

    kind: str
    first: Token
    last: Token | None
    start: int
    end: int


class ByHours(NamedTuple):
    """A condition on a named `hours`."""

    name: Token


class ByInlineHours(NamedTuple):
    """A condition on hours written in place."""

    items: tuple[HoursItem, ...]


class BySwitch(NamedTuple):
    """`switch night`."""

    name: Token


class ByCallers(NamedTuple):
    """`caller in vip`."""

    name: Token


class ByHidden(NamedTuple):
    """`caller hidden`."""


Condition: TypeAlias = ByHours | ByInlineHours | BySwitch | ByCallers | ByHidden


class When(NamedTuple):
    """`when CONDITION { … } [else { … }]`."""

    condition: Condition
    then: Block | Move
    otherwise: Block | Move | When | None
    start: int
    end: int


class ReachAnyone(NamedTuple):
    """`reach anyone [for 60s]`."""

    duration: Token | None
    start: int
    end: int


class Voicemail(NamedTuple):
    """`voicemail ["x"] [for 120s] [to anna]`."""

    prompt: Prompt | None
    duration: Token | None
    to: Token | None
    start: int
    end: int


class Fax(NamedTuple):
    """`fax`."""

    start: int
    end: int


class FaxDetected(NamedTuple):
    """`fax detected -> fax_line`."""

    scenario: Token
    start: int
    end: int


class RecordCalls(NamedTuple):
    """`record calls [playing "x"]`."""

    prompt: Prompt | None
    start: int
    end: int


class Hangup(NamedTuple):
    """`hangup`."""

    start: int
    end: int


class Move(NamedTuple):
    """`-> scenario`."""

    scenario: Token
    start: int
    end: int


class Block(NamedTuple):
    """`{ step … }`."""

    steps: tuple[Step, ...]
    start: int
    end: int


Step: TypeAlias = (
    Play
    | WaitExtension
    | CallGroup
    | CallEmployee
    | CallNumber
    | CallSip
    | CallResponsible
    | Branch
    | When
    | ReachAnyone
    | Voicemail
    | Fax
    | FaxDetected
    | RecordCalls
    | Hangup
    | Move
)


class Setting(NamedTuple):
    """`country RU`."""

    key: Token
    values: tuple[Token, ...]


class Settings(NamedTuple):
    """`settings { … }`."""

    entries: tuple[Setting, ...]
    start: int
    end: int


class Field(NamedTuple):
    """`extension 101`; `confirm` belongs to `mobile`."""

    key: Token
    values: tuple[Token, ...]
    confirm: bool


class Employee(NamedTuple):
    """`employee anna { … }`."""

    name: Token
    fields: tuple[Field, ...]
    start: int
    end: int


class Member(NamedTuple):
    """A group's member: a name or a quoted number, with its marks."""

    target: Token
    weights: tuple[Token, ...]
    marks: tuple[Token, ...]

    @property
    def mobile(self) -> bool:
        """Whether the mobile is meant."""
        return any(mark.type == "MOBILE" for mark in self.marks)

    @property
    def confirm(self) -> bool:
        """Whether whoever picks up must accept."""
        return any(mark.type == "CONFIRM" for mark in self.marks)


class Group(NamedTuple):
    """`group sales random { … }`; strategy is `at once`, `in order` or `random`."""

    name: Token
    strategy: str
    members: tuple[Member, ...]
    start: int
    end: int


class Hours(NamedTuple):
    """`hours office { … }`."""

    name: Token
    items: tuple[HoursItem, ...]
    start: int
    end: int


class Callers(NamedTuple):
    """`callers vip { "+7 …" }`."""

    name: Token
    entries: tuple[Token, ...]
    start: int
    end: int


class Switch(NamedTuple):
    """`switch night toggled by "*28"`."""

    name: Token
    code: Token
    start: int
    end: int


class Number(NamedTuple):
    """`number "…" -> main`; no numbers means `number other`."""

    numbers: tuple[Token, ...]
    scenario: Token
    start: int
    end: int


class Include(NamedTuple):
    """`include "staff.ivr"`."""

    path: Token
    start: int
    end: int


class Scenario(NamedTuple):
    """`scenario main { … }`."""

    name: Token
    body: Block
    start: int
    end: int


Declaration: TypeAlias = "Settings | Employee | Group | Hours | Callers | Switch | Number | Include | Scenario | Test"


class File(NamedTuple):
    """A file's declarations, in the order written."""

    declarations: tuple[Declaration, ...]
