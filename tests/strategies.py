"""Random whole programs: valid, self-contained (no prompt of the user's), with no round without a key.

Scenarios move freely on a key and only forwards anywhere else; `programs()` is for every test that needs an
office, the live ones too. `broken()` and `junk()` are for tests of what is not a program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

# Sounds that every Asterisk has.
SOUNDS = ("beep", "vm-goodbye", "demo-thanks", "digits/1")
NAMES = ("anna", "boris", "vera", "Глеб", "花子", "zoë", "_x", "mobile", "group", "x1", "очень_длинное_имя_сотрудника")
SCENARIOS = ("main", "play", "меню", "s", "branch2", "a_rather_long_name_of_a_scenario_of_an_office", "h")
HOSTILE = (
    ";",
    ";--",
    "--;",
    "\\",
    '"',
    ",",
    "&",
    "|",
    "${EXTEN}",
    "$[1+1]",
    "${SHELL(id)}",
    "(",
    ")",
    "[x]",
    "]",
    "{",
    "}",
    "#",
    "->",
    "\t",
    "\r",
    "\x1b[31m",
    "\u2028",
    "\u202e",
    "\ufeff",
    "exten => s,1,System(id)",
    "same => n,Hangup()",
    "#include /etc/passwd",
    "[ivrc-incoming]",
    "é",
    "e\u0301",
    "花",
)
KEYS = "0123456789*#"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def quoted(text: str) -> str:
    """A text as a string of the language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def hostile_texts() -> SearchStrategy[str]:
    """One line of text with signs that mean something to Asterisk, to a terminal or to the language."""
    letters = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=8)
    return st.lists(st.one_of(st.sampled_from(HOSTILE), letters), max_size=6).map(" ".join)


def times() -> SearchStrategy[str]:
    """A range of times that is not empty."""
    pairs = st.tuples(st.integers(0, 95), st.integers(1, 96)).filter(lambda pair: pair[0] != pair[1])
    return pairs.map(lambda pair: f"{pair[0] // 4:02}:{pair[0] % 4 * 15:02}-{pair[1] // 4:02}:{pair[1] % 4 * 15:02}")


def weekly() -> SearchStrategy[str]:
    """Days with times."""
    day = st.sampled_from(DAYS)
    days = st.one_of(day, st.tuples(day, day).map("-".join))
    ranges = st.lists(times(), max_size=2).map(" ".join)
    return st.tuples(days, ranges).map(" ".join)


@st.composite
def hours_items(draw: DrawFn) -> str:
    """What stands in `hours`."""
    dates = st.one_of(
        st.dates().filter(lambda day: 2000 < day.year < 2100).map(str),
        st.sampled_from(["holidays RU", "holidays DE-BY", "2026-12-30..2027-01-08", "2025-11-01"]),
    )
    items = draw(st.lists(weekly(), min_size=1, max_size=3))
    for word in draw(st.lists(st.sampled_from(["except", "also"]), max_size=3)):
        items.append(f"{word} {draw(dates)} {draw(st.one_of(st.just(''), times()))}")
    return "  ".join(items)


