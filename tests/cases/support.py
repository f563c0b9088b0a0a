"""Tests of the language, in small offices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ivrc.cases import Case, cases_of
from ivrc.loading import Loader
from ivrc.reading import read_suite
from ivrc.simulate.telling import Teller
from ivrc.source import Sources
from ivrc.testing.run import Runner, Verdict
from ivrc.testing.telling import expected_text, got_text
from tests.simulate.support import LENGTHS, source_of

DECLARATIONS = """\
group hall at once { boris, vera }
group turns random { anna boris vera }
hours open { mon-fri 09:00-18:00 }
switch night toggled by "*28"
callers vip { "+7 916 *" }
"""


class Ran:
    """The verdicts of an office's tests."""

    def __init__(self, folder: Path, source: str, lengths: Mapping[str, float] = LENGTHS) -> None:
        (folder / "office.ivr").write_text(source, "utf-8")
        self.sources = Sources()
        suite = read_suite(folder / "office.ivr", Loader(folder, self.sources))
        assert [fault.message for fault in (*suite.diagnostics, *suite.faults)] == []
        assert suite.office is not None
        self.cases: list[Case] = suite.cases
        self.runner = Runner(suite.office, dict(lengths))
        self.teller = Teller(suite.office, self.sources)
        self.verdicts: list[Verdict] = [self.runner.run(case) for case in suite.cases]

    @property
    def failures(self) -> list[tuple[str, str]]:
        """(expected, got) of every failure."""
        return [
            (expected_text(failure, self.teller), got_text(failure, verdict.journey, self.teller))
            for verdict in self.verdicts
            for failure in verdict.failures
        ]


def ran(folder: Path, steps: Sequence[str], *clauses: str, declarations: str = DECLARATIONS) -> Ran:
    """One test of these clauses, for an office whose scenario `main` has these steps."""
    test = 'test "a caller" {\n' + "\n".join(clauses) + "\n}\n"
    return Ran(folder, source_of(*steps, declarations=declarations) + test)


__all__ = ["Ran", "cases_of", "ran"]
