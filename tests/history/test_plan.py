"""The source's words, found where calls were."""

from __future__ import annotations

from pathlib import Path

from ivrc.history.plan import load_plan


def test_calls_on_deployed_parts_are_told_in_their_own_parts_words(tmp_path: Path) -> None:
    office = """
; scenario main
[ivrc~{mark}-acme-main]
; play "{said}"    (office.ivr:{line})
exten => s,1,Answer()
 same => n,Playback(ivrc/acme/welcome~p2x6a5rn)
"""
    entries = """
[ivrc.numbers-567]
; number "+7 495 123-45-67" -> main    (office.ivr:{line})
exten => 74951234567,1,Goto(ivrc~{mark}-acme.in,ivrc~{mark}-acme-main,1)
"""
    for mark, said, line in (("aaaaaaaa", "monday", 3), ("bbbbbbbb", "tuesday", 4)):
        part = tmp_path / "parts" / f"acme~{mark}"
        part.mkdir(parents=True)
        (part / "extensions.conf").write_text(office.format(mark=mark, said=said, line=line))
        (part / "entries.conf").write_text(entries.format(mark=mark, line=line + 10))
    (tmp_path / "active").mkdir()
    (tmp_path / "active" / "manifest.json").write_text('{"offices": []}')
    plan = load_plan(tmp_path)
    for mark, said, line in (("bbbbbbbb", "tuesday", 4), ("aaaaaaaa", "monday", 3)):
        entered = plan.find(
            "ivrc.numbers-567", "74951234567", "Goto", f"ivrc~{mark}-acme.in,ivrc~{mark}-acme-main,1", -1
        )[1]
        assert entered is not None and entered.line == line + 10
        step = plan.find(f"ivrc~{mark}-acme-main", "s", "Answer", "", -1)[1]
        assert step is not None and (step.text, step.line) == (f'play "{said}"', line)