class _Office:
    """What the steps of a program can name."""

    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw
        self.people = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
        # Who has a mobile, and who a device: everybody has one or the other.
        self.mobile = {name for name in self.people if draw(st.booleans())}
        self.device = {name for name in self.people if name not in self.mobile or draw(st.booleans())}
        self.scenarios = draw(st.lists(st.sampled_from(SCENARIOS), min_size=1, max_size=5, unique=True))
        self.groups: list[str] = []
        self.hours = draw(st.lists(st.sampled_from(["open", "часы", "play"]), max_size=2, unique=True))
        self.switches = draw(st.lists(st.sampled_from(["night", "ночь"]), max_size=2, unique=True))
        self.callers = draw(st.lists(st.sampled_from(["vip", "_list"]), max_size=2, unique=True))

    def chance(self) -> bool:
        return self.draw(st.booleans())

    def one_of(self, values: Sequence[object]) -> str:
        return str(self.draw(st.sampled_from(values)))

    def seconds(self) -> str:
        return f" for {self.draw(st.integers(1, 90))}{self.one_of(['s', 'sec', 's'])}" if self.chance() else ""

    # ── declarations ──

    def employee(self, index: int, name: str) -> str:
        fields = []
        if self.chance():
            fields.append(f"name {quoted(self.draw(hostile_texts()))}")
        if self.chance():
            fields.append(f"crm {quoted(self.draw(hostile_texts()))}")
        if index == 0 or self.chance():
            fields.append(f"extension {10**index}")
        if name in self.device:
            fields.append(f'sip "PJSIP/e{index}"')
            if self.chance():
                fields.append(f'browser "PJSIP/e{index}-web"')
        if name in self.mobile:
            fields.append(f'mobile "+7 916 000-00-0{index}"' + " confirm" * self.chance())
        return f"employee {name} {{ {'  '.join(fields)} }}\n"

    def group(self, name: str) -> str:
        strategy = self.one_of(["at once", "in order", "random"])
        targets = [*self.people, *(f"{each} mobile" for each in self.mobile), *self.groups, '"+7 812 765-43-21"']
        members = self.draw(st.lists(st.sampled_from(targets), min_size=1, max_size=5, unique=True))
        if strategy == "random" and self.chance():
            left, weighted = 100, []
            for member in members[:-1]:
                share = self.draw(st.integers(0, left - 1))
                weighted.append(f"{member} {share}%")
                left -= share
            members = [*weighted, f"{members[-1]} {left}%"]
        self.groups.append(name)
        return f"group {name} {strategy} {{ {', '.join(members)} }}\n"

    # ── steps ──

    def prompt(self) -> str:
        return quoted("asterisk:" + self.one_of(SOUNDS))

    def block(self, index: int, depth: int, keyed: bool, most: int = 3) -> str:
        """Steps in braces. `keyed`: on a key of the caller's, who may then go back."""
        steps = [self.step(index, depth, keyed) for _ in range(self.draw(st.integers(0, most)))]
        if self.chance() and (move := self.move(index, keyed)):
            steps.append(move)
        elif self.draw(st.integers(0, 4)) == 0:
            steps.append("hangup")
        return "{\n" + "\n".join(steps) + "\n}"

    def move(self, index: int, keyed: bool) -> str:
        targets = self.scenarios if keyed else self.scenarios[index + 1 :]
        return f"-> {self.one_of(targets)}" if targets else ""

    def target(self, index: int, depth: int, keyed: bool) -> str:
        move = self.move(index, keyed)
        return move if move and self.chance() else self.block(index, depth, keyed)

    def step(self, index: int, depth: int, keyed: bool) -> str:
        kinds: list[Callable[[], str]] = [
            self.play,
            self.wait,
            self.call_employee,
            self.call_number,
            self.call_sip,
            self.call_responsible,
        ]
        if self.groups:
            kinds.append(self.call_group)
        if depth < 3:
            kinds += [lambda: self.branch(index, depth), lambda: self.when(index, depth, keyed)]
        return self.draw(st.sampled_from(kinds))()

    def play(self) -> str:
        return f"play {self.prompt()}{self.seconds()}"

    def wait(self) -> str:
        return "wait extension" + self.seconds() + (f" playing {self.prompt()}" if self.chance() else "")

    def call_employee(self) -> str:
        name = self.one_of(self.people)
        mobile = f" then mobile{self.seconds()}" if name in self.mobile and self.chance() else ""
        return f"call employee {name}{self.seconds()}{mobile}" + " confirm" * (bool(mobile) and self.chance())

    def call_number(self) -> str:
        number = self.one_of(["+7 812 765-43-21", "8 (812) 765-43-21", "+49 30 123456"])
        return f'call number "{number}"{self.seconds()}' + " confirm" * self.chance()

    def call_sip(self) -> str:
        return f'call sip "{self.one_of(["sip:help@partner.example", "a.b@192.0.2.1:5080", "x@[2001:db8::1]"])}"'

    def call_responsible(self) -> str:
        desk = [f"desk{self.seconds()}"] * self.chance()
        mobile = self.one_of(["", "no mobile", "mobile", "all mobiles"])
        mobile += (
            (self.seconds() + " confirm" * self.chance()) if mobile.endswith(("e", "s")) and "no" not in mobile else ""
        )
        settings = [*desk, mobile, *["second"] * self.chance()]
        return "call responsible" + (f" {{ {'  '.join(settings)} }}" if self.chance() else "")

    def call_group(self) -> str:
        return f"call group {self.one_of(self.groups)}{self.seconds()}"

    def branch(self, index: int, depth: int) -> str:
        clauses = [self.seconds()] + [f" playing {self.prompt()}"] * self.chance()
        clauses += [f" retries {self.draw(st.integers(0, 3))}"] * self.chance()
        keys = self.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True))
        cases = [f"{key} {self.target(index, depth + 1, keyed=True)}" for key in keys]
        if self.chance():
            cases.append(f"nothing {self.target(index, depth + 1, keyed=False)}")
        if self.chance():
            cases.append(f"wrong {self.target(index, depth + 1, keyed=False)}")
        return "branch" + "".join(clauses) + " {\n" + "\n".join(cases) + "\n}"

    def when(self, index: int, depth: int, keyed: bool) -> str:
        conditions = ["caller hidden", self.draw(weekly()), *self.hours]
        conditions += [f"switch {name}" for name in self.switches] + [f"caller in {name}" for name in self.callers]
        text = f"when {self.one_of(conditions)} {self.target(index, depth + 1, keyed)}"
        return text + f" else {self.target(index, depth + 1, keyed)}" if self.chance() else text


