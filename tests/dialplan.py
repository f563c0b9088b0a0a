"""An independent reader of extensions.conf that knows what Asterisk would only find out during a call.

It shares nothing with the compiler: it reads the text as pbx_config does and returns complaints.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# pbx_config reads lines of 8192 bytes; a context's and an extension's name are cut at 80 with the zero.
MAX_LINE_BYTES = 8000
MAX_NAME_BYTES = 79
# An expression is copied into 4096 bytes before it is evaluated.
MAX_EXPRESSION_BYTES = 4095

_CONTEXT = re.compile(r"\[([^\]]+)\]")
_PRIORITY = re.compile(r"(?P<at>\d+|n)(?:\((?P<label>[^()]+)\))?")
_LINE = re.compile(r"(?:exten\s*=>\s*(?P<exten>[^,]+)|\s*same\s*=>\s*(?P<at>n)),?(?P<rest>.*)")
_APPLICATION = re.compile(r"(?P<app>[A-Za-z]+)\((?P<args>.*)\)")
_HINT = re.compile(r"[A-Za-z]\w*[/:][^&,\s]+(?:&[A-Za-z]\w*[/:][^&,\s]+)*")
# A hint for all extensions that differ in the last digit: devices, and what joins them, by that digit.
_DIGITS = re.compile(r"_(?P<beginning>\d*)\[(?P<last>\d+)\]")
_BY_DIGIT = re.compile(r'\$\{IF\(\$\[(?:\$\{EXTEN:-1\} = (\d)|"\$\{EXTEN:-1\}" : "\[(\d+)\]")\]\?([^()$]+)\)\}')
# Dial's option: a context, and after `^` its arguments.
_SUBROUTINE = re.compile(r"[GU]\(([^()^]*)(?:\^[^()]*)?\)")
# Where calls begin: the extension is the scenario's context.
_BEGINNING = "_ivrc."
# Where a step leads on to, and what runs when a channel is over.
_LATER = re.compile(r"(?:IVRC_NEXT|CHANNEL\(hangup_handler_push\))=(.*)")
_FAX_TO = re.compile(r"^IVRC_FAX_TO=(.*)$")
_MAY_RUN = frozenset(
    {
        "AGI",
        "Answer",
        "BackGround",
        "CELGenUserEvent",
        "Dial",
        "ExecIf",
        "Gosub",
        "Goto",
        "GotoIf",
        "Hangup",
        "Log",
        "MixMonitor",
        "NoOp",
        "Playback",
        "Queue",
        "Read",
        "ReceiveFAX",
        "Record",
        "Return",
        "Set",
        "StopMixMonitor",
        "VoiceMail",
        "Wait",
        "WaitExten",
    }
)


class Line(NamedTuple):
    """One priority."""

    priority: int
    label: str | None
    app: str
    args: str


def hints_of(extension: str, devices: str) -> dict[str, str]:
    """The hints that Asterisk makes of one in the dialplan: extension -> devices."""
    if (match := _DIGITS.fullmatch(extension)) is None:
        return {extension: devices}
    made = {}
    for digit in match["last"]:
        of_others = [by[0] for by in _BY_DIGIT.finditer(devices) if digit not in (by[1] or by[2])]
        those = devices
        for each in of_others:
            those = those.replace(each, "")
        made[match["beginning"] + digit] = _BY_DIGIT.sub(r"\3", those)
    return made


class Context(NamedTuple):
    """A context as Asterisk would load it."""

    extensions: dict[str, list[Line]]
    hints: dict[str, str]
    includes: list[str]


class Dialplan:
    """The contexts of a file, and the complaints found while reading."""

    def __init__(self, text: str) -> None:
        self.contexts: dict[str, Context] = {}
        self.complaints: list[str] = []
        self._context = ""
        self._exten = ""
        for number, line in enumerate(text.split("\n"), 1):
            if problem := self._read(line):
                self.complaints.append(f"line {number}: {problem}: {line[:200]}")

    def _read(self, line: str) -> str:
        if len(line.encode()) > MAX_LINE_BYTES:
            return "longer than Asterisk reads"
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\x85]", line):
            return "a control character"
        if not line or line.startswith(";"):
            return ""
        if ";" in line:
            return "a semicolon outside of a comment cuts the line"
        if line.startswith("["):
            return self._begin(line)
        if not self._context:
            return "a line before the first context"
        if match := re.fullmatch(r"include => (\S+)", line):
            self.contexts[self._context].includes.append(match[1])
            return ""
        return self._statement(line)

    def _begin(self, line: str) -> str:
        match = _CONTEXT.fullmatch(line)
        if match is None:
            return "not the head of a context"
        self._context = match[1]
        if self._context in self.contexts and match[1].startswith("ivrc.numbers-"):
            # Numbers of several offices end in the same digits.
            return ""
        if self._context in self.contexts:
            return "a context that was there before"
        self.contexts[self._context] = Context({}, {}, [])
        return "" if len(self._context.encode()) <= MAX_NAME_BYTES else "a name that Asterisk cuts"

    def _statement(self, line: str) -> str:
        match = _LINE.fullmatch(line)
        if match is None:
            return "not a statement"
        context = self.contexts[self._context]
        at, rest = match["at"], match["rest"]
        if match["exten"]:
            self._exten = match["exten"]
            if len(self._exten.encode()) > MAX_NAME_BYTES:
                return "an extension that Asterisk cuts"
            at, _, rest = rest.partition(",")
            if at == "hint":
                return self._hint(context, rest)
        elif rest.startswith("("):
            label, _, rest = rest.partition("),")
            at += label + ")"
        return self._priority(context, at, rest)

    def _hint(self, context: Context, devices: str) -> str:
        for extension, those in hints_of(self._exten, devices).items():
            if extension in context.hints:
                return "a second hint for this extension"
            context.hints[extension] = those
            if not _HINT.fullmatch(those):
                return "not a hint"
        return ""

    def _priority(self, context: Context, at: str, application: str) -> str:
        place = _PRIORITY.fullmatch(at)
        what = _APPLICATION.fullmatch(application)
        if place is None or what is None:
            return "not a priority and an application"
        lines = context.extensions.setdefault(self._exten, [])
        if place["at"] == "n" and not lines:
            return "`n` without a line before it"
        if place["at"] != "n" and lines:
            return "an extension that was there before"
        if place["label"] and any(line.label == place["label"] for line in lines):
            return "a label that was there before"
        lines.append(Line(len(lines) + 1, place["label"], what["app"], what["args"]))
        if what["app"] not in _MAY_RUN:
            return "an application that ivrc has no use for"
        return unbalanced(what["args"]) or bad_expression(what["args"])

    def check(self) -> list[str]:
        """Everything that is wrong with the file."""
        found = list(self.complaints)
        for name, context in self.contexts.items():
            found += [f"[{name}] includes {i}, which is not there" for i in context.includes if i not in self.contexts]
            for exten, lines in context.extensions.items():
                for line in lines:
                    found += [
                        f"{exten}@{name},{line.priority}: {problem}" for problem in self._targets(name, exten, line)
                    ]
        return found

    def _targets(self, context: str, exten: str, line: Line) -> list[str]:
        if line.app == "Goto":
            targets = [line.args]
        elif line.app == "Gosub":
            targets = [_without_arguments(line.args)]
        elif line.app == "GotoIf":
            targets = [target for target in _branches(line.args) if target]
        elif found := (_SUBROUTINE if line.app == "Dial" else _FAX_TO).search(line.args):
            targets = [f"{found[1]},s,1"]
        elif line.app == "Set" and (found := _LATER.fullmatch(line.args)):
            targets = [_without_arguments(found[1])]
        else:
            targets = []
        problems = [
            f"{line.app} to {target}: no such place" for target in targets if not self.leads(context, exten, target)
        ]
        problems += [
            f"state of {hint[0]}@{hint[1]}: no such hint"
            for hint in re.findall(r"EXTENSION_STATE\(([^@()]+)@([^()]+)\)", line.args)
            if hint[0] not in (self.contexts[hint[1]].hints if hint[1] in self.contexts else {})
            and not self._guarded(context, exten, hint[1], hint[0])
        ]
        problems += [
            f"dials {exten_}@{where}: no such extension"
            for exten_, where in re.findall(r"Local/([^@&,]+)@([^/&,]+)/n", line.args)
            if where.startswith("ivrc") and not self._dialled(exten_, where)
        ]
        return problems

    def _dialled(self, exten: str, where: str) -> bool:
        """Whether a Local leg finds its extension; one in a variable needs a pattern there."""
        there = self.contexts[where].extensions if where in self.contexts else {}
        # A variable is looked for by DIALPLAN_EXISTS before, or leads to a pattern.
        return bool(there) if exten.startswith("${") else exten in there

    def _guarded(self, context: str, exten: str, where: str, what: str) -> bool:
        """Whether the same extension asks first if `what`, a variable, is there."""
        asked = f"DIALPLAN_EXISTS({where},{what},1)"
        return where in self.contexts and any(asked in line.args for line in self.contexts[context].extensions[exten])

    def leads(self, context: str, exten: str, target: str) -> bool:
        """Whether a target `[[context,]exten,]priority` exists; one in a variable is taken for good."""
        if target == "ivrc.incoming,${FILTER(0-9+,${EXTEN})},1":
            # From the entry for numbers to what finds them.
            return exten == "_[+0-9]!" and exten in self.contexts["ivrc.incoming"].extensions
        parts = target.split(",")
        if exten == _BEGINNING and target == "${EXTEN},s,1":
            # Whoever leads there is looked at.
            return True
        if len(parts) == 3 and _BEGINNING in (self.contexts[parts[0]].extensions if parts[0] in self.contexts else {}):
            fits = parts[1].startswith("ivrc") and len(parts[1].encode()) <= MAX_NAME_BYTES
            return fits and parts[2] == "1" and self.leads(context, exten, f"{parts[1]},s,1")
        if len(parts) > 3 or not all(parts):
            return False
        if "${" in target:
            # `IVRC_NEXT` is checked where it is set, a number's context by DIALPLAN_EXISTS before.
            if len(parts) == 3 and self._guarded(context, exten, parts[0], parts[1]):
                # Whichever it is of the extensions there.
                there = self.contexts[parts[0]].extensions.values()
                return all(any(parts[2] in (str(line.priority), line.label) for line in lines) for lines in there)
            return parts[0].startswith(("${IVRC_NEXT}", "${IVRC_FAX_TO}", "ivrc.numbers-"))
        where, what, priority = ([context, exten][: 3 - len(parts)] + parts)[:3]
        found = self.contexts.get(where)
        lines = found.extensions.get(what) if found else None
        if lines is None:
            return False
        return any(priority in (str(line.priority), line.label) for line in lines)


def _without_arguments(args: str) -> str:
    """A Gosub's target without the arguments in the brackets at its end."""
    if not args.endswith(")"):
        return args
    depth = 0
    for index in range(len(args) - 1, -1, -1):
        depth += (args[index] == ")") - (args[index] == "(")
        if depth == 0:
            return args[:index]
    return args


