"""Calls in every kind of step while deploys go through: each call's journey is its own generation's."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ivrc.pipeline import compile_offices
from ivrc.testbed.ami import Event
from ivrc.testbed.conf import PhoneSpec
from ivrc.testbed.fetch import is_fetched
from ivrc.testbed.ports import give_back, take_ports
from ivrc.testbed.sip import Network, Phone
from ivrc.testbed.sip_xml import answers, silent
from ivrc.testbed.watch import Watch
from tests.live.deploy_lab import DeployLab
from tests.live.lab import SETTINGS, tone
from tests.live.scripted_helper import ScriptedHelper

pytestmark = pytest.mark.live

PEOPLE = """
employee anna { extension 101 sip "PJSIP/anna" }
employee gleb { extension 102 sip "PJSIP/gleb" }
employee vera { extension 103 sip "PJSIP/vera" }
employee rita { extension 104 crm "17" sip "PJSIP/rita" }
group ringers in order { anna, gleb }
"""
# What a call is in for some 40 s of its time, many deploys long.
KINDS = {
    "prompt": 'play "long"',
    "own_prompt": 'fax detected -> fax  play "music" for 30s',
    "menu": 'branch playing "asterisk:beep" for 120s { 1 { FINISH } 2 { hangup } nothing { play "asterisk:beeperr" } }',
    "wait": "wait extension for 30s",
    "queue": "call employee vera  reach anyone for 40s",
    "ringing": "call employee anna for 40s",
    "group": "call group ringers for 20s",
    "message": "voicemail for 30s",
    "mailbox": "voicemail for 30s to anna",
    "talk": 'call number "+7 812 765-43-21" for 30s',
    "recorded": 'record calls  call number "+7 812 765-43-21" for 30s',
    # The manager's phone rings in vain.
    "responsible": "call responsible { desk for 40s no mobile }",
    "fax": "fax",
}
# Callers who send nothing, for so many seconds.
FAR = {"queue": ("Wait", "400"), "fax": ("Wait", "60")}
# A conversation ends the call, and who sends no fax hangs up.
UNTOLD = ("talk", "recorded", "fax")
SHAPES = 6
PORT = take_ports()
CUSTOMER = "+79167000001"
DEPLOYS, CALLS = 50, 100
# At ten times the speed 0.2 s in which the machine is busy, or its disk, are two: the far side's music comes late, or
# a hundred frames wait for whoever records them.
LATE = ("No audio available on", "Exceptionally long voice queue length")


def number_of(kind: str) -> str:
    return f"+74950000{list(KINDS).index(kind) + 1:03}"


def source(version: int) -> str:
    """Versions differ in what stands before and after the long step, in scenarios, in menus; each tells its number."""
    shape = version % SHAPES
    told = "".join(f' play "asterisk:digits/{digit}"' for digit in f"{version:02}")
    finish = "-> finish" if shape % 2 else f"{told} hangup"
    lines = [SETTINGS.replace("office lab", f'office lab  helper "127.0.0.1:{PORT}"  lookup for 10s'), PEOPLE]
    if shape % 2:
        lines.append(f"scenario finish {{ {told} }}")
    for kind, step in KINDS.items():
        before = 'play "asterisk:beep" ' * (shape % 3)
        if shape == 4:
            before += "when mon-sun 00:00-24:00 { } else { hangup } "
        after = f"{finish} " if shape != 5 else f'when mon-sun 00:00-24:00 {{ {told} play "asterisk:beep" }}'
        inside = step.replace("FINISH", finish)
        if shape == 2:
            # The keys of the menu change their meaning.
            inside = inside.replace("2 { hangup }", f'2 {{ play "asterisk:beeperr" }} 3 {{ {finish} }}')
        lines.append(f'number "{number_of(kind)}" -> {kind}')
        lines.append(f"scenario {kind} {{ {before} {inside} {after} }}")
    if shape in (0, 3):
        lines.append('number "+7 495 000-09-99" -> extra  scenario extra { hangup }')
    return "\n".join(lines)


class Storm:
    """Calls as they are placed, and what the manager told of each."""

    def __init__(self, lab: DeployLab, watch: Watch) -> None:
        self.lab, self.watch = lab, watch
        self.placed: list[tuple[str, str, int]] = []
        self.keyed: set[str] = set()
        self.asked: dict[str, float] = {}

    def call(self, kind: str, version: int) -> None:
        self.place(f"storm-{len(self.placed)}-{kind}", kind, version)

    def place(self, identity: str, kind: str, version: int) -> None:
        far = FAR.get(kind, ("MusicOnHold", "default"))
        caller = CUSTOMER if kind == "responsible" else ""
        work = self.watch.ami.originate_local(
            number_of(kind), "ivrc-incoming", identity=identity, far=far, caller=caller
        )
        self.watch.run(work)
        self.placed.append((identity, kind, version))

    def press_keys(self) -> None:
        """Callers in a menu press 1 some time after the question."""
        now = time.monotonic()
        for identity, kind, _ in self.placed:
            if kind == "menu" and identity not in self.keyed:
                asked = any(
                    event.get("Event") == "Newexten"
                    and event["Linkedid"] == identity
                    and event["Application"] == "WaitExten"
                    for event in self.watch.events
                )
                if asked and now - self.asked.setdefault(identity, now) > 2.0:
                    self.keyed.add(identity)
                    self.watch.run(self.watch.ami.press(identity, "1"))

    def finish(self, seconds: float = 60) -> None:
        """Until no call is left, and the manager has told the end of each."""
        end = time.monotonic() + seconds
        while not re.search(r"^0 active calls", self.lab.asterisk.cli("core show channels count"), re.MULTILINE):
            assert time.monotonic() < end, self.lab.asterisk.cli("core show channels")
            self.press_keys()
            time.sleep(0.1)
        placed = {f"{identity}-2" for identity, _, _ in self.placed}
        while left := placed - {event["Uniqueid"] for event in self.watch.events if event.get("Event") == "Hangup"}:
            assert time.monotonic() < end, left
            time.sleep(0.1)

    def journeys(self) -> dict[str, list[tuple[str, ...]]]:
        """Call → every line that its own channel ran: context, extension, priority, application, arguments."""
        found: dict[str, list[tuple[str, ...]]] = {identity: [] for identity, _, _ in self.placed}
        for event in self.watch.events:
            if event.get("Event") == "Newexten" and event["Uniqueid"].removesuffix("-2") in found:
                found[event["Uniqueid"].removesuffix("-2")].append(_line(event))
        return found


def _line(event: Event) -> tuple[str, ...]:
    keys = ("Context", "Extension", "Priority", "Application", "AppData")
    if event["Context"].endswith("-hours"):
        # The clock goes on.
        event = {**event, "AppData": ""}
    return tuple(
        re.sub(r"\d{9,}[\d.]*|(?:storm|ring)-?\d+-?|-[0-9a-f]{8};|0x[0-9a-f]+", "#", event[key]) for key in keys
    )


def shape_of(journey: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """A journey without what tells versions of one shape apart: marks, and the number told."""
    told = [tuple(re.sub(r"~[a-z2-7]{8}", "~", text) for text in line) for line in journey]
    # The phones ring for other calls, too.
    told = [tuple(re.sub(r"\b(NOT_INUSE|RINGING)\b", "FREE", text) for text in line) for line in told]
    return [tuple(re.sub(r"digits/\d", "digits/N", text) for text in line) for line in told]


def marks_of(journey: list[tuple[str, ...]]) -> set[str]:
    return {mark for line in journey for mark in re.findall(r"ivrc~([a-z2-7]{8})-lab", " ".join(line))}


def told_by(journey: list[tuple[str, ...]]) -> str:
    return "".join(line[4][-1] for line in journey if line[3] == "Playback" and line[4].startswith("digits/"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployLab]:
    if not is_fetched("22"):
        pytest.skip("Asterisk 22 is not fetched: python -m ivrc.testbed.fetch 22")
    with ExitStack() as stack:
        phones: list[str | PhoneSpec] = ["anna", "gleb", "rita", PhoneSpec("vera", online=False)]
        lab = DeployLab(stack, tmp_path_factory.mktemp("deploy"), phones=phones, faketime="@2026-12-25 10:00:00 x10")
        for name in ("anna", "gleb", "rita"):
            stack.enter_context(Phone(lab.asterisk, name, silent()))
        # Else the first fax makes it, by lines that no other one runs.
        faxes = lab.asterisk.rundir / "var/spool/ivrc/fax"
        faxes.mkdir(parents=True)
        for path in (faxes, faxes.parent):
            path.chmod(0o777)
        stack.callback(give_back, PORT)
        stack.enter_context(ScriptedHelper(PORT)).replies[CUSTOMER] = "1/found/rita/free/////c/Ivanov"
        stack.enter_context(Network(lab.asterisk, answers(after=0.3, hangup_after=3.0)))
        yield lab


def test_a_hundred_calls_while_fifty_deploys_go_through(lab: DeployLab) -> None:
    source_folder = lab.folder / "source"
    tone(source_folder / "prompts" / "music.wav", 3)
    tone(source_folder / "prompts" / "long.wav", 40)
    target = lab.target._replace(keep=DEPLOYS + 10)
    mark = lab.asterisk.mark()
    marks: dict[int, str] = {}
    with Watch(lab.asterisk) as watch:
        storm = Storm(lab, watch)
        kinds = list(KINDS)
        for version in range(DEPLOYS):
            # The prompt changes its content under the same name.
            tone(source_folder / "prompts" / "music.wav", 3 + version % 4)
            outcome = lab.deploy(source(version), target)
            assert outcome.changed
            entered = lab.leads_to(number_of("prompt"))
            marks[version] = entered.partition("~")[2][:8]
            for _ in range(CALLS // DEPLOYS):
                storm.call(kinds[len(storm.placed) % len(kinds)], version)
            storm.press_keys()
            time.sleep(0.05)
        assert len(set(marks.values())) == DEPLOYS
        storm.finish()
        journeys = storm.journeys()
        # The same calls, one of each kind, with nothing going on: by shape.
        quiet = {}
        for shape in range(SHAPES):
            tone(source_folder / "prompts" / "music.wav", 3)
            lab.deploy(source(90 + shape), target)
            reference = Storm(lab, watch)
            for kind in kinds:
                reference.place(f"ring-{shape}-{kind}", kind, shape)
            reference.finish()
            for identity, kind, _ in reference.placed:
                quiet[shape, kind] = shape_of(reference.journeys()[identity])
    assert len(storm.placed) == CALLS
    for identity, kind, version in storm.placed:
        journey = journeys[identity]
        assert marks_of(journey) == {marks[version]}, (identity, version, journey)
        assert shape_of(journey) == quiet[version % SHAPES, kind], identity
        assert told_by(journey) == ("" if kind in UNTOLD else f"{version:02}"), (identity, journey)
    assert [line for line in lab.asterisk.warnings(mark) if not any(late in line for late in LATE)] == []


def test_plain_reload_harms_the_same_calls(lab: DeployLab) -> None:
    """What a deploy is for: the same sources, compiled and reloaded over one another."""
    source_folder = lab.folder / "source"
    tone(source_folder / "prompts" / "long.wav", 40)
    tone(source_folder / "prompts" / "music.wav", 3)
    kinds = ["prompt", "wait", "queue", "ringing", "group", "message"]
    with Watch(lab.asterisk) as watch:
        storm = Storm(lab, watch)
        for version in range(12):
            reload_plainly(lab, source_folder, version)
            storm.call(kinds[version % len(kinds)], version)
            time.sleep(0.4)
        storm.finish()
        journeys = storm.journeys()
    harmed = [identity for identity, _, version in storm.placed if told_by(journeys[identity]) != f"{version:02}"]
    # The last ones met no later reload in their long step.
    assert len(harmed) >= len(storm.placed) // 2, journeys


def reload_plainly(lab: DeployLab, folder: Path, version: int) -> None:
    (folder / "lab.ivr").write_text(source(version))
    compiled = compile_offices([folder / "lab.ivr"])
    assert compiled.files is not None
    for name, head in (("extensions.conf", "[general]\nstatic=yes\n"), ("queues.conf", "[general]\n")):
        content = compiled.files[name]
        assert not isinstance(content, Path)
        lab.asterisk.write_conf(name, head + b"".join(content).decode())
    for path, content in compiled.files.items():
        if isinstance(content, Path):
            target = lab.asterisk.rundir / "data" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read_bytes())
    lab.asterisk.cli("queue reload all")
    lab.asterisk.cli("dialplan reload")