@st.composite
def programs(draw: DrawFn, office: str = "random") -> str:
    """A whole valid program; its first number, +74950000000, leads to its first scenario."""
    made = _Office(draw)
    parts = [
        f'settings {{ office {office}  country RU  timezone "Europe/Moscow"  language en\n'
        'trunk "PJSIP/{number}@provider" }\n'
    ]
    parts += [made.employee(index, name) for index, name in enumerate(made.people)]
    names = draw(st.lists(st.sampled_from(["sales", "все", "random", "g2"]), max_size=3, unique=True))
    parts += [made.group(name) for name in names]
    parts += [f"hours {name} {{ {draw(hours_items())} }}\n" for name in made.hours]
    parts += [f'switch {name} toggled by "*{index}"\n' for index, name in enumerate(made.switches)]
    parts += [f'callers {name} {{ "+7 916 123-45-67" "+7 49{index} *" }}\n' for index, name in enumerate(made.callers)]
    for index, name in enumerate(made.scenarios):
        parts.append(f'number "+7 495 000-00-0{index}" -> {name}\n')
        parts.append(f"scenario {name} {made.block(index, 0, keyed=False, most=4)}\n")
    head, *others = parts
    return head + "".join(draw(st.permutations(others)))


@st.composite
def broken(draw: DrawFn) -> str:
    """A valid program with some of its characters taken out, doubled, moved or replaced."""
    text = draw(programs())
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.integers(0, 30)))
        put = draw(st.one_of(st.just(""), st.just(text[begin:end] * 2), hostile_texts(), junk()))
        text = text[:begin] + put + text[end:]
    return text


def junk() -> SearchStrategy[str]:
    """Words, signs and numbers of the language in no order, and what is not in it."""
    words = st.sampled_from(
        [
            "settings",
            "employee",
            "group",
            "hours",
            "callers",
            "switch",
            "number",
            "other",
            "scenario",
            "include",
            "when",
            "else",
            "branch",
            "playing",
            "for",
            "retries",
            "call",
            "then",
            "mobile",
            "confirm",
            "wait",
            "extension",
            "play",
            "say",
            "hangup",
            "nothing",
            "wrong",
            "caller",
            "in",
            "hidden",
            "random",
            "at",
            "once",
            "order",
            "toggled",
            "by",
            "holidays",
            "except",
            "also",
            "office",
            "country",
            "timezone",
            "trunk",
            "->",
            "{",
            "}",
            ",",
            "#",
            "*",
            "-",
            "..",
            "1",
            "20s",
            "1.5m",
            "5_s",
            "9:00",
            "09:00-18:00",
            "24:00",
            "2026-12-31",
            "2026-99-99",
            "40%",
            "0.1%",
            "mon",
            "fri-mon",
            "анна",
            '"x"',
            '"+7',
            "495",
            '123-45-67"',
            '"*1"',
        ]
    )
    return st.lists(st.one_of(words, words, words, hostile_texts()), max_size=40).map(" ".join)
