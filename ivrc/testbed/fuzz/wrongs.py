"""What can be wrong with a line of a compiled dialplan: operators that make it so, and why some of that is no fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_CONTEXT = re.compile(r"\[(.+)\]")
_LINE = re.compile(
    r"(?P<begin>exten => (?P<exten>[^,]+),1| same => n)(?P<label>\([^()]*\))?,(?P<app>\w+)\((?P<args>.*)\)"
)


class Line(NamedTuple):
    """A line of the dialplan: where it is and what it says."""

    number: int
    context: str
    exten: str
    priority: int
    label: str
    app: str
    args: str


class Mutant(NamedTuple):
    """One line made wrong: how, what it was, and what it became (None: nothing, a NoOp)."""

    operator: str
    line: Line
    app: str
    args: str


def lines_of(dialplan: str) -> Iterator[Line]:
    """Every line of a dialplan with its priority."""
    context = exten = ""
    priority = 0
    for number, text in enumerate(dialplan.splitlines()):
        if match := _CONTEXT.fullmatch(text):
            context = match[1]
        elif match := _LINE.fullmatch(text):
            priority = 1 if match["exten"] else priority + 1
            exten = match["exten"] or exten
            yield Line(number, context, exten, priority, match["label"] or "", match["app"], match["args"])


def mutated(dialplan: str, mutant: Mutant) -> str:
    """The dialplan with the mutant's line in place of the right one."""
    texts = dialplan.splitlines()
    match = _LINE.fullmatch(texts[mutant.line.number])
    assert match is not None
    texts[mutant.line.number] = f"{match['begin']}{match['label'] or ''},{mutant.app}({mutant.args})"
    return "\n".join(texts) + "\n"


# ── operators: a line, and the others of its office, to what the line may become ──

Operator = Callable[[Line, Sequence[Line]], Iterator[tuple[str, str]]]


