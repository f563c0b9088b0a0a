"""What the source means: names resolved, units fixed (seconds, minutes, E.164), defaults filled in.

The compiler, and whatever else needs a scenario's meaning, work from these nodes and from nothing earlier.
NamedTuples for the reason given in `ivrc.ast`. `start` and `end` are positions in the Sources.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ivrc.hours import Hours
from ivrc.named import NamedTuple

# Default durations in seconds, where the source gives none (documented in docs/language.md).
RING_SECONDS = 20
OUTSIDE_RING_SECONDS = 30
WAIT_EXTENSION_SECONDS = 5
BRANCH_KEY_SECONDS = 7
REACH_SECONDS = 60
# One turn of `reach anyone`: after so long unanswered, the call goes on to somebody else.
REACH_RING_SECONDS = 20
# A phone that has just stopped ringing is free for a queue after as many milliseconds, or less.
REACH_SETTLES = 200
VOICEMAIL_SECONDS = 120
# So much silence ends a message.
VOICEMAIL_SILENCE_SECONDS = 10
LOOKUP_SECONDS = 2
MAX_LOOKUP_SECONDS = 10
MAX_DURATION_SECONDS = 3600
MAX_RETRIES = 20


class Prompt(NamedTuple):
    """Something to hear. `file`: the user's file; `own`: a sound of Asterisk's; `speech`: a text to speak."""

    kind: Literal["file", "own", "speech"]
    text: str
    start: int
    end: int


class Employee(NamedTuple):
    """A person: `devices` are dialled together (browser, then SIP phone); `mobiles` are E.164."""

    name: str
    display: str
    crm: str | None
    extension: str | None
    devices: tuple[str, ...]
    mobiles: tuple[str, ...]
    confirm: bool
    email: str | None
    start: int
    end: int


class Desk(NamedTuple):
    """An employee's own devices: rung only while the employee is free."""

    employee: Employee


class Outside(NamedTuple):
    """An external number (E.164); with `confirm` whoever picks up must press 1."""

    number: str
    confirm: bool


Target: TypeAlias = Desk | Outside


class Together(NamedTuple):
    """All targets ring at the same time."""

    targets: tuple[Target, ...]


class InOrder(NamedTuple):
    """One turn after another."""

    turns: tuple[RingPlan, ...]


class Drawn(NamedTuple):
    """Turns in an order drawn at each call, by integer weights; those of weight 0 come last, as written."""

    turns: tuple[tuple[int, RingPlan], ...]


RingPlan: TypeAlias = Together | InOrder | Drawn


class Group(NamedTuple):
    """A group and how it rings."""

    name: str
    strategy: str
    plan: RingPlan
    start: int
    end: int


class Switch(NamedTuple):
    """A switch that employees flip by dialling `code`; off until first flipped."""

    name: str
    code: str
    start: int
    end: int


class Callers(NamedTuple):
    """A list of callers: whole numbers (E.164 digits without `+`) and beginnings of numbers."""

    name: str
    numbers: tuple[str, ...]
    prefixes: tuple[str, ...]
    start: int
    end: int


class Play(NamedTuple):
    """Play once, or for exactly `seconds`: longer audio is cut, shorter audio is repeated."""

    prompt: Prompt
    seconds: int | None
    start: int
    end: int


class WaitExtension(NamedTuple):
    """Take an employee's extension during `seconds`, which count from the start of the audio."""

    seconds: int
    prompt: Prompt | None
    start: int
    end: int


class CallGroup(NamedTuple):
    """Ring a group; `seconds` is the time of each turn."""

    group: Group
    seconds: int
    start: int
    end: int


class CallEmployee(NamedTuple):
    """Ring an employee's devices, then, if asked for, the first mobile."""

    employee: Employee
    seconds: int
    mobile: Outside | None
    mobile_seconds: int
    start: int
    end: int


class CallNumber(NamedTuple):
    """Ring an external number."""

    target: Outside
    seconds: int
    start: int
    end: int