def _branches(args: str) -> list[str]:
    """The targets of a GotoIf: after the first `?` outside of brackets, parted by `:`."""
    depth, parts = 0, [""]
    for char in args:
        depth += (char in "{[(") - (char in "}])")
        if depth == 0 and char == ("?" if len(parts) == 1 else ":"):
            parts.append("")
        else:
            parts[-1] += char
    return parts[1:] or ["(no question mark)"]


def unbalanced(args: str) -> str:
    """What is wrong with the brackets and quotes of an argument; Asterisk parts arguments by them."""
    closers = {"(": ")", "[": "]", "{": "}"}
    opened: list[str] = []
    for char in args:
        if char in closers:
            opened.append(closers[char])
        elif char in ")]}" and (not opened or opened.pop() != char):
            return f"a {char} too many"
    if opened:
        return f"no {opened[-1]} to the end"
    return "a quote is not closed" if args.count('"') % 2 else ""


def bad_expression(args: str) -> str:
    """Expressions are evaluated in a buffer of 4 KiB; an empty one is a syntax error in the log."""
    if "$[]" in args:
        return "an empty expression"
    for match in re.finditer(r"\$\[[^\]]*\]", args):
        if len(match[0].encode()) > MAX_EXPRESSION_BYTES:
            return "an expression that Asterisk cuts"
    return ""


def complaints_about(text: str) -> list[str]:
    """Everything that is wrong with an extensions.conf; nothing is what is hoped for."""
    return Dialplan(text).check()
