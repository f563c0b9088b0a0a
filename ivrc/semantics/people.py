"""Employees, groups, callers and switches."""

from __future__ import annotations

import re

from ivrc import ast
from ivrc import model as m
from ivrc.diagnostics import Label
from ivrc.phone import NumberError, parse_number, plus_eight
from ivrc.semantics.office import valid_endpoint
from ivrc.semantics.scope import Faults, Table, look_up
from ivrc.tokens import Token
from ivrc.walking import dial_together

_EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,120}")
_EXTENSION = re.compile(r"[0-9]{1,10}")
_CODE = re.compile(r"[*#0-9]{1,15}")
# Asterisk cuts an application's data at 8 KiB; below these the longest line stays far from it.
MAX_TOGETHER_CHARACTERS = 4000
MAX_MEMBERS = 200
# The draw of a random group sums up a variable for each member in one expression, which Asterisk cuts at
# 4,095 bytes: `${IVRC_WEIGHT_99999_150} + ` is the longest name there can be of it.
MAX_DRAWN = 150
MAX_NESTING = 100
MAX_PERCENTAGE_CHARACTERS = 20
MAX_TOTAL_WEIGHT = 1_000_000


class People:
    """The people of one office, resolved group by group."""

    def __init__(self, country: str | None, faults: Faults) -> None:
        self.country = country
        self.faults = faults
        self.employees: Table[m.Employee] = Table("employee")
        self.groups: Table[ast.Group] = Table("group")
        self.callers: Table[m.Callers] = Table("callers list")
        self.switches: Table[m.Switch] = Table("switch")
        self.extensions: dict[str, Token] = {}
        self.codes: dict[str, Token] = {}
        self.devices: dict[str, Token] = {}
        # Employees with a phone that could not be understood: they are not told to have none as well.
        self.unsure: set[str] = set()
        self.resolved: dict[str, m.Group] = {}
        # Groups of which it was said that they lead back to themselves, or too deep: once said, they are left alone.
        self.endless: set[str] = set()
        self.needs_trunk: list[Token] = []
        # Mobiles that their owners declare with `confirm`: they ask wherever they are rung.
        self.confirmed: set[str] = set()

    def number(self, token: Token) -> str | None:
        """A quoted phone number as E.164, or None and a fault."""
        try:
            number = parse_number(token.value, self.country)
        except NumberError as fault:
            code = "IVR402" if fault.needs_country else "IVR401"
            hint = "as in: settings { country RU }" if fault.needs_country else 'as in: "+7 495 123-45-67"'
            self.faults.add(code, token, str(fault), fault.hint or hint)
            return None
        if hint := plus_eight(token.value, self.country):
            self.faults.add("IVR905", token, f"this is {number}, a number of another country", hint)
        return number

    def check_beginning(self, token: Token) -> None:
        """Warn of a beginning such as `+8 495 *`, as of a number; its digits are those of a beginning."""
        sign, _, rest = token.value.strip().rstrip("*").partition("8")
        filled = f"{sign}8{rest}" + "0" * (11 - sum(map(str.isdigit, "8" + rest)))
        if sum(map(str.isdigit, rest)) >= 3 and plus_eight(filled, self.country):
            hint = f'write `"+7{rest}*"`'
            self.faults.add("IVR905", token, f"numbers that begin with `+8{rest}` are another country's", hint)


def check_employee(node: ast.Employee, people: People) -> m.Employee:
    """One employee; faulty fields are reported and left out."""
    faults = people.faults
    fields: dict[str, ast.Field] = {}
    for field in node.fields:
        if field.key.text in fields:
            first = fields[field.key.text].key
            label = Label(first.start, first.end, "first given here")
            message = f"`{field.key.text}` is given twice"
            hint = "several mobiles stand side by side" if field.key.text == "mobile" else "keep one"
            faults.add("IVR207", field.key, message, hint, label)
        elif field.confirm and field.key.text != "mobile":
            faults.add("IVR101", field.key, "only `mobile` can have `confirm`", "")
        else:
            fields[field.key.text] = field

    def text(key: str) -> str | None:
        return fields[key].values[0].value if key in fields else None

    devices = [_check_device(fields[key].values[0], people) for key in ("browser", "sip") if key in fields]
    mobiles = [people.number(token) for token in fields["mobile"].values] if "mobile" in fields else []
    if mobiles:
        people.needs_trunk.append(fields["mobile"].values[0])
        if fields["mobile"].confirm:
            people.confirmed.update(number for number in mobiles if number)
    # The field that the parser left out may have been a phone.
    if not all((*devices, *mobiles)) or not people.faults.is_whole(node):
        people.unsure.add(node.name.text)
    _check_shared(node, fields, people)
    return m.Employee(
        name=node.name.text,
        display=text("name") or node.name.text,
        crm=text("crm"),
        extension=_check_extension(fields["extension"].values[0], people) if "extension" in fields else None,
        devices=tuple(dict.fromkeys(device for device in devices if device)),
        mobiles=tuple(dict.fromkeys(number for number in mobiles if number)),
        confirm="mobile" in fields and fields["mobile"].confirm,
        email=_check_email(fields["email"].values[0], people) if "email" in fields else None,
        start=node.start,
        end=node.name.end,
    )