class CallSip(NamedTuple):
    """Ring an external SIP address (`sip:user@host[:port]`, or `sips:`)."""

    address: str
    seconds: int
    start: int
    end: int


class CallResponsible(NamedTuple):
    """Ring whoever the CRM says is responsible for the caller: the devices, then mobiles of the profile.

    `mobiles` says which of these ring; with `second` the contact's second responsible follows in the same way.
    """

    desk_seconds: int
    mobiles: Literal["first", "all", "none"]
    mobile_seconds: int
    confirm: bool
    second: bool
    start: int
    end: int


class BranchCase(NamedTuple):
    """What follows on one of `keys`."""

    keys: tuple[str, ...]
    body: Block
    start: int
    end: int


class Branch(NamedTuple):
    """A menu: the audio, then `seconds` to press a key; asked again `retries` times at none or a wrong one."""

    prompt: Prompt | None
    seconds: int
    retries: int
    cases: tuple[BranchCase, ...]
    nothing: Block | None
    wrong: Block | None
    start: int
    end: int


class ByHours(NamedTuple):
    """Within hours, at the moment the step is reached. `name` is None for hours written in place."""

    name: str | None
    hours: Hours


class BySwitch(NamedTuple):
    """While a switch is on."""

    switch: Switch


class ByCallers(NamedTuple):
    """The caller's number is in a list."""

    callers: Callers


class ByHidden(NamedTuple):
    """The caller hides the number, or sends none."""


Condition: TypeAlias = ByHours | BySwitch | ByCallers | ByHidden


class When(NamedTuple):
    """One block or the other."""

    condition: Condition
    then: Block
    otherwise: Block | None
    start: int
    end: int


class ReachAnyone(NamedTuple):
    """Music, until one of `people` is free and answers, for at most `seconds`.

    With `responsible` the manager that the CRM named for this call is one of them, too.
    """

    people: tuple[Employee, ...]
    responsible: bool
    seconds: int
    start: int
    end: int


class Voicemail(NamedTuple):
    """Audio, a tone, then the caller's message: until `#`, silence, the limit of `seconds`, or the caller hangs up."""

    prompt: Prompt | None
    seconds: int
    to: Employee | None
    start: int
    end: int


class Fax(NamedTuple):
    """Receive a fax."""

    start: int
    end: int


class FaxDetected(NamedTuple):
    """From here on: a caller that turns out to be a fax machine moves to `scenario`."""

    scenario: str
    start: int
    end: int


class RecordCalls(NamedTuple):
    """From here on conversations are recorded; the caller hears `prompt` first."""

    prompt: Prompt | None
    start: int
    end: int


class Hangup(NamedTuple):
    """End the call."""

    start: int
    end: int


class Move(NamedTuple):
    """Go on in another scenario, for good."""

    scenario: str
    start: int
    end: int


class Block(NamedTuple):
    """Steps in order."""

    steps: tuple[Step, ...]


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


class Scenario(NamedTuple):
    """A named sequence of steps; past the last one the call is hung up."""

    name: str
    body: Block
    start: int
    end: int


class Number(NamedTuple):
    """An incoming number (E.164) and the scenario it starts; `number` None is every undeclared one."""

    number: str | None
    written: str
    scenario: str
    start: int
    end: int


class Office(NamedTuple):
    """One office: a namespace of its own.

    `helper` answers what the CRM knows: `agi://host:port`, or the path of a program; it has `lookup_seconds` for it.
    """

    name: str
    country: str | None
    timezone: str | None
    language: str
    trunk: str | None
    sip: str
    helper: str
    lookup_seconds: int
    folder: str
    prompts: str
    employees: tuple[Employee, ...]
    groups: tuple[Group, ...]
    hours: tuple[tuple[str, Hours], ...]
    callers: tuple[Callers, ...]
    switches: tuple[Switch, ...]
    numbers: tuple[Number, ...]
    scenarios: tuple[Scenario, ...]
    start: int
    end: int
