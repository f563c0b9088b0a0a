"""The plugin of pytest (`pip install "ivrc[pytest]"`): `.ivr` files with tests are collected, each test an item.

And the fixture `ivrc_dialplan`, which compiles an office for snapshots. pytest loads this module whenever it starts:
all else of ivrc is imported when it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ivrc.cases import Case
    from ivrc.simulate.telling import Teller
    from ivrc.testing.run import Runner, Verdict

_HAS_TEST = re.compile(r'^\s*test\s+"', re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting `ivrc_tests`: whether `.ivr` files are collected."""
    parser.addini("ivrc_tests", "collect the tests of .ivr files", type="bool", default=True)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> IvrFile | None:
    """A file with tests in it."""
    if file_path.suffix != ".ivr" or not parent.config.getini("ivrc_tests"):
        return None
    try:
        text = file_path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    found: IvrFile | None = IvrFile.from_parent(parent, path=file_path) if _HAS_TEST.search(text) else None
    return found


class IvrFile(pytest.File):
    """A source with tests: an office's own file, one that it includes, or a file of tests beside it."""

    def collect(self) -> Iterator[IvrTest]:
        """The tests that are written in this file; a CollectError with the faults of the sources."""
        from ivrc.testing.collecting import SourceError, collect

        try:
            collected = collect(self.path)
        except SourceError as fault:
            raise self.CollectError(str(fault)) from fault
        for case in collected.cases:
            yield IvrTest.from_parent(self, name=case.name, case=case, runner=collected.runner, teller=collected.teller)


class IvrTest(pytest.Item):
    """One test, or a row of its table."""

    def __init__(self, *, case: Case, runner: Runner, teller: Teller, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case
        self.runner = runner
        self.teller = teller

    def runtest(self) -> None:
        """Simulate the call."""
        verdict = self.runner.run(self.case)
        if not verdict.passed:
            raise IvrFailure(verdict)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was expected, what came, and the journey."""
        if isinstance(excinfo.value, IvrFailure):
            from ivrc.testing.telling import failure_lines

            return "\n".join(failure_lines(excinfo.value.verdict, self.teller))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test stands."""
        place = self.teller.place(self.case.start)
        return self.path, int(place.rpartition(":")[2]) - 1, self.name


class IvrFailure(AssertionError):
    """A call that did not come to what was expected."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"{verdict.case.name}: {len(verdict.failures)} not as expected")
        self.verdict = verdict


@pytest.fixture
def ivrc_dialplan(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Compile an office and give its dialplan, for a snapshot: `assert ivrc_dialplan("office.ivr") == snapshot`.

    Paths are relative to the test's file. Another file of the output has its name as the second argument:
    `ivrc_dialplan("office.ivr", "queues.conf")`. A source with errors fails the test.
    """

    def compiled(path: str | Path, name: str = "extensions.conf") -> str:
        from ivrc.testing.collecting import SourceError, dialplan

        try:
            return dialplan(request.path.parent / path, name)
        except SourceError as fault:
            pytest.fail(str(fault), pytrace=False)

    return compiled