def _check_device(token: Token, people: People) -> str | None:
    if valid_endpoint(token.value):
        return token.value
    hint = 'technology and name, as in: sip "PJSIP/anna"'
    people.faults.add("IVR403", token, "Asterisk cannot dial this", hint)
    return None


def _check_email(token: Token, people: People) -> str | None:
    if _EMAIL.fullmatch(token.value):
        return token.value
    people.faults.add("IVR415", token, "this is not an e-mail address", 'as in: email "anna@example.com"')
    return None


def _check_shared(node: ast.Employee, fields: dict[str, ast.Field], people: People) -> None:
    """Warn of a phone that another employee has already: a call to both rings it twice, one's call keeps both busy."""
    if node.name.text.casefold() in people.employees.folded:
        # The same employee once more, which is a fault of its own.
        return
    own = {fields[key].values[0].value.casefold(): fields[key].values[0] for key in ("browser", "sip") if key in fields}
    for device, token in own.items():
        first = people.devices.setdefault(device, token)
        if first is not token and valid_endpoint(token.value):
            label = Label(first.start, first.end, "first given here")
            message = f"`{token.value}` is the phone of another employee, too"
            people.faults.add("IVR904", token, message, "give each employee an endpoint of their own", label)


def _check_extension(token: Token, people: People) -> str | None:
    value = token.value
    if not _EXTENSION.fullmatch(value):
        people.faults.add("IVR412", token, "an extension is 1 to 10 digits", "as in: extension 101")
        return None
    first = people.extensions.setdefault(value, token)
    if first is not token:
        label = Label(first.start, first.end, "first given here")
        people.faults.add("IVR204", token, f"extension {value} belongs to somebody already", "", label)
        return None
    return value


def check_switch(node: ast.Switch, people: People) -> m.Switch:
    """One switch and the code that flips it."""
    code = node.code.value
    if not _CODE.fullmatch(code) or not re.search(r"[*#]", code):
        hint = 'digits with `*` or `#`, as in: "*28"'
        people.faults.add("IVR412", node.code, "this code cannot be told from an extension or be dialled", hint)
    else:
        first = people.codes.setdefault(code, node.code)
        if first is not node.code:
            label = Label(first.start, first.end, "it flips this one")
            people.faults.add("IVR413", node.code, f"the code {code} is taken", "", label)
    return m.Switch(node.name.text, code, node.start, node.end)


def check_callers(node: ast.Callers, people: People) -> m.Callers:
    """One list of callers; an entry that ends in `*` is a beginning."""
    numbers: dict[str, None] = {}
    prefixes: dict[str, None] = {}
    if not node.entries:
        people.faults.add_if_whole(
            "IVR304", node.name, node, "this list holds nobody", 'as in: callers vip { "+7 916 123-45-67" }'
        )
    for token in node.entries:
        text = token.value.strip()
        if text.endswith("*"):
            digits = re.sub(r"[\s().\-]", "", text[:-1])
            if re.fullmatch(r"\+[1-9][0-9]{0,13}", digits):
                prefixes[digits[1:]] = None
                people.check_beginning(token)
            else:
                hint = 'with the country code, as in: "+7 495 *"'
                people.faults.add("IVR401", token, "this is no beginning of a number", hint)
        elif (number := people.number(token)) is not None:
            numbers[number[1:]] = None
    return m.Callers(node.name.text, tuple(sorted(numbers)), tuple(sorted(prefixes)), node.start, node.name.end)


# ── groups ──────────────────────────────────────────────────────────────────────────────────────


