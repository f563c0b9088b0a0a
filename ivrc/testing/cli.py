"""`ivrc test`: the command.

Exit codes: 0 all passed; 1 a test failed, the coverage is too low, or a source has errors; 2 wrong usage, or no test;
3 a report could not be written.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ivrc.testing import report
from ivrc.testing.filtering import wanted_by
from ivrc.testing.suites import Outcome, run_paths

if TYPE_CHECKING:
    from ivrc.testing.asterisk import Told

EXIT_FAILED = 1
EXIT_USAGE = 2
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("paths", nargs=-1, type=_FILE, metavar="[FILE_OR_FOLDER]...")
@click.option("-k", "words", default="", metavar="WORDS", help='Only tests so named: menu, "menu and not night".')
@click.option("--coverage", is_flag=True, help="Tell what no test walked.")
@click.option("--coverage-html", "pages", type=_FILE, metavar="FOLDER", help="The same as pages, the lines marked.")
@click.option("--fail-under", type=click.FloatRange(0, 100), metavar="PERCENT", help="Fail if fewer steps are walked.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the results as JUnit's XML, too.")
@click.option("--asterisk", is_flag=True, help="Run them as calls through a real Asterisk, and tell where it differs.")
@click.option("--watch", "again", is_flag=True, help="Run again whenever a source or a prompt changes.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How results are printed.")
def test(paths: tuple[Path, ...], again: bool, **options: Any) -> None:
    """Run the tests of offices: calls that are simulated, and what they must come to.

    Without a path: those of this folder.

    Exit codes: 0 all passed; 1 a test failed, coverage too low, or errors in a source; 2 wrong usage, or no test;
    3 a report could not be written.
    """
    chosen = list(paths) or [Path()]
    if again and options["asterisk"]:
        raise click.UsageError("--watch is for the simulator: --asterisk takes seconds for each call")
    if not again:
        sys.exit(exit_code(once(chosen, options), options))
    _watch(chosen, options)


def once(paths: list[Path], options: dict[str, Any]) -> Outcome:
    """One run, told and written. InputError for a path of no use; OSError if a report cannot be written."""
    called = _call(paths, options) if options["asterisk"] else None
    outcome = called.outcome if called else run_paths(paths, wanted_by(options["words"]))
    if options["junit"]:
        from ivrc.testing.junit import junit_xml

        options["junit"].write_bytes(junit_xml(outcome))
    if options["pages"]:
        from ivrc.testing.page import coverage_pages, write_pages

        write_pages(options["pages"], coverage_pages(outcome))
    report.print_outcome(outcome, options)
    if called and called.differences:
        sys.exit(EXIT_FAILED)
    return outcome


def _call(paths: list[Path], options: dict[str, Any]) -> Told:
    """The tests as calls through the Asterisk of the test bed, which is loaded for this alone."""
    from ivrc.testbed.prefix import TestbedError
    from ivrc.testing.asterisk import run_paths as call_paths

    def tell(line: str) -> None:
        click.echo(line, err=True)

    try:
        told = call_paths(paths, wanted_by(options["words"]), tell)
    except TestbedError as fault:
        click.echo(f"ivrc: {fault}", err=True)
        sys.exit(EXIT_FAILED)
    for difference in told.differences:
        click.echo(f"the telephone differs from the simulator: {difference}")
    for name in told.passed_over:
        click.echo(f"passed over, its caller is a fax machine: {name}", err=True)
    return told


def exit_code(outcome: Outcome, options: dict[str, Any]) -> int:
    """What a run comes to."""
    from ivrc.diagnostics import has_errors

    if has_errors(outcome.faults) or not all(verdict.passed for verdict in outcome.verdicts):
        return EXIT_FAILED
    if not outcome.verdicts:
        return EXIT_USAGE
    least = options["fail_under"]
    return EXIT_FAILED if least is not None and report.steps_percent(outcome) < least else 0


def _watch(paths: list[Path], options: dict[str, Any]) -> None:
    import gc
    from datetime import datetime

    from ivrc.testing.watch import watch, watched

    # This one runs on.
    gc.enable()

    def run() -> list[Path]:
        click.clear()
        sources = once(paths, options).watched
        click.echo(f"{datetime.now():%H:%M:%S}, waiting for changes; Ctrl-C ends", err=True)
        return watched(paths, sources)

    watch(run)
