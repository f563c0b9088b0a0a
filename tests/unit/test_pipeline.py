"""Many offices at once, and what they may not share."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivrc import pipeline
from tests.dialplan import Dialplan
from tests.support import Outcome, compile_paths, compile_text, write_tree

OFFICE = """\
settings {{ office {0}  country RU  timezone "Europe/Moscow"  language ru  trunk "PJSIP/{{number}}@provider" }}
employee anna {{ extension 101  sip "PJSIP/{0}-anna"  mobile "+7 916 000-00-01" confirm }}
group sales random {{ anna 60%  anna mobile 40% }}
hours open {{ mon-fri 09:00-18:00 except holidays RU }}
callers vip {{ "+7 495 *" }}
switch night toggled by "*28"
number "+7 495 {1}" -> main
scenario main {{ when open {{ call group sales }} when caller in vip {{ branch {{ 1 -> main }} }} wait extension }}
"""


def test_offices_are_namespaces_of_their_own(tmp_path: Path) -> None:
    """The same names and extensions in both; nothing of one leads into the other."""
    write_tree(tmp_path, {"a.ivr": OFFICE.format("one", "000-00-01"), "b.ivr": OFFICE.format("two", "000-00-02")})
    outcome = compile_paths(tmp_path)
    assert outcome.codes == []
    dialplan = Dialplan(outcome.dialplan)
    assert dialplan.check() == []
    for name, context in dialplan.contexts.items():
        text = repr(context)
        if name.startswith("ivrc-one"):
            assert "ivrc-two" not in text
        if name.startswith("ivrc-two"):
            assert "ivrc-one" not in text


def test_what_offices_share_is_there_once(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.ivr": OFFICE.format("one", "000-00-01"), "b.ivr": OFFICE.format("two", "000-00-02")})
    contexts = list(Dialplan(compile_paths(tmp_path).dialplan).contexts)
    shared = [name for name in contexts if not name.startswith(("ivrc-one", "ivrc-two", "ivrc.number"))]
    assert shared == ["ivrc-incoming", "ivrc.incoming", "ivrc.caller-RU", "ivrc.accept", "ivrc.holidays-RU"]


def test_two_hundred_offices(tmp_path: Path) -> None:
    files = {f"{n:03}.ivr": OFFICE.format(f"o{n}", f"000-{n // 100:02}-{n % 100:02}") for n in range(200)}
    outcome = compile_paths(write_tree(tmp_path, files))
    dialplan = Dialplan(outcome.dialplan)
    assert dialplan.check() == []
    assert outcome.compiled.offices == tuple(f"o{n}" for n in range(200))
    numbers = [set(each.extensions) for name, each in dialplan.contexts.items() if name.startswith("ivrc.numbers-")]
    assert sum(map(len, numbers)) == len(set().union(*numbers)) == 200


def test_office_compiles_to_the_same_alone_and_among_others(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.ivr": OFFICE.format("one", "000-00-01"), "b.ivr": OFFICE.format("two", "000-00-02")})

    def contexts(outcome: Outcome) -> dict[str, object]:
        found = Dialplan(outcome.dialplan).contexts
        return {name: context for name, context in found.items() if name.startswith("ivrc-two")}

    alone = contexts(compile_paths(tmp_path / "b.ivr"))
    assert len(alone) > 5
    assert contexts(compile_paths(tmp_path)) == alone


def test_number_of_two_offices_is_an_error(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.ivr": OFFICE.format("one", "000-00-01"), "b.ivr": OFFICE.format("two", "000 00 01")})
    outcome = compile_paths(tmp_path)
    assert outcome.codes == ["IVR205"]
    assert "b.ivr:7:8" in outcome.shown[0]
    assert "a.ivr:7:8" in outcome.shown[0]


def test_number_other_of_two_offices_is_an_error(tmp_path: Path) -> None:
    other = "number other -> main\nscenario main { }\n"
    write_tree(tmp_path, {"a.ivr": other, "b.ivr": other})
    assert compile_paths(tmp_path).codes == ["IVR205"]


@pytest.mark.parametrize("name", ["one", "ONE"])
def test_name_of_two_offices_is_an_error(tmp_path: Path, name: str) -> None:
    """IVR206."""
    write_tree(tmp_path, {"a.ivr": OFFICE.format("one", "000-00-01"), "b.ivr": OFFICE.format(name, "000-00-02")})
    outcome = compile_paths(tmp_path)
    assert outcome.codes == ["IVR206"]
    assert "b.ivr:1:19" in outcome.shown[0]


def test_faults_of_all_offices_are_told(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.ivr": "plya", "b.ivr": "scenario main { -> x }", "c.ivr": "scenario main { }"})
    outcome = compile_paths(tmp_path)
    assert outcome.codes == ["IVR101", "IVR201"]
    assert outcome.compiled.files is None


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("acme.ivr", "acme"),
        ("контора.ivr", "контора"),
        ("my office.ivr", "my_office"),
        ("1.ivr", "office"),
        ("x.y.ivr", "x_y"),
    ],
)
def test_office_without_a_name_has_that_of_its_file(tmp_path: Path, file: str, name: str) -> None:
    assert compile_paths(write_tree(tmp_path, {file: ""}) / file).compiled.offices == (name,)


def test_prompt_that_is_no_audio_is_an_error(tmp_path: Path) -> None:
    """IVR408."""
    pytest.importorskip("soundfile")
    file = write_tree(tmp_path, {"a.ivr": 'scenario main {\n  play "x"\n}\n', "prompts/x.wav": "no audio"}) / "a.ivr"
    assert Outcome(pipeline.check([file])).codes == ["IVR408"]
    outcome = Outcome(pipeline.compile_offices([file]))
    assert outcome.codes == ["IVR408"]
    assert outcome.compiled.files is None
    assert "a.ivr:2:8" in outcome.shown[0]


def test_pjsip_conf_is_written_for_call_sip_alone() -> None:
    assert "pjsip.conf" not in compile_text("scenario main { hangup }").everything
    outcome = compile_text('scenario main { call sip "sip:a@b.example" }')
    assert "[ivrc-sip]" in outcome.written("pjsip.conf")
    own = compile_text('settings { sip "PJSIP/out/{address}" }\nscenario main { call sip "sip:a@b.example" }')
    assert "pjsip.conf" not in own.everything


def test_manifest_lists_the_files_beside_it() -> None:
    outcome = compile_text('scenario main { call sip "sip:a@b.example" }')
    assert sorted([*outcome.manifest["files"], "manifest.json"]) == sorted(outcome.everything)


def test_manifest_expects_what_the_dialplan_names() -> None:
    outcome = compile_text(OFFICE.format("one", "000-00-01"))
    assert outcome.manifest["expects"]["endpoints"] == ["one-anna", "provider"]
    assert "app_dial" in outcome.manifest["expects"]["modules"]


def test_compiling_twice_in_one_process_gives_the_same_bytes() -> None:
    assert compile_text(OFFICE.format("one", "1")).codes == compile_text(OFFICE.format("one", "1")).codes == ["IVR401"]
    first, second = (compile_text(OFFICE.format("one", "000-00-01")).everything for _ in range(2))
    assert first == second