def _dropped(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    if line.app not in ("NoOp", "Answer"):
        yield "NoOp", ""


def _unanswered(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    if line.app == "Answer":
        yield "NoOp", ""


def _swapped(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    if line.app == "GotoIf":
        condition, _mark, targets = line.args.rpartition("?")
        first, _mark, second = targets.partition(":")
        yield "GotoIf", f"{condition}?{second}:{first}"
    elif line.app == "ExecIf" and line.args.count("?") == 1:
        condition, _mark, done = line.args.partition("?")
        yield "ExecIf", f"{condition}?NoOp():{done}"


def _longer(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Three seconds more."""
    fields = line.args.split(",")
    place = {"Dial": 1, "WaitExten": 0, "Wait": 0, "Queue": 4}.get(line.app)
    if place is not None and place < len(fields) and fields[place].isdigit():
        fields[place] = str(int(fields[place]) + 3)
        yield line.app, ",".join(fields)
    if line.app == "Gosub" and (match := re.fullmatch(r"(.*,s,1)\((\d+)(.*)\)", line.args)):
        yield "Gosub", f"{match[1]}({int(match[2]) + 3}{match[3]})"
    if line.app == "Set" and (match := re.fullmatch(r"(TIMEOUT\(absolute\)=|IVRC_UNTIL=.*\+ )(\d+)(\]?)", line.args)):
        more = 3000 if match[1].startswith("IVRC") else 3
        if match[2] != "0":
            yield "Set", f"{match[1]}{int(match[2]) + more}{match[3]}"


def _elsewhere(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Another target: of a jump another one of the office's, of a ring another phone."""
    if line.app == "Goto" and "$" not in line.args and "," in line.args:
        for other in others:
            if other.app == "Goto" and other.args != line.args and "$" not in other.args and other.args.count(",") == 2:
                yield "Goto", other.args
    if line.app == "Dial" and line.args.startswith("PJSIP/"):
        phone, comma, rest = line.args.partition(",")
        for other in others:
            if other.app == "Dial" and other.args.startswith("PJSIP/") and other.args.partition(",")[0] != phone:
                yield "Dial", other.args.partition(",")[0] + comma + rest


def _other_sound(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    if line.app in ("Playback", "BackGround"):
        for other in others:
            if other.app in ("Playback", "BackGround") and other.args != line.args:
                yield line.app, other.args


def _other_label(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """A jump within the extension to another of its labels."""
    labels = [o.label[1:-1] for o in others if o.label and (o.context, o.exten) == (line.context, line.exten)]
    if line.app == "GotoIf":
        condition, question, target = line.args.rpartition("?")
        for label in labels:
            if target.lstrip(":") in labels and label != target.lstrip(":"):
                yield "GotoIf", condition + question + ":" * target.startswith(":") + label
    if line.app == "Goto" and line.args in labels:
        yield from (("Goto", label) for label in labels if label != line.args)


def _option(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Options left out, or a wrong one."""
    if line.app == "Dial" and "U(" in line.args:
        yield "Dial", re.sub(r"U\([^)]*\)", "", line.args)
    if line.app == "Dial" and line.args.endswith(",i"):
        yield "Dial", line.args + "g"
        yield "Dial", line.args + "S(1)"
    if line.app == "Dial" and line.args.endswith(",r"):
        yield "Dial", line.args[:-1] + "m"
    if line.app == "Record":
        yield "Record", re.sub(r",10,", ",3,", line.args, count=1)
    if line.app == "Read":
        yield "Read", line.args.replace(",1,,2,4", ",1,,1,4")
    if line.app == "Hangup" and line.args:
        yield "Hangup", "19" if line.args == "16" else "16"


def _order(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """In a group: what the next ring of the same extension has to say."""
    if ".group-" in line.context and line.app == "Dial":
        for other in others:
            if (other.context, other.app) == (line.context, "Dial") and other.args != line.args:
                yield "Dial", other.args


def _fax(line: Line, others: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """A fax machine is not listened for, is taken elsewhere or nowhere, or has no time."""
    if line.args.startswith("IVRC_FAX_TO="):
        contexts = {other.args.removesuffix(",s,1") for other in others if other.args.endswith(",s,1")}
        contexts |= {other.args.partition("=")[2] for other in others if other.args.startswith("IVRC_FAX_TO=")}
        yield from (("Set", f"IVRC_FAX_TO={context}") for context in sorted(contexts) if "ivrc-fuzz" in context)
    if line.args == "FAXOPT(faxdetect)=cng":
        yield "Set", "FAXOPT(faxdetect)=no"
    if line.exten == "fax":
        yield ("Set", "TIMEOUT(absolute)=3") if line.app == "Set" else ("NoOp", "")


def _condition(line: Line, _: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """A comparison turned round, or off by one."""
    if line.app in ("GotoIf", "ExecIf", "Set", "Return"):
        for old, new in ((" >= ", " < "), (" < ", " >= "), (" <= ", " < "), ('" = "', '" != "'), (" = 0]", " = 1]")):
            if line.args.count(old) == 1:
                yield line.app, line.args.replace(old, new)


OPERATORS: dict[str, Operator] = {
    "line dropped": _dropped,
    "Answer dropped": _unanswered,
    "branches swapped": _swapped,
    "time changed": _longer,
    "target changed": _elsewhere,
    "sound changed": _other_sound,
    "label changed": _other_label,
    "option changed": _option,
    "order of rings": _order,
    "fax changed": _fax,
    "comparison changed": _condition,
}


def mutants_of(line: Line, others: Sequence[Line]) -> Iterator[Mutant]:
    """All that a line can be made wrong to; what comes to the same is not wrong."""
    if goes_on(line, others):
        return
    for name, operator in OPERATORS.items():
        for app, args in operator(line, others):
            if (app, args) != (line.app, line.args):
                yield Mutant(name, line, app, args)


def goes_on(line: Line, others: Sequence[Line]) -> bool:
    """Whether a jump leads to the next line either way: that of a condition with nothing in its block."""
    place = (line.context, line.exten, line.priority + 1)
    labels = [other.label[1:-1] for other in others if (other.context, other.exten, other.priority) == place]
    targets = line.args.rpartition("?")[2].strip(":")
    return line.app == "GotoIf" and labels == [targets]


# Lines that no call can tell from right ones: how they are wrong, their application and arguments, why, and what must
# not be in the program for that.
EQUIVALENT: tuple[tuple[str, str, str, str], ...] = (
    ("line dropped", r"Set\(__IVRC_PLAN=.*", "for the call history and for deploys, which have tests of their own", ""),
    (
        "line dropped",
        r"Set\(CHANNEL\(language\)=en\)",
        "English is Asterisk's own default, as in all these programs",
        "",
    ),
    ("line dropped", r"Set\(FAXOPT\(faxdetect\)=no\)", "Asterisk listens on, and warns", ""),
    ("line dropped", r"Set\(_IVRC_ASKER=\)", "keeps a variable from later legs, where nobody reads it", ""),
    (
        "line dropped",
        r"Set\(LOCAL\(waiting\)=.*",
        "counts other calls that wait with this manager; one call is alone",
        "",
    ),
    ("line dropped", r"Set\(GROUP\(.*", "for other calls that wait with this manager; one call is alone", ""),
    (
        "line dropped",
        r"CELGenUserEvent\(IVRC_(VOICEMAIL|RECORDING).*",
        "for the call history, which has tests of its own",
        "",
    ),
    ("line dropped", r"Hangup\(.*\)", "the end of a leg that ends there anyway", ""),
    (
        "line dropped",
        r"Set\(LOCAL\(left\)=\$\{CUT\(left,-,2-\)\}\)",
        "the first of several mobiles is the only one",
        "all mobiles",
    ),
    ("option changed", r"Hangup\(\$\{HANGUPCAUSE\}\)", "a leg's cause, which nobody asks for", ""),
    (
        "label changed",
        r"""GotoIf\(\$\["\$\{ARG7\}" = "confirm"\]\?confirmed\)""",
        "no step asks for a key",
        " confirm",
    ),
    (
        "label changed",
        r"""GotoIf\(\$\["\$\{IVRC_RING\}" = ""\]\?done\)""",
        "the CRM names no number that has no digits",
        "",
    ),
    ("comparison changed", r"GotoIf\(\$\[\$\{IVRC_LEFT\} <= 0\].*", "at 0 exactly there are 0 s to wait", ""),
)
_ANSWERS = ("Playback", "BackGround", "Record", "Read")
_LOCAL = re.compile(r"LOCAL\((\w+)\)=")


def reason(mutant: Mutant, dialplan: str, program: str) -> str:
    """Why no call could tell the mutant; empty if one could."""
    line = mutant.line
    text = f"{line.app}({line.args})"
    after = following(dialplan, line)
    if mutant.operator == "Answer dropped" and _first_app(dialplan, after) in _ANSWERS:
        return "what comes next answers by itself"
    if mutant.operator == "option changed" and mutant.args == line.args + "g" and after and after.app == "Hangup":
        return "whoever goes on is hung up by the next line"
    if mutant.operator == "line dropped" and line.app == "Set" and (local := _LOCAL.match(line.args)):
        rest = [other for other in lines_of(dialplan) if other.context == line.context and other.number != line.number]
        if not any(re.search(rf"\b{local[1]}\b(?!\)=)", other.args) for other in rest):
            return "no line of the context reads the variable"
    for operator, pattern, why, unless in EQUIVALENT:
        if operator == mutant.operator and re.fullmatch(pattern, text) and not (unless and unless in program):
            return why
    return ""


def following(dialplan: str, line: Line) -> Line | None:
    """The next line; None at the end."""
    lines = list(lines_of(dialplan))
    index = next(place for place, other in enumerate(lines) if other.number == line.number)
    return lines[index + 1] if index + 1 < len(lines) else None


def _first_app(dialplan: str, line: Line | None) -> str:
    """The first application from this line on that does something, through a jump elsewhere."""
    while line is not None and line.app == "Set":
        line = following(dialplan, line)
    if line is not None and line.app == "Goto":
        place = tuple(line.args.split(","))
        there = [other for other in lines_of(dialplan) if (other.context, other.exten, "1") == place]
        line = there[0] if there else None
    while line is not None and line.app == "Set":
        line = following(dialplan, line)
    return line.app if line is not None else ""
