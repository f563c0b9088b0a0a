"""What the documents show is true: blocks compile, errors and excerpts are real, links lead somewhere.

Convention of docs/language.md: a block ```ivr with `settings` is a whole office. Any other is completed by
those declarations of PREAMBLE that it does not make itself; bare steps become a scenario. A block
```ivr-error CODE is completed in the same way and must fail with that code and no other.
"""

from __future__ import annotations

import re
import shutil
import wave
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from ivrc import pipeline
from ivrc.cli import main
from ivrc.diagnostics import render

ROOT = Path(__file__).resolve().parents[2]
LANGUAGE = ROOT / "docs" / "language.md"
README = ROOT / "README.md"
DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/*.md", "docs/decisions/*.md", "examples/*/README.md")
    for path in sorted(ROOT.glob(pattern))
]

PREAMBLE = """\
settings { office docs  country RU  timezone "Europe/Moscow"  language ru  trunk "PJSIP/{number}@provider" }
employee anna  { extension 101  sip "PJSIP/anna"  mobile "+7 916 123-45-67" }
employee boris { extension 102  sip "PJSIP/boris" }
employee vera  { extension 103  sip "PJSIP/vera" }
employee gleb  { extension 104  sip "PJSIP/gleb" }
employee nina  { sip "PJSIP/nina" }
employee oleg  { sip "PJSIP/oleg" }
group support in order { anna, boris }
hours open { mon-fri 09:00-18:00 }
callers vip { "+7 916 123-45-67" }
switch night toggled by "*28"
scenario sales_line { call group support }
"""
# Clauses of a test that the reference lists in its tables.
LISTED = {"crm", "declines", "ends", "others", "seed", "talk"}
_DECLARED = re.compile(r"^(settings|(?:employee|group|hours|callers|switch|scenario) \w+)\b", re.MULTILINE)
_DECLARATION = re.compile(
    r"^(settings|employee|group|hours|callers|switch|number|scenario|include|test)\b", re.MULTILINE
)
_FENCE = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def beep(path: Path) -> None:
    """A tenth of a second of audio."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))


class Shown(NamedTuple):
    """A fenced block of a document."""

    kind: str
    note: str
    text: str
    line: int


def blocks(document: Path, *kinds: str) -> list[Shown]:
    text = document.read_text("utf-8")
    found = [Shown(m[1], m[2] or "", m[3], text.count("\n", 0, m.start()) + 1) for m in _FENCE.finditer(text)]
    return [block for block in found if block.kind in kinds]


def by_line(block: Shown) -> str:
    return f"line {block.line}"


def whole(text: str) -> str:
    """A block completed to an office."""
    if "settings {" in text:
        return text
    if not _DECLARATION.search(text):
        text = f"scenario example {{\n{text}}}\n"
    own = set(_DECLARED.findall(text))
    kept = [line for line in PREAMBLE.splitlines() if _DECLARED.findall(line)[0] not in own]
    return "\n".join([*kept, text])


def check(text: str, folder: Path) -> list[str]:
    """The faults of an office in which every prompt and every included file is there."""
    (folder / "prompts").mkdir()
    for prompt in re.findall(r'(?:play|playing|voicemail) "([\w-]+)"', text):
        beep(folder / "prompts" / f"{prompt}.wav")
    for included in re.findall(r'include "([\w.]+)"', text):
        (folder / included).touch()
    file = folder / "office.ivr"
    file.write_text(text, "utf-8")
    result = pipeline.check([file])
    return [render.render_text(each, result.sources) for each in render.in_order(result.diagnostics)]


@pytest.mark.parametrize("block", [*blocks(LANGUAGE, "ivr"), *blocks(README, "ivr")], ids=by_line)
def test_block_compiles_without_a_word(block: Shown, tmp_path: Path) -> None:
    assert check(whole(block.text), tmp_path) == []


@pytest.mark.parametrize("block", blocks(LANGUAGE, "ivr-error"), ids=by_line)
def test_wrong_block_fails_with_the_code_beside_it(block: Shown, tmp_path: Path) -> None:
    faults = check(whole(block.text), tmp_path)
    assert [fault.partition(":")[0] for fault in faults] == [f"error[{block.note}]"]


def test_every_step_and_declaration_is_shown() -> None:
    shown = "\n".join(block.text for block in blocks(LANGUAGE, "ivr", "ivr-error"))
    grammar = "".join(path.read_text("utf-8") for path in sorted((ROOT / "grammar").glob("*.lark")))
    heads = re.findall(r'^!(?:\w+): "(\w+)"(?: "(\w+)")?', grammar, re.MULTILINE)
    words = {word for head in heads for word in head if word} - LISTED
    assert len(words) > 20
    assert [word for word in sorted(words) if not re.search(rf"\b{word}\b", shown)] == []
    listed = LANGUAGE.read_text("utf-8")
    assert [word for word in sorted(LISTED) if not re.search(rf"`[^`\n]*\b{word}\b[^`\n]*`", listed)] == []


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.output


@pytest.fixture
def readme_office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The README's office with its announcement, in the current folder."""
    shutil.copytree(ROOT / "examples" / "shop" / "prompts", tmp_path / "prompts")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "office.ivr"
    file.write_text(blocks(README, "ivr")[0].text, "utf-8")
    return file


def test_error_in_the_readme_is_the_real_one(readme_office: Path) -> None:
    text = readme_office.read_text("utf-8").replace("group sales for", "group seles for")
    readme_office.write_text(text, "utf-8")
    (shown,) = blocks(README, "text")
    assert run("compile", "office.ivr", "-o", "build") == (1, shown.text)


def test_dialplan_in_the_readme_is_the_real_one(readme_office: Path) -> None:
    pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    (excerpt,) = blocks(README, "ini")
    assert run("compile", "office.ivr", "-o", "build") == (0, "acme: written to build\n")
    assert excerpt.text in Path("build/extensions.conf").read_text("utf-8")


def test_exit_codes_are_those_documented(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.ivr", tmp_path / "bad.ivr"
    good.write_text('settings { country RU }\nscenario main { play "asterisk:vm-goodbye" }\n', "utf-8")
    bad.write_text("scenario main { -> nowhere }\n", "utf-8")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").touch()

    assert run("check", good)[0] == 0
    assert run("check", bad)[0] == 1
    assert run("check", tmp_path / "none.ivr")[0] == 2
    assert run("compile", good, "-o", tmp_path / "taken")[0] == 3


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))
    for link in (link for link in links if not link.startswith("http")):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def _anchors(document: Path) -> set[str]:
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)}


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
