"""`ivrc test`: the command.

Exit codes: 0 all passed; 1 a test failed, the coverage is too low, or a source has errors; 2 wrong usage, or no test;
3 a report could not be written.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ivrc.testing import report
from ivrc.testing.filtering import wanted_by
from ivrc.testing.suites import Outcome, run_paths

EXIT_FAILED = 1
EXIT_USAGE = 2


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE_OR_FOLDER]...")
@click.option("-k", "words", default="", metavar="WORDS", help="Only tests so named: a menu; a and not b.")
@click.option("--coverage", is_flag=True, help="Tell what no test walked.")
@click.option("--fail-under", type=click.FloatRange(0, 100), metavar="PERCENT", help="Fail if fewer steps are walked.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How results are printed.")
def test(paths: tuple[Path, ...], **options: Any) -> None:
    """Run the tests of offices: calls that are simulated, and what they must come to.

    Exit codes: 0 all passed; 1 a test failed, coverage too low, or errors in a source; 2 wrong usage, or no test;
    3 a report could not be written.
    """
    sys.exit(once(list(paths) or [Path()], options))


def once(paths: list[Path], options: dict[str, Any]) -> int:
    """One run; the exit code."""
    outcome = run_paths(paths, wanted_by(options["words"]))
    report.print_outcome(outcome, options)
    return exit_code(outcome, options)


def exit_code(outcome: Outcome, options: dict[str, Any]) -> int:
    """What a run comes to."""
    from ivrc.diagnostics import has_errors

    if has_errors(outcome.faults) or not all(verdict.passed for verdict in outcome.verdicts):
        return EXIT_FAILED
    if not outcome.verdicts:
        return EXIT_USAGE
    least = options["fail_under"]
    return EXIT_FAILED if least is not None and report.steps_percent(outcome) < least else 0
