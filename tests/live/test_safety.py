"""Texts, names, caller ID and keys are data: what a real Asterisk loaded is what was meant, whatever they hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivrc import ir
from ivrc.loading import Loader
from ivrc.lower import lower_entries, lower_office
from ivrc.marks import unmarked
from ivrc.pipeline import compile_offices
from ivrc.semantics import analyse
from ivrc.source import Sources
from ivrc.testbed.sip_xml import expect_answer, wait_hangup
from tests.live.lab import Lab, MakeLab, tone

pytestmark = pytest.mark.live

HOSTILE = [
    "a;b",
    "a,b",
    "a&b|c",
    "${SHELL(touch /tmp/ivrc-was-here)}",
    "$[1+1]",
    "x) same => n,System(id)",
    "][evil",
    '\\"quoted\\"',
    ";-- block comment",
    "--;",
    "#include /etc/passwd",
    "#exec id",
    "Пётр (директор) 🎺 日本",
    "‮right to left",
    "%{x}%s",
    "~~s~~",
]


def office(text: str) -> str:
    """A program with a text in every place where any text may stand."""
    return f"""
# {text}
settings {{ office lab country RU timezone "Europe/Moscow" language en trunk "PJSIP/{{number}}@provider" }}
employee anna {{ name "{text}" crm "{text}" extension 101 sip "PJSIP/anna" }}
employee анна {{ name "{text}" sip "PJSIP/anna-2" }}
group _групп_а at once {{ anna анна }}
hours часы {{ mon-fri 09:00-18:00 }}
callers _vip {{ "+7 903 *" }}
switch ночь toggled by "*28"
number "+7 495 000-00-01" -> главный
number "+7 495 000-00-02" -> who
scenario главный {{  # {text}
    play "{text}" for 1s
    play "{text}"
    branch playing "{text}" for 1s {{ 1 -> who  # {text}
        nothing {{ call group _групп_а for 1s }} }}
    when часы {{ play "{text}" }}
    when switch ночь {{ play "{text}" }}
    wait extension for 1s playing "{text}"
}}
scenario who {{
    when caller hidden {{ play "done" }} else when caller in _vip {{ play "{text}" }} else {{ play "done" }}
}}

"""


def prompt_file(text: str) -> str:
    return text.replace('\\"', '"').replace("\\\\", "\\")


def write_office(folder: Path, text: str) -> Path:
    path = folder / "hostile.ivr"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(office(text))
    name = prompt_file(text)
    tone(folder / "prompts" / "done.wav", 0.4)
    tone(folder / "prompts" / f"{name}.wav", 0.4)
    return path


def meant(path: Path) -> dict[tuple[str, str, int], str]:
    """(context, extension, priority) → application and data, from the IR."""
    sources = Sources()
    files, faults = Loader(path.parent, sources).office(path)
    assert faults == []
    model, faults = analyse([file.tree for file in files], "lab", path.name, 0)
    assert faults == []
    found = {}
    for context in (*lower_entries(model, sources), *lower_office(model, sources, ir.Needs())):
        for extension in context.extensions:
            if isinstance(extension, ir.Hint):
                continue
            lines = [item for item in extension.items if isinstance(item, ir.Line)]
            for priority, line in enumerate(lines, start=1):
                found[unmarked(context.name), extension.name, priority] = unmarked(f"{line.app}({line.args})")
    return found


def loaded(shown: str) -> dict[tuple[str, str, int], str]:
    """The same from what `dialplan show` prints."""
    found: dict[tuple[str, str, int], str] = {}
    context = exten = ""
    for line in shown.splitlines():
        if begun := re.match(r"\[ Context '(.*)' created by", line):
            context = begun[1]
        elif hint := re.match(r"  '(.*?)' =>\s+hint: ", line):
            exten = hint[1]
        elif row := re.match(r"  (?:'(.*?)' =>)?\s*(?:\[\S+\])?\s+(\d+)\. (.*?)\s+\[[^\]]*:\d+\]$", line):
            exten = row[1] or exten
            found[context, exten, int(row[2])] = row[3]
    return found


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    source = office("done")
    return make_lab(source, prompts={"done": 0.4}, phones=["anna"])


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_loaded_is_what_was_meant(lab: Lab, tmp_path: Path, text: str) -> None:
    # A prompt's slash would be a folder's.
    path = write_office(tmp_path, text.replace("/", "_"))
    compiled = compile_offices([path])
    assert compiled.files is not None, compiled.diagnostics
    content = compiled.files["extensions.conf"]
    assert not isinstance(content, Path)
    warnings = lab.asterisk.reload_dialplan("[general]\nstatic=yes\n" + b"".join(content).decode())
    assert warnings == []
    expected = meant(path)
    shown = loaded(lab.asterisk.cli("dialplan show"))
    assert {key: value for key, value in shown.items() if key[0].startswith("ivrc-lab")} == {
        key: value for key, value in expected.items() if key[0].startswith("ivrc-lab")
    }


@pytest.mark.parametrize(
    "name",
    ["${SHELL(touch /tmp/ivrc-was-here)}", "a & b, c | d", "$(1/0)", "x) & (y", "Пётр", "%s%n", "'; --"],
)
def test_caller_names_are_data(lab: Lab, name: str) -> None:
    lab.asterisk.reload_dialplan("[general]\nstatic=yes\n" + (lab.build / "extensions.conf").read_text())
    mark = lab.asterisk.mark()
    result, journey = lab.call("+74950000002", [expect_answer(5), wait_hangup()], name=name, from_="+79160001122")
    assert result.code == 200, result.transcript
    assert [step.data for step in journey.steps if step.app == "Playback"] == ["ivrc/lab/done"]
    assert lab.asterisk.warnings(mark) == []
    assert not Path("/tmp/ivrc-was-here").exists()


HOSTILE_FIELDS = [
    'employee a { sip "PJSIP/anna&Local/1@x" }',
    'employee a { sip "PJSIP/anna,20,g" }',
    'employee a { browser "PJSIP/${SHELL(id)}" }',
    'employee a { sip "PJSIP/anna)" }',
    'employee a { extension "1,2" }',
    'employee a { mobile "+7916;1" }',
    'settings { timezone "Europe/Moscow,%H" }',
    'settings { trunk "PJSIP/{number}@a&Local/2@b" }',
    'settings { language "en,x" }',
    'settings { office "a b]" }',
    'switch s toggled by "*2,8"',
    'callers c { "+7&*" }',
    'number "+7 495 000-00-01&2" -> a  scenario a { hangup }',
    'scenario a { call sip "sip:a@b&Local/1@c" }',
    'scenario a { call sip "sip:${x}@b" }',
    'scenario a { call number "+7916${x}" }',
    'scenario a { play "asterisk:beep&/etc/passwd" }',
    'scenario a { play "asterisk:../../x" }',
]


@pytest.mark.parametrize("source", HOSTILE_FIELDS)
def test_what_asterisk_would_read_as_syntax_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "bad.ivr").write_text(source)
    compiled = compile_offices([tmp_path / "bad.ivr"])
    assert compiled.files is None
    assert any(d.severity == "error" and d.start >= 0 for d in compiled.diagnostics)
