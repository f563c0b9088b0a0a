"""Scenarios: each step of the AST to its meaning, names resolved and defaults filled in."""

from __future__ import annotations

import re
from typing import assert_never

from ivrc import ast
from ivrc import model as m
from ivrc.diagnostics import Label
from ivrc.hours import Hours
from ivrc.semantics.hours import check_hours
from ivrc.semantics.office import Settings
from ivrc.semantics.people import People, desk_of, mobile_of, resolve_group
from ivrc.semantics.scope import Faults, Table, look_up, seconds_of
from ivrc.tokens import Token
from ivrc.walking import can_pass, dial_together

OWN_SOUND = "asterisk:"
_OWN_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*")
_SIP = re.compile(
    r"((?i:sips?:))?([A-Za-z0-9_.!~*+=$-]{1,60})@([A-Za-z0-9][A-Za-z0-9.-]{0,79}|\[[0-9a-fA-F:]{2,45}\])(:[0-9]{1,5})?"
)
_KEYS = frozenset("0123456789*#")
MAX_PROMPT_CHARACTERS = 200
MAX_CHAIN = 40
MAX_SPEECH_CHARACTERS = 2000


class Steps:
    """Turns the steps of one office into their meaning."""

    def __init__(self, settings: Settings, people: People, hours: Table[Hours], faults: Faults) -> None:
        self.settings = settings
        self.people = people
        self.hours = hours
        self.scenarios: Table[ast.Scenario] = Table("scenario")
        self.faults = faults
        self.needs_extensions: list[ast.WaitExtension] = []
        # Whom the steps so far of the scenario in hand name, and whether they ask the CRM.
        self.named: dict[str, m.Employee] = {}
        self.asks_crm = self.named_unsure = False

    def scenario(self, node: ast.Scenario) -> m.Scenario:
        """One scenario."""
        self.named = {}
        self.asks_crm = self.named_unsure = False
        return m.Scenario(node.name.text, self.block(node.body), node.start, node.name.end)

    def block(self, node: ast.Block) -> m.Block:
        """A block's steps; a step that cannot be understood is left out (its fault is reported)."""
        steps: list[m.Step] = []
        for index, written in enumerate(node.steps):
            step = self.step(written)
            if step is not None:
                steps.append(step)
            ends = isinstance(written, ast.Hangup | ast.Move)
            if (ends or (step is not None and not can_pass(step))) and index + 1 < len(node.steps):
                self._unreached(written, node.steps[index + 1 :])
                break
        return m.Block(tuple(steps))

    def _unreached(self, last: ast.Step, rest: tuple[ast.Step, ...]) -> None:
        """Tell of steps that no call gets to; they are looked at for faults of their own, and left out."""
        match last:
            case ast.Hangup() | ast.Move():
                why = f"`{'hangup' if isinstance(last, ast.Hangup) else '->'}` before it is where the call goes"
            case ast.When():
                why = "both ways of the `when` before it end the call or move it"
            case _:
                why = "every way through the menu before it ends the call or moves it"
        named, unsure, asks = dict(self.named), self.named_unsure, self.asks_crm
        for step in rest:
            self.step(step)
        self.named, self.named_unsure, self.asks_crm = named, unsure, asks
        # The last: a fault of the step itself comes before.
        self.faults.add("IVR902", rest[0], f"no call gets here: {why}", "take it out, or move it up")

    def target(self, node: ast.Block | ast.Move) -> m.Block:
        """What follows a condition or a key: a block, or a move."""
        if isinstance(node, ast.Block):
            return self.block(node)
        move = self.move(node)
        return m.Block(() if move is None else (move,))

    def step(self, node: ast.Step) -> m.Step | None:
        """One step."""
        match node:
            case ast.Play():
                return self.play(node)
            case ast.WaitExtension():
                return self.wait(node)
            case ast.CallGroup():
                group = resolve_group(node.group, self.people)
                self._name(*(dial_together(group.plan) if group else ()))
                self.named_unsure |= group is None
                seconds = self.seconds(node.duration, m.RING_SECONDS)
                return m.CallGroup(group, seconds, node.start, node.end) if group else None
            case ast.CallEmployee():
                return self.call_employee(node)
            case ast.CallNumber():
                return self.call_number(node)
            case ast.CallSip():
                return self.call_sip(node)
            case ast.CallResponsible():
                return self.call_responsible(node)
            case ast.Branch():
                return self.branch(node)
            case ast.When():
                return self.when(node)
            case ast.Hangup():
                return m.Hangup(node.start, node.end)
            case ast.Move():
                return self.move(node)
            case ast.ReachAnyone():
                return self.reach_anyone(node)
            case ast.Voicemail():
                return self.voicemail(node)
            case ast.Fax():
                return m.Fax(node.start, node.end)
            case ast.FaxDetected():
                found = look_up(self.scenarios, node.scenario, self.faults)
                return m.FaxDetected(node.scenario.text, node.start, node.end) if found is not None else None
            case ast.RecordCalls():
                prompt = self.prompt(node.prompt) if node.prompt else None
                return m.RecordCalls(prompt, node.start, node.end)
            case _:
                assert_never(node)

    def seconds(self, token: Token | None, default: int) -> int:
        """A duration in seconds."""
        return seconds_of(token, default, self.faults, m.MAX_DURATION_SECONDS)

    def only(self, tokens: tuple[Token, ...], word: str) -> Token | None:
        """The one clause of its kind; a second one is a fault."""
        if len(tokens) > 1:
            self.faults.add("IVR108", tokens[1], f"`{word}` is given twice", "keep one")
        return tokens[0] if tokens else None

    def only_prompt(self, prompts: tuple[ast.Prompt, ...]) -> m.Prompt | None:
        """The prompt of `playing`; a second one is a fault."""
        if len(prompts) > 1:
            self.faults.add("IVR108", prompts[1], "`playing` is given twice", "keep one")
        return self.prompt(prompts[0]) if prompts else None

    def prompt(self, node: ast.Prompt) -> m.Prompt | None:
        """A prompt: a file of the user's, a sound of Asterisk's, or a text to speak."""
        text = node.text.value
        if node.say:
            if not text.strip() or len(text) > MAX_SPEECH_CHARACTERS:
                message = "there is nothing to say" if not text.strip() else "this text is too long to say"
                self.faults.add("IVR409", node.text, message, f"up to {MAX_SPEECH_CHARACTERS} characters")
                return None
            return m.Prompt("speech", text, node.text.start, node.text.end)
        if text.startswith(OWN_SOUND):
            own = text[len(OWN_SOUND) :]
            if not _OWN_NAME.fullmatch(own) or ".." in own or len(own) > MAX_PROMPT_CHARACTERS:
                hint = 'as in: "asterisk:vm-goodbye"'
                self.faults.add("IVR407", node.text, "this is no name of a sound of Asterisk's", hint)
                return None
            return m.Prompt("own", own, node.start, node.end)
        if not text.strip() or len(text) > MAX_PROMPT_CHARACTERS:
            self.faults.add("IVR407", node.text, "this is no name of a prompt", 'as in: "welcome"')
            return None
        return m.Prompt("file", text, node.start, node.end)

    # ── step kinds ──

    def play(self, node: ast.Play) -> m.Play | None:
        """`play`, `say`."""
        prompt = self.prompt(node.prompt)
        seconds = self.seconds(node.duration, 0) if node.duration is not None else 0
        return m.Play(prompt, seconds or None, node.start, node.end) if prompt else None

    def wait(self, node: ast.WaitExtension) -> m.WaitExtension:
        """`wait extension`."""
        self.needs_extensions.append(node)
        seconds = self.seconds(self.only(node.durations, "for"), m.WAIT_EXTENSION_SECONDS)
        return m.WaitExtension(seconds, self.only_prompt(node.prompts), node.start, node.end)

    def call_employee(self, node: ast.CallEmployee) -> m.Step | None:
        """`call employee`."""
        employee = look_up(self.people.employees, node.employee, self.faults, (self.people.groups,))
        seconds = self.seconds(node.duration, m.RING_SECONDS)
        if employee is not None and employee.devices:
            self._name(m.Desk(employee))
        self.named_unsure |= employee is None
        then = node.then_mobile
        mobile_seconds = self.seconds(then.duration if then else None, m.OUTSIDE_RING_SECONDS)
        if employee is None:
            return None
        mobile = mobile_of(employee, then.confirm, node.employee, self.people) if then else None
        if not employee.devices and mobile is None:
            target = desk_of(employee, node.employee, self.people)
            if not isinstance(target, m.Outside):
                return None
            return m.CallNumber(target, seconds, node.start, node.end)
        return m.CallEmployee(employee, seconds, mobile, mobile_seconds, node.start, node.end)

    def call_number(self, node: ast.CallNumber) -> m.CallNumber | None:
        """`call number`."""
        number = self.people.number(node.number)
        self.people.needs_trunk.append(node.number)
        seconds = self.seconds(self.only(node.durations, "for"), m.OUTSIDE_RING_SECONDS)
        if number is None:
            return None
        if len(node.confirms) > 1:
            self.faults.add("IVR108", node.confirms[1], "`confirm` is given twice", "keep one")
        confirm = bool(node.confirms) or number in self.people.confirmed
        return m.CallNumber(m.Outside(number, confirm), seconds, node.start, node.end)

    def call_sip(self, node: ast.CallSip) -> m.CallSip | None:
        """`call sip`."""
        seconds = self.seconds(node.duration, m.OUTSIDE_RING_SECONDS)
        match = _SIP.fullmatch(node.address.value)
        if match is None:
            self.faults.add("IVR405", node.address, "this is no SIP address", 'as in: "sip:help@partner.example"')
            return None
        scheme, user, host, port = match.groups()
        if port and not 0 < int(port[1:]) < 65536:
            self.faults.add("IVR405", node.address, f"there is no port {port[1:]}", "ports go up to 65535")
            return None
        if host.casefold().rstrip(".") in self.settings.domains:
            message = f"{host} is this office's own domain: `call sip` goes to addresses outside"
            self.faults.add("IVR406", node.address, message, "call the employee or the group by name")
            return None
        return m.CallSip(f"{(scheme or 'sip:').lower()}{user}@{host}{port or ''}", seconds, node.start, node.end)

    def call_responsible(self, node: ast.CallResponsible) -> m.CallResponsible:
        """`call responsible`."""
        self.asks_crm = True
        given: dict[str, ast.ResponsibleSetting] = {}
        for setting in node.settings:
            kind = "mobile" if "mobile" in setting.what else setting.what
            first = given.setdefault(kind, setting)
            if first is not setting:
                label = Label(first.start, first.end, "first given here")
                self.faults.add("IVR108", setting, f"`{first.what}` is given already", "keep one", label)
        desk, mobile = given.get("desk"), given.get("mobile")
        what = mobile.what if mobile else "mobile"
        head = Token("CALL", "call responsible", node.start)
        if what != "no mobile" and self.settings.trunk is None:
            hint = 'write `no mobile`, or set the trunk, as in: settings { trunk "PJSIP/{number}@provider" }'
            self.faults.add("IVR208", mobile or head, "the mobiles need the setting `trunk`", hint)
        self._check_responsible(head, what)
        return m.CallResponsible(
            desk_seconds=self.seconds(desk.duration if desk else None, m.RING_SECONDS),
            mobiles="all" if what == "all mobiles" else "none" if what == "no mobile" else "first",
            mobile_seconds=self.seconds(mobile.duration if mobile else None, m.OUTSIDE_RING_SECONDS),
            confirm=mobile.confirm if mobile else False,
            second="second" in given,
            start=node.start,
            end=node.end,
        )

    def _check_responsible(self, at: Token, mobile: str) -> None:
        """Whether the CRM's answer can lead to anybody's own phones."""
        employees = self.people.employees.entries.values()
        if not any(employee.devices and (employee.crm or employee.extension) for employee in employees):
            left = "nobody can be rung here" if mobile == "no mobile" else "the responsible is rung on mobiles only"
            self.faults.add(
                "IVR903", at, f"no employee with phones has a `crm` id: {left}", 'as in: employee anna { crm "17" … }'
            )

    def _name(self, *targets: m.Target) -> None:
        """Remember whom a step names, for a `reach anyone` below it."""
        for target in targets:
            if isinstance(target, m.Desk):
                self.named.setdefault(target.employee.name, target.employee)

    def reach_anyone(self, node: ast.ReachAnyone) -> m.ReachAnyone | None:
        """`reach anyone`: everybody with phones of their own whom the steps above name."""
        if not self.named and not self.asks_crm:
            if not self.named_unsure:
                hint = "it tries whomever the `call` steps above it in this scenario name"
                message = "nobody stands above this step whom it could reach"
                self.faults.add("IVR309", node, message, hint)
            return None
        seconds = self.seconds(node.duration, m.REACH_SECONDS)
        return m.ReachAnyone(tuple(self.named.values()), self.asks_crm, seconds, node.start, node.end)

    def voicemail(self, node: ast.Voicemail) -> m.Voicemail | None:
        """`voicemail`."""
        prompt = self.prompt(node.prompt) if node.prompt else None
        seconds = self.seconds(node.duration, m.VOICEMAIL_SECONDS)
        to = None
        if node.to is not None:
            to = look_up(self.people.employees, node.to, self.faults, (self.people.groups,))
            if to is None:
                return None
        return m.Voicemail(prompt, seconds, to, node.start, node.end)

    def move(self, node: ast.Move) -> m.Move | None:
        """`->`."""
        found = look_up(self.scenarios, node.scenario, self.faults)
        return m.Move(node.scenario.text, node.start, node.end) if found is not None else None

    def branch(self, node: ast.Branch) -> m.Branch:
        """`branch`."""
        cases: list[m.BranchCase] = []
        taken: dict[str, Token] = {}
        special: dict[str, m.Block] = {}
        for case in node.cases:
            body = self.target(case.target)
            head = case.keys[0]
            self._check_keys(case, taken)
            if head.type in ("NOTHING", "WRONG"):
                special[head.text] = body
            else:
                keys = tuple(key.value for key in case.keys if key.value in _KEYS)
                cases.append(m.BranchCase(keys, body, case.start, case.end))
        if not any(case.keys for case in cases):
            self.faults.add_if_whole("IVR304", node, node, "this branch has no keys", "as in: branch { 1 -> sales }")
        seconds = self.seconds(self.only(node.durations, "for"), m.BRANCH_KEY_SECONDS)
        prompt = self.only_prompt(node.prompts)
        nothing, wrong = special.get("nothing"), special.get("wrong")
        return m.Branch(prompt, seconds, self._retries(node), tuple(cases), nothing, wrong, node.start, node.end)

    def _check_keys(self, case: ast.Case, taken: dict[str, Token]) -> None:
        for key in case.keys:
            name = key.text if key.type in ("NOTHING", "WRONG") else key.value
            if key.type not in ("NOTHING", "WRONG") and name not in _KEYS:
                self.faults.add("IVR110", key, f"no telephone has a key `{name}`", "keys are 0 to 9, `*` and `#`")
                continue
            first = taken.setdefault(name, key)
            if first is not key:
                label = Label(first.start, first.end, "first used here")
                self.faults.add("IVR303", key, f"`{name}` is used twice in this branch", "keep one", label)

    def _retries(self, node: ast.Branch) -> int:
        token = self.only(node.retries, "retries")
        if token is None:
            return 0
        if len(token.text) > 3 or int(token.text) > m.MAX_RETRIES:
            message = f"a menu can be asked again up to {m.MAX_RETRIES} times"
            self.faults.add("IVR109", token, message, "as in: retries 2")
            return 0
        return int(token.text)

    def when(self, node: ast.When, depth: int = 0) -> m.When | None:
        """`when`."""
        if depth == MAX_CHAIN:
            message = f"more than {MAX_CHAIN} conditions stand in one chain of `else when`"
            self.faults.add("IVR105", Token("WHEN", "when", node.start), message, "move the rest to a scenario")
            return None
        condition = self.condition(node.condition, node)
        then = self.target(node.then)
        other: m.Block | None = None
        if isinstance(node.otherwise, ast.When):
            inner = self.when(node.otherwise, depth + 1)
            other = m.Block((inner,) if inner else ())
        elif node.otherwise is not None:
            other = self.target(node.otherwise)
        # An empty NamedTuple (ByHidden) is false: only None means that there is no condition.
        return m.When(condition, then, other, node.start, node.end) if condition is not None else None

    def condition(self, node: ast.Condition, at: ast.When) -> m.Condition | None:
        """What a `when` depends on."""
        match node:
            case ast.ByHours(name):
                others = (self.people.switches, self.people.callers)
                hours = look_up(self.hours, name, self.faults, others)
                return m.ByHours(name.text, hours) if hours else None
            case ast.ByInlineHours(items):
                timezone = self.timezone(items[0])
                head = Token("WHEN", "when", at.start)
                hours = check_hours(items, timezone or "UTC", head, at, self.faults)
                return m.ByHours(None, hours) if timezone else None
            case ast.BySwitch(name):
                switch = look_up(self.people.switches, name, self.faults, (self.hours,))
                return m.BySwitch(switch) if switch else None
            case ast.ByCallers(name):
                callers = look_up(self.people.callers, name, self.faults)
                return m.ByCallers(callers) if callers else None
            case ast.ByHidden():
                return m.ByHidden()
            case _:
                assert_never(node)

    def timezone(self, at: object) -> str | None:
        """The office's time zone, which hours cannot do without."""
        if self.settings.timezone is None:
            hint = 'as in: settings { timezone "Europe/Moscow" }'
            self.faults.add("IVR208", at, "hours need the setting `timezone`", hint)
        return self.settings.timezone