def resolve_group(name: Token, people: People, path: tuple[str, ...] = ()) -> m.Group | None:
    """The group of a name with its ring plan; None (and a fault) if there is none."""
    node = look_up(people.groups, name, people.faults, (people.employees,))
    if node is None:
        return None
    known = people.resolved.get(name.text)
    if known is not None or name.text in people.endless:
        return known
    plan = _plan(node, people, (*path, name.text), set())
    group = m.Group(name.text, node.strategy, plan, node.start, node.name.end)
    people.resolved[name.text] = group
    return group


def _plan(node: ast.Group, people: People, path: tuple[str, ...], seen: set[object]) -> m.RingPlan:
    """How a group rings. `seen` holds who rings already: an employee in a group twice rings once."""
    if not node.members:
        people.faults.add_if_whole(
            "IVR304", node.name, node, f"group `{node.name.text}` has no members", "name who rings in it"
        )
    if len(node.members) > MAX_MEMBERS:
        message = f"a group has up to {MAX_MEMBERS} members, this one {len(node.members)}"
        people.faults.add("IVR414", node.name, message, "put parts of it into groups of their own")
    elif node.strategy == "random" and len(node.members) > MAX_DRAWN:
        message = f"a group that rings at random has up to {MAX_DRAWN} members, this one {len(node.members)}"
        people.faults.add("IVR414", node.name, message, "put parts of it into groups of their own")
    turns = [_turn(member, people, path, seen) for member in node.members]
    if node.strategy == "random":
        weighted = zip(_weights(node, people.faults), turns, strict=True)
        return m.Drawn(tuple((weight, turn) for weight, turn in weighted if turn is not None))
    for member in node.members:
        if member.weights:
            message = f"a group that rings {node.strategy} has no use for percentages"
            people.faults.add("IVR308", member.weights[0], message, f"write `group {node.name.text} random`")
    ringing = tuple(turn for turn in turns if turn is not None)
    if node.strategy == "in order":
        return m.InOrder(ringing)
    targets = tuple(target for turn in ringing for target in dial_together(turn))
    _check_size(node, targets, people.faults)
    return m.Together(targets)


def _check_size(node: ast.Group, targets: tuple[m.Target, ...], faults: Faults) -> None:
    size = sum(
        sum(len(device) + 1 for device in target.employee.devices) if isinstance(target, m.Desk) else 100
        for target in targets
    )
    if size > MAX_TOGETHER_CHARACTERS:
        message = f"{len(targets)} phones are too many to ring at once"
        faults.add("IVR414", node.name, message, "split the group and call one part after the other")


def _turn(member: ast.Member, people: People, path: tuple[str, ...], seen: set[object]) -> m.RingPlan | None:
    token = member.target
    _check_marks(member, people)
    if token.type == "STRING":
        number = people.number(token)
        people.needs_trunk.append(token)
        confirm = member.confirm or number in people.confirmed
        return None if number is None else _once(m.Outside(number, confirm), number, seen)
    if token.text in people.groups.entries and token.text not in people.employees.entries:
        return _nested(member, people, path, seen)
    employee = look_up(people.employees, token, people.faults)
    if employee is None:
        return None
    target = mobile_of(employee, member.confirm, token, people) if member.mobile else desk_of(employee, token, people)
    if target is None:
        return None
    if member.confirm and isinstance(target, m.Desk):
        people.faults.add(
            "IVR101",
            token,
            "`confirm` is for mobiles and external numbers",
            f"write `{token.text} mobile confirm`",
        )
    key = target.number if isinstance(target, m.Outside) else employee.name
    return _once(target, key, seen)


def _check_marks(member: ast.Member, people: People) -> None:
    token = member.target
    seen: set[str] = set()
    for mark in member.marks:
        if mark.text in seen:
            people.faults.add("IVR108", mark, f"`{mark.text}` is given twice", "keep one")
        seen.add(mark.text)
    if token.type == "STRING" and member.mobile:
        people.faults.add("IVR101", token, "`mobile` is for an employee's mobile; this is a number", "take it out")
    elif token.type != "STRING" and token.text not in people.employees.entries and token.text in people.groups.entries:
        for word, given in (("mobile", member.mobile), ("confirm", member.confirm)):
            if given:
                message = f"`{word}` means nothing for a group"
                people.faults.add("IVR101", token, message, f"write it in group `{token.text}`, for its members")


