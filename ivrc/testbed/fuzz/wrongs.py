"""What can be wrong with a line of a compiled dialplan: operators that make it so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ivrc.testbed.fuzz.jumps import Jumps, Line, with_line


class Mutant(NamedTuple):
    """One line made wrong: how, what it was, and what it became (None: nothing, a NoOp)."""

    operator: str
    line: Line
    app: str
    args: str


def mutated(dialplan: str, mutant: Mutant) -> str:
    """The dialplan with the mutant's line in place of the right one."""
    return with_line(dialplan, mutant.line, mutant.app, mutant.args)


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
    """Three seconds more; after a wrong extension six: to say that it is wrong takes four and a half."""
    fields = line.args.split(",")
    place = {"Dial": 1, "WaitExten": 0, "Wait": 0, "Queue": 4}.get(line.app)
    if place is not None and place < len(fields) and fields[place].isdigit():
        fields[place] = str(int(fields[place]) + 3)
        yield line.app, ",".join(fields)
    if line.app == "Gosub" and (match := re.fullmatch(r"(.*,s,1)\((\d+)(.*)\)", line.args)):
        yield "Gosub", f"{match[1]}({int(match[2]) + 3}{match[3]})"
    if line.app == "Set" and (match := re.fullmatch(r"(TIMEOUT\(absolute\)=|IVRC_UNTIL=.*\+ )(\d+)(\]?)", line.args)):
        more = 6000 if match[1].startswith("IVRC") else 3
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


def mutants_of(line: Line, jumps: Jumps) -> Iterator[Mutant]:
    """All that a line of these can be made wrong to; what leads to the same place is not wrong.

    Nor is it made a ring of jumps that takes no time: a call in it takes the machine from all others.
    """
    for name, operator in OPERATORS.items():
        for app, args in operator(line, jumps.lines):
            if (app, args) == (line.app, line.args) or jumps.comes_to_same(line, app, args):
                continue
            if not jumps.makes_ring(line, app, args):
                yield Mutant(name, line, app, args)
