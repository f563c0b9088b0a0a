"""A dialplan as plain lines, read from a part's own file or from what Asterisk says that it holds, and compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ivrc.named import NamedTuple

_STEP = re.compile(r"; (.*)    \((.+:\d+)\)")
_LINE = re.compile(
    r"(?:exten => (?P<exten>[^,]+),(?P<at>1|hint)| same => n)(?:\((?P<label>[^()]*)\))?,(?P<what>.*)", re.DOTALL
)
# What a list's event says of a line, or of a context that is included.
_EVENT = re.compile(
    r"\r\nExtension: (.*)\r\n(?:ExtensionLabel: (.*)\r\n)?Priority: (.*)\r\nApplication: (.*)\r\n"
    r"(?:AppData: (.*)\r\n)?Registrar: |\r\nIncludeContext: (.*)\r\n"
)


class Key(NamedTuple):
    """Where something stands; `priority` is a number, `hint`, or `include`."""

    extension: str
    priority: str


class Line(NamedTuple):
    """What stands there: label, application (or the hint's devices, or the context included), arguments."""

    label: str
    application: str
    arguments: str
    is_run: bool = True

    def __str__(self) -> str:
        label = f"({self.label}) " if self.label else ""
        return f"{label}{self.application}({self.arguments})" if self.is_run else self.application


class Held(NamedTuple):
    """Contexts → what they hold; and where each line comes from, in the source's words."""

    contexts: dict[str, dict[Key, Line]]
    steps: dict[tuple[str, Key], str]


def read_text(texts: Iterable[bytes]) -> Held:
    """The lines of parts' files."""
    held = Held({}, {})
    for text in texts:
        _read(text.decode(), held)
    return held


def _read(text: str, held: Held) -> None:
    context: dict[Key, Line] = {}
    name = extension = step = ""
    priority = 0
    for line in text.split("\n"):
        if not line:
            continue
        if line.startswith(";"):
            found = _STEP.fullmatch(line)
            step = f"{found[1]} ({found[2]})" if found else ""
        elif line.startswith("["):
            name, step = line[1:-1], ""
            context = held.contexts.setdefault(name, {})
        elif line.startswith("include => "):
            context[Key("", f"include {line[11:]}")] = Line("", line[11:], "", False)
        elif match := _LINE.fullmatch(line):
            if match["at"] == "hint":
                context[Key(match["exten"], "hint")] = Line("", match["what"], "", False)
                continue
            extension, priority = (match["exten"], 1) if match["exten"] else (extension, priority + 1)
            application, _, arguments = match["what"].partition("(")
            key = Key(extension, str(priority))
            context[key] = Line(match["label"] or "", application, arguments[:-1])
            if step:
                held.steps[name, key] = step


def lines_in(events: str) -> dict[Key, Line]:
    """The lines of Asterisk's list: one regular expression, for there are hundreds of thousands."""
    found = {}
    for exten, label, priority, application, arguments, included in _EVENT.findall(events):
        if included:
            found[Key("", f"include {included}")] = Line("", included, "", False)
        else:
            found[Key(exten, priority)] = Line(label, application, arguments, priority != "hint")
    return found


def differences(
    context: str, wanted: dict[Key, Line], found: dict[Key, Line], steps: dict[tuple[str, Key], str], whole: bool = True
) -> Iterator[str]:
    """What Asterisk holds that was not compiled, or does not hold; not `whole`: others may have lines here, too."""
    for key, line in wanted.items():
        held = found.get(key)
        if held != line:
            step = steps.get((context, key), "")
            where = f"{key.extension}@{context},{key.priority}".lstrip("@")
            said = f"Asterisk holds {held}" if held else "Asterisk does not hold it"
            yield f"{where}: compiled {line}, but {said}" + (f"; it is of: {step}" if step else "")
    extra = found.keys() - wanted.keys()
    if not whole:
        ours = {key.extension for key in wanted}
        extra = {key for key in extra if key.extension in ours}
    patterns = [key for key in wanted if key.priority == "hint" and key.extension.startswith("_")]
    for key in sorted(extra):
        if any(_made_of(wanted[pattern], pattern, found[key], key) for pattern in patterns):
            continue
        yield f"{key.extension}@{context},{key.priority}: Asterisk holds {found[key]}, which was not compiled"


def _made_of(pattern: Line, at: Key, line: Line, key: Key) -> bool:
    """Whether Asterisk made this hint out of the pattern, for a phone that subscribed."""
    beginning, _, digits = at.extension[1:-1].partition("[")
    if key.priority != "hint" or key.extension[:-1] != beginning or key.extension[-1:] not in digits:
        return False
    devices = re.findall(rf"= {key.extension[-1]}\]\?([^)]*)\)", pattern.application)
    return line.application == "&".join(devices)
