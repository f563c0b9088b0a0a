"""asterisklint, a checker of dialplans by others, has nothing to say about what the compiler writes.

It is run as a program (its licence is the GPL) over the dialplan of every program of tests/corpus.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import CORPUS, compile_paths

ASTERISKLINT = Path(sys.executable).with_name("asterisklint")

CASES = sorted(path.stem for path in CORPUS.glob("*.ivr"))
FALSE_ALARMS = (
    # The dialplan is included by the user's extensions.conf, whose business these two sections are.
    "H_DP_GENERAL_MISPLACED",
    "H_DP_GLOBALS_MISPLACED",
    # It does not read hints.
    "I_NOTIMPL_HINT",
    # The order of signs within a pattern's brackets, `[+0-9]` or `[0-9+]`, is nothing to Asterisk.
    "H_PAT_NON_CANONICAL",
)
PARTS = 4


def findings(dialplan: str, folder: Path, ignored: tuple[str, ...] = FALSE_ALARMS) -> list[str]:
    """What asterisklint says of a dialplan; a crash of its own counts."""
    file = folder / "extensions.conf"
    # Extensions are Latin-1 to it.
    spelled = "".join(char if char < "\u0100" else f"_{ord(char):x}" for char in dialplan)
    file.write_text(spelled, "utf-8")
    run = subprocess.run(
        [ASTERISKLINT, "dialplan-check", "--asterisk-version", "22", file.name],
        cwd=folder,
        env={"ALINT_IGNORE": ",".join(ignored), "PYTHONUTF8": "1", "PATH": "", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return (run.stdout + run.stderr).splitlines()


@pytest.mark.parametrize("part", range(PARTS))
def test_asterisklint_finds_nothing(part: int, tmp_path: Path) -> None:
    found = {case: findings(compile_paths(CORPUS / f"{case}.ivr").dialplan, tmp_path) for case in CASES[part::PARTS]}
    assert {case: lines for case, lines in found.items() if lines} == {}


def test_asterisklint_finds_what_is_wrong(tmp_path: Path) -> None:
    """It is really asked: an unknown application, a jump to nowhere, a label twice."""
    broken = "[a]\nexten => s,1,Nope()\n same => n(x),Goto(b,s,1)\n same => n(x),Hangup()\n"
    codes = [line.split()[1].rstrip(":") for line in findings(broken, tmp_path)]
    assert {"E_APP_MISSING", "E_DP_GOTO_NOCONTEXT"} <= set(codes)
    assert len(codes) >= 3


def test_every_false_alarm_is_one_that_it_raises(tmp_path: Path) -> None:
    """Whatever it stops to say comes off the list."""
    every = compile_paths(CORPUS / "step_call_employee.ivr").dialplan + (compile_paths(CORPUS / "numbers.ivr").dialplan)
    raised = {line.split()[1].rstrip(":") for line in findings(every, tmp_path, ())}
    assert set(FALSE_ALARMS) <= raised
