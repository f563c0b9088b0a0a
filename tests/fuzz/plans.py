"""Small offices and what is compiled of them, for tests of what mutants come to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ivrc import model as m
from ivrc.testbed.fuzz.equivalent import reason
from ivrc.testbed.fuzz.jumps import Line, lines_of
from ivrc.testbed.fuzz.offices import prepare
from ivrc.testbed.fuzz.wrongs import Mutant
from tests.support import compile_paths

# A Thursday of Moscow.
MOMENT = datetime(2026, 3, 5, 11, 58, tzinfo=UTC)
SETTINGS = """\
settings { office fuzz000  country RU  timezone "Europe/Moscow"  language en  trunk "PJSIP/{number}@provider"
    helper "127.0.0.1:4573" }
employee anna { extension 1  sip "PJSIP/p000e0"  mobile "+79160000000" }
employee boris { extension 2  sip "PJSIP/p000e1" }
number "+74950000000" -> main
"""


class Compiled(NamedTuple):
    """A program as both sides know it."""

    dialplan: str
    office: m.Office

    def line(self, context: str, args: str) -> Line:
        """The first line of a context with this in its arguments."""
        return next(each for each in lines_of(self.dialplan) if each.context.endswith(context) and args in each.args)

    def why(self, operator: str, line: Line, args: str = "", app: str = "") -> str:
        """Why a line made wrong cannot be told; without arguments it is left out."""
        mutant = Mutant(operator, line, app or (line.app if args else "NoOp"), args)
        return reason(mutant, self.dialplan, self.office, MOMENT)


def compiled(folder: Path, source: str) -> Compiled:
    """An office with these scenarios."""
    file = folder / "office.ivr"
    file.write_text(SETTINGS + source, "utf-8")
    office = prepare(SETTINGS + source, folder, {})
    assert office is not None
    return Compiled(compile_paths(file).dialplan, office.names.office)
