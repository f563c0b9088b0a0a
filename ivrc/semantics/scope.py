"""The names of one office while its meaning is worked out, and the faults found on the way."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from ivrc.diagnostics import Diagnostic, Label, did_you_mean
from ivrc.tokens import Token

T = TypeVar("T")


class Table(Generic[T]):
    """Names of one kind (`scenario`, `employee` …) and what declares them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.entries: dict[str, T] = {}
        self.tokens: dict[str, Token] = {}
        self.folded: dict[str, Token] = {}
        self.used: set[str] = set()


# Names compared in one compilation to find which known one an unknown one was meant to be; some seconds at most.
MAX_COMPARED = 100_000


class Faults:
    """Collects diagnostics."""

    def __init__(self, broken: Iterable[int] = ()) -> None:
        self.found: list[Diagnostic] = []
        # Where the parser left something out.
        self._broken = sorted(broken)
        self._compared = 0

    def add_if_whole(self, code: str, token: Any, whole: Any, message: str, help: str = "") -> None:
        """Report that something is missing from `whole`, unless a fault inside it has been reported already."""
        if self.is_whole(whole) and not any(whole.start <= fault.start <= whole.end for fault in self.found):
            self.add(code, token, message, help)

    def is_whole(self, node: Any) -> bool:
        """Whether the parser left nothing out of a node."""
        inside = bisect_left(self._broken, node.start)
        return inside == len(self._broken) or self._broken[inside] > node.end

    def did_you_mean(self, word: str, known: list[str]) -> str:
        """`did you mean …?`, or an empty string: also where so many names are wrong that nobody reads the hints."""
        if self._compared >= MAX_COMPARED:
            return ""
        self._compared += len(known)
        return did_you_mean(word, known)

    def add(self, code: str, token: Any, message: str, help: str = "", *labels: Label) -> None:
        """Report a fault at a token or node (anything with `start` and `end`)."""
        self.found.append(Diagnostic(code, token.start, token.end, message, help, labels))


def declare(table: Table[T], name: Token, entry: T, faults: Faults) -> bool:
    """Enter a name; False, and a fault, if it is taken or differs from another in letter case only."""
    known = table.tokens.get(name.text)
    if known is not None:
        label = Label(known.start, known.end, "first declared here")
        faults.add("IVR202", name, f"{table.kind} `{name.text}` is declared twice", "rename one of them", label)
        return False
    other = table.folded.setdefault(name.text.casefold(), name)
    if other is not name:
        # Asterisk and file systems do not agree on letter case: two such names would meet somewhere.
        label = Label(other.start, other.end, "the other one is here")
        message = f"{table.kind} `{name.text}` and `{other.text}` differ in letter case only"
        faults.add("IVR203", name, message, "give one of them a name of its own", label)
        return False
    table.entries[name.text] = entry
    table.tokens[name.text] = name
    return True


def look_up(table: Table[T], name: Token, faults: Faults, others: tuple[Table[Any], ...] = ()) -> T | None:
    """What a name stands for; None, and a fault with a hint, if nothing declares it."""
    entry = table.entries.get(name.text)
    if entry is not None:
        table.used.add(name.text)
        return entry
    for other in others:
        if name.text in other.entries:
            message = f"`{name.text}` is {_a(other.kind)}, not {_a(table.kind)}"
            faults.add("IVR201", name, message, _use_instead(other.kind, name.text))
            return None
    missing = "there are no hours" if table.kind == "hours" else f"there is no {table.kind}"
    faults.add("IVR201", name, f"{missing} `{name.text}`", _known_names(table, name.text, faults))
    return None


def _known_names(table: Table[Any], name: str, faults: Faults) -> str:
    known = sorted(table.entries)
    if not known:
        return f"nothing declares {_a(table.kind)} in this office yet"
    return faults.did_you_mean(name, known) or "there are: " + ", ".join(f"`{each}`" for each in known[:8])


def _a(kind: str) -> str:
    """A kind with its article; `hours` has none."""
    return kind if kind == "hours" else f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _use_instead(kind: str, name: str) -> str:
    return {
        "employee": f"write `call employee {name}`",
        "group": f"write `call group {name}`",
        "switch": f"write `when switch {name}`",
        "callers list": f"write `when caller in {name}`",
    }.get(kind, "")


_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


def seconds_of(token: Token | None, default: int, faults: Faults, limit: int) -> int:
    """A duration token in whole seconds, from 1 to `limit`; the default if there is none or it is faulty."""
    if token is None:
        return default
    digits = token.text[: len(token.text) - len(token.text.lstrip("0123456789."))]
    unit = token.text[len(digits) :]
    factor = _UNITS.get(unit)
    if factor is None:
        faults.add("IVR109", token, f"`{unit}` is not a unit of time", "seconds are `s`, minutes `m`, hours `h`")
        return default
    if "." in digits:
        faults.add("IVR109", token, "durations are whole numbers", f"write `{round(float(digits) * factor)}s`")
        return default
    value = int(digits) * factor if len(digits) < 8 else limit + 1
    if not 1 <= value <= limit:
        faults.add("IVR109", token, f"a duration here is from 1s to {_shown(limit)}", "")
        return default
    return value


def _shown(seconds: int) -> str:
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"
