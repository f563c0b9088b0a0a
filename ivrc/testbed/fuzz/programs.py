"""Random whole programs, over every step the language has; each valid, with short times, from a seed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from ivrc.testbed.fuzz.tree import HELPER, TOWN, Part, block, row

# Seconds of the prompts that programs play; the rig has them as files.
PROMPTS = {"p1": 1.0, "p2": 2.0, "p3": 4.0}
# Texts that are spoken: few, for each is made into files once for every length that it is given.
TEXTS = ("Please wait.", "Press 1 for $5, or hold the line; thank you.")
OWN = ("beep", "vm-goodbye", "auth-thankyou", "digits/7")
NAMES = ("anna", "boris", "vera", "глеб", "_x", "mobile", "group")
SCENARIOS = ("main", "play", "меню", "s", "h", "branch2")
KEYS = "0123456789*#"
PEOPLE_MAX = 4
# How often a program thinks of fax machines.
FAXES = 0.25
# Extensions of which some begin with another.
EXTENSIONS = ("1", "12", "123", "20", "3")


class Maker:
    """Makes one program; `moment`: the office's clock when it will be called, around which its hours lie.

    `faxes`: how often one has steps for fax machines.
    """

    def __init__(self, random: Random, moment: datetime, faxes: float) -> None:
        self.random = random
        self.moment = moment
        self.people = random.sample(NAMES, random.randint(1, PEOPLE_MAX))
        self.mobile = {name for name in self.people if self.chance()}
        self.device = {name for name in self.people if name not in self.mobile or self.chance(0.7)}
        self.scenarios = random.sample(SCENARIOS, random.randint(1, 4))
        self.groups: list[str] = []
        self.hours = random.sample(["open", "часы"], random.randint(0, 2))
        self.switches = ["night"] * self.chance()
        self.callers = ["vip"] * self.chance()
        # Whether fax machines are thought of; a scenario for them is one that others can be moved to.
        self.faxes = self.chance(faxes)
        # People named by the steps above in the scenario: without one there can be no `reach anyone`.
        self._named = False

    def chance(self, odds: float = 0.5) -> bool:
        """Yes, so often."""
        return self.random.random() < odds

    def seconds(self, least: int, most: int, odds: float = 1) -> str:
        """A duration, mostly."""
        return f" for {self.random.randint(least, most)}s" if self.chance(odds) else ""

    def program(self) -> Part:
        """The whole."""
        parts = [
            Part(
                f'settings {{ office fuzz000  country RU  timezone "Europe/Moscow"  language en  '
                f'trunk "PJSIP/{{number}}@provider"  helper "{HELPER}" }}'
            )
        ]
        parts += [self.employee(index, name) for index, name in enumerate(self.people)]
        parts += [
            self.group(name) for name in self.random.sample(["sales", "все", "random"], self.random.randint(0, 3))
        ]
        parts += [block(f"hours {name}", *self.hours_items()) for name in self.hours]
        parts += [Part(f'switch {name} toggled by "*2{index}"') for index, name in enumerate(self.switches)]
        parts += [Part(f'callers {name} {{ "+7 926 123-45-67" "+7 499 *" }}') for name in self.callers]
        for index, name in enumerate(self.scenarios):
            self._named = False
            parts.append(Part(f'number "+7495000000{index}" -> {name}'))
            steps = self.steps(index, 0, False, self.random.randint(2, 5))
            if self.faxes and self.chance():
                steps.insert(0, self.fax_detected(index))
            parts.append(block(f"scenario {name}", *steps))
        return row(*parts)

    # ── declarations ──

    def employee(self, index: int, name: str) -> Part:
        """A person with phones, a mobile, or both."""
        fields = []
        if self.chance(0.8):
            fields.append(Part(f"extension {EXTENSIONS[index]}"))
        if name in self.device:
            fields.append(Part(f'sip "PJSIP/p000e{index}"'))
            if self.chance(0.3):
                fields.append(Part(f'browser "PJSIP/p000e{index}w"'))
        if name in self.mobile:
            fields.append(Part(f'mobile "+7916000000{index}"' + " confirm" * self.chance(0.3)))
        return block(f"employee {name}", *fields)

    def group(self, name: str) -> Part:
        """A group of any strategy, of people, mobiles, numbers and groups before it."""
        strategy = self.random.choice(["at once", "in order", "random"])
        targets = [*self.people, *(f"{each} mobile" for each in sorted(self.mobile)), *self.groups]
        targets += ['"+78120000001"', '"+78120000002" confirm']
        members = self.random.sample(targets, min(len(targets), self.random.randint(1, 4)))
        if strategy == "random" and self.chance():
            weights = [self.random.choice([0, 10, 30, 60]) for _ in members]
            members = [f"{member} {weight}%" for member, weight in zip(members, weights, strict=True)]
            if not any(weights):
                members = [member.rpartition(" ")[0] + " 10%" for member in members]
        self.groups.append(name)
        return block(f"group {name} {strategy}", *map(Part, members))

    def hours_items(self) -> list[Part]:
        """Hours that begin or end near the moment, on its day, on others, on its date."""
        day = self.moment.strftime("%a").lower()
        items = [f"{self.random.choice([day, day + '-' + day, 'mon-sun', 'mon', 'fri-mon', ''])} {self.range()}"]
        if self.chance(0.3):
            items.append(
                f"{self.random.choice(['except', 'also'])} {self.date()} {self.random.choice(['', self.range()])}"
            )
        if self.chance(0.1):
            items.append("except holidays RU")
        return [Part(item.strip()) for item in items]

    def date(self) -> str:
        """The day of the moment, the one before, or another."""
        day = self.moment.date() + timedelta(days=self.random.choice([0, 0, -1, 7]))
        return str(day)

    def range(self) -> str:
        """Some times."""
        minutes = self.moment.hour * 60 + self.moment.minute
        near = [max(0, min(1440, minutes + shift)) for shift in (-120, -3, 0, 1, 2, 3, 90)]
        first, last = self.random.choice(near[:-1]), self.random.choice([*near[1:], 300])
        if first == last:
            last = (first + 60) % 1440
        first %= 1440
        return f"{first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02}"

    # ── steps ──

    def steps(self, index: int, depth: int, keyed: bool, count: int) -> list[Part]:
        """Some steps, and perhaps an end. `keyed`: on a key of the caller's, who may then go back."""
        steps = [self.step(index, depth, keyed) for _ in range(count)]
        if self.chance(0.3) and (move := self.move(index, keyed)):
            steps.append(Part(move))
        elif self.chance(0.15):
            steps.append(Part("hangup"))
        return steps

    def move(self, index: int, keyed: bool) -> str:
        """Onwards; on a key anywhere."""
        targets = self.scenarios if keyed else self.scenarios[index + 1 :]
        return f"-> {self.random.choice(targets)}" if targets else ""

    def case(self, head: str, index: int, depth: int, keyed: bool) -> Part:
        """What follows on a key or a condition."""
        move = self.move(index, keyed)
        if move and self.chance(0.4):
            return Part(f"{head} {move}")
        return block(head, *self.steps(index, depth, keyed, self.random.randint(0, 2)))

    def step(self, index: int, depth: int, keyed: bool) -> Part:
        """One step of any kind."""
        kinds: list[Callable[[], Part]] = [
            self.play, self.wait, self.call_employee, self.call_number, self.call_sip, self.call_responsible,
            self.voicemail, self.record, self.reach,
        ]  # fmt: skip
        if self.faxes:
            kinds += [self.fax] * 2 + [lambda: self.fax_detected(index)]
        if self.groups:
            kinds += [self.call_group] * 2
        if depth < 3:
            kinds += [lambda: self.branch(index, depth)] * 2 + [lambda: self.when(index, depth, keyed)] * 2
        return self.random.choice(kinds)()

    def prompt(self) -> str:
        """The office's own file, a sound of Asterisk's, or a text that is spoken."""
        if self.chance(0.15):
            return f'say "{self.random.choice(TEXTS)}"'
        return f'"{self.random.choice([*PROMPTS, *PROMPTS, *(f"asterisk:{own}" for own in OWN)])}"'

    def play(self) -> Part:
        """`play`, `say`."""
        if self.chance(0.15):
            return Part(f'say "{self.random.choice(TEXTS)}"{self.seconds(1, 6, 0.5)}')
        return Part(f"play {self.prompt()}{self.seconds(1, 6, 0.5)}")

    def wait(self) -> Part:
        """`wait extension`."""
        return Part(f"wait extension{self.seconds(2, 7, 0.9)}" + f" playing {self.prompt()}" * self.chance(0.7))

    def call_employee(self) -> Part:
        """`call employee`."""
        name = self.random.choice(self.people)
        self._named |= name in self.device
        mobile = ""
        if name in self.mobile and self.chance():
            confirm = self.chance(0.4)
            mobile = f" then mobile{self.seconds(*((18, 24) if confirm else (2, 7)))}" + " confirm" * confirm
        return Part(f"call employee {name}{self.seconds(2, 8)}{mobile}")

    def call_number(self) -> Part:
        """`call number`."""
        confirm = self.chance(0.3)
        seconds = self.seconds(*((5, 24) if confirm else (2, 8)))
        return Part(f'call number "+7812000000{self.random.randint(1, 3)}"{seconds}' + " confirm" * confirm)

    def call_sip(self) -> Part:
        """`call sip`."""
        return Part(f'call sip "sip:s000x{self.random.randint(1, 2)}@{TOWN}"{self.seconds(2, 8)}')

    def call_responsible(self) -> Part:
        """`call responsible`."""
        self._named = True
        settings = [f"desk{self.seconds(2, 7)}"]
        mobile = self.random.choice(["no mobile", "mobile", "all mobiles"])
        confirm = mobile != "no mobile" and self.chance(0.25)
        if mobile != "no mobile":
            mobile += self.seconds(*((18, 24) if confirm else (2, 7)))
        settings.append(mobile + " confirm" * confirm)
        settings += ["second"] * self.chance(0.4)
        return block("call responsible", *map(Part, settings))

    def call_group(self) -> Part:
        """`call group`."""
        self._named = True
        return Part(f"call group {self.random.choice(self.groups)}{self.seconds(2, 6)}")

    def reach(self) -> Part:
        """`reach anyone`."""
        return Part(f"reach anyone{self.seconds(3, 25)}") if self._named else self.play()

    def voicemail(self) -> Part:
        """`voicemail`."""
        prompt = f" {self.prompt()}" * self.chance()
        to = f" to {self.random.choice(self.people)}" * self.chance(0.3)
        return Part(f"voicemail{prompt}{self.seconds(4, 12)}{to}")

    def fax(self) -> Part:
        """`fax`."""
        return Part("fax")

    def fax_detected(self, index: int) -> Part:
        """`fax detected`; seldom to a scenario in which a machine could be detected again and again."""
        targets = self.scenarios[index + 1 :]
        return Part(
            f"fax detected -> {self.random.choice(targets if targets and self.chance(0.9) else self.scenarios)}"
        )

    def record(self) -> Part:
        """`record calls`."""
        return Part("record calls" + f" playing {self.prompt()}" * self.chance(0.4))

    def branch(self, index: int, depth: int) -> Part:
        """`branch`."""
        head = "branch" + f" playing {self.prompt()}" * self.chance(0.8) + self.seconds(2, 5)
        head += f" retries {self.random.randint(0, 2)}" * self.chance()
        keys = self.random.sample(KEYS, self.random.randint(1, 4))
        cases = []
        while keys:
            several = 2 if len(keys) > 1 and self.chance(0.2) else 1
            cases.append(self.case(", ".join(keys[:several]), index, depth + 1, keyed=True))
            del keys[:several]
        for head_ in ("nothing", "wrong"):
            if self.chance(0.4):
                cases.append(self.case(head_, index, depth + 1, keyed=False))
        return block(head, *cases)

    def when(self, index: int, depth: int, keyed: bool) -> Part:
        """`when`."""
        conditions = ["caller hidden", f"mon-sun {self.range()}", *self.hours, *self.hours]
        conditions += [f"switch {name}" for name in self.switches] + [f"caller in {name}" for name in self.callers]
        when = self.case(f"when {self.random.choice(conditions)}", index, depth + 1, keyed)
        if self.chance():
            return row(when, self.case("else", index, depth + 1, keyed))
        return when


def program(random: Random, moment: datetime, faxes: float = FAXES) -> Part:
    """A random program; `faxes`: how often it has steps for fax machines."""
    return Maker(random, moment, faxes).program()