def _once(target: m.Target, key: object, seen: set[object]) -> m.RingPlan | None:
    if key in seen:
        return None
    seen.add(key)
    return m.Together((target,))


def _nested(member: ast.Member, people: People, path: tuple[str, ...], seen: set[object]) -> m.RingPlan | None:
    name = member.target.text
    if name in path:
        if path[-1] not in people.endless:
            # Groups that all name each other are in more rounds than anybody could read.
            people.endless.add(path[-1])
            message = f"group `{name}` contains itself: {_round_trip((*path[path.index(name) :], name))}"
            people.faults.add("IVR302", member.target, message, "take it out")
        return None
    if ("group", name) in seen or name in people.endless:
        # All of its members ring already, or their fault is known.
        return None
    if len(path) >= MAX_NESTING:
        if path[-1] not in people.endless:
            people.endless.add(path[-1])
            message = f"groups stand more than {MAX_NESTING} deep in each other here"
            people.faults.add("IVR302", member.target, message, "name its members in this group")
        return None
    seen.add(("group", name))
    plan = _plan(people.groups.entries[name], people, (*path, name), seen)
    return plan if dial_together(plan) else None


def _round_trip(names: tuple[str, ...]) -> str:
    shown = names if len(names) <= 8 else (*names[:4], "…", *names[-3:])
    return " → ".join(shown)


def desk_of(employee: m.Employee, at: Token, people: People) -> m.Target | None:
    """What rings when an employee is called: the devices, or, for one who has none, the first mobile."""
    if employee.devices:
        return m.Desk(employee)
    if employee.mobiles:
        return m.Outside(employee.mobiles[0], employee.confirm)
    if employee.name in people.unsure:
        return None
    message = f"`{employee.name}` has no phone: no `browser`, no `sip`, no `mobile`"
    people.faults.add("IVR404", at, message, 'as in: sip "PJSIP/anna"')
    return None


def mobile_of(employee: m.Employee, confirm: bool, at: Token, people: People) -> m.Outside | None:
    """The first mobile of an employee; None and a fault if there is none."""
    if not employee.mobiles and employee.name in people.unsure:
        return None
    if not employee.mobiles:
        message = f"`{employee.name}` has no mobile"
        people.faults.add("IVR404", at, message, f'give one: employee {employee.name} {{ mobile "+7 …" }}')
        return None
    return m.Outside(employee.mobiles[0], confirm or employee.confirm)


def _weights(node: ast.Group, faults: Faults) -> list[int]:
    """Integer weights of the members in the proportion of their percentages; equal ones if none are given."""
    given = [member.weights for member in node.members]
    if not any(given):
        return [1] * len(given)
    for member in node.members:
        if not member.weights:
            message = f"`{member.target.text}` has no percentage and others have one"
            faults.add("IVR307", member.target, message, "give each member one, or none of them")
            return [1] * len(given)
        if len(member.weights) > 1:
            faults.add("IVR108", member.weights[1], "a member has one percentage", "keep one")
    for weights in given:
        if len(weights[0].text) > MAX_PERCENTAGE_CHARACTERS:
            faults.add("IVR307", weights[0], "this percentage has too many digits", "as in: 33.3%")
            return [1] * len(given)
    shares = _in_proportion([weights[0].text[:-1] for weights in given])
    total = sum(shares)
    if total == 0:
        faults.add("IVR307", node.name, "nobody in this group has a weight above 0", "give one member a share")
        return [1] * len(given)
    percent = sum(float(weights[0].text[:-1]) for weights in given)
    if abs(percent - 100) > 1e-6:
        message = f"the percentages of `{node.name.text}` add up to {percent:g}"
        faults.add("IVR901", node.name, message, "they count as weights: each share is taken of the sum")
    return shares


def _in_proportion(percentages: list[str]) -> list[int]:
    """Decimal texts as whole numbers in the same proportion."""
    digits = max(len(text.partition(".")[2]) for text in percentages)
    whole = [int(text.partition(".")[0] + text.partition(".")[2].ljust(digits, "0")) for text in percentages]
    # Asterisk's RAND counts to 2**31: shares of more digits than that are rounded.
    total = sum(whole)
    if total > MAX_TOTAL_WEIGHT:
        whole = [max(1, number * MAX_TOTAL_WEIGHT // total) if number else 0 for number in whole]
    return whole
