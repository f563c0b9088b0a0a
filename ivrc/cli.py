"""The command line: arguments, exit codes and printing; the work is done in `ivrc.pipeline`.

Exit codes: 0 done, 1 the source has errors, 2 the command was used wrongly, 3 the output could not be written.

A path of no use, a folder that is not ours and every OSError that nobody nearer the cause has caught end in
`_Command.main`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from ivrc.pipeline import Compiled

EXIT_FAULTS = 1
EXIT_USAGE = 2
EXIT_OUTPUT = 3

_PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE_OR_FOLDER...")
_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How results and faults are printed.",
)


# Commands of the runtime: module, the click command in it, what the list of commands says of it.
_ELSEWHERE = {
    "agi": ("ivrc.agi.cli", "", "Answer the dialplan's questions: serve, run, unit."),
    "deploy": ("ivrc.deploying", "deploy", "Into a running Asterisk, without harm to a call: status, verify, log."),
    "rollback": ("ivrc.deploying", "rollback", "Back to an earlier generation, at once."),
    "history": ("ivrc.history.cli", "history", "The calls that were: list, journey, messages, faxes."),
    "crm": ("ivrc.crm.cli", "crm", "Whose customer a caller is: contact book, look-ups, checks."),
    "diff": ("ivrc.differing", "diff", "What callers would meet differently, from one state to another."),
    "simulate": ("ivrc.simulating", "simulate", "Try a call without a phone: who rings, what is heard, how it ends."),
    "test": ("ivrc.testing.cli", "test", "Run the tests of offices, without a phone."),
}


class _Command(click.Group):
    """The group of commands. Faults that a user can mend become one line on standard error and an exit code here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, those of the runtime too."""
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, for lists of them: one of the runtime's is only named."""
        if cmd_name in _ELSEWHERE:
            return click.Command(cmd_name, help=_ELSEWHERE[cmd_name][2])
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command to run; one of the runtime's is imported now. (`ivrc agi` has a command line of its own.)"""
        module, name, _ = _ELSEWHERE.get(args[0], ("", "", ""))
        if not name:
            return super().resolve_command(ctx, args)
        command: click.Command = getattr(import_module(module), name)
        return args[0], command, args[1:]

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command as click does."""
        try:
            return super().main(*args, **kwargs)
        except Exception as fault:
            message, code = _ending(fault)
            if not code:
                raise
        _complain(message)
        sys.exit(code)


def _ending(fault: Exception) -> tuple[str, int]:
    """What to say of an error and the exit code that it asks for; 0 for one that is a bug of ivrc's own."""
    from ivrc.loading import InputError
    from ivrc.output import OutputError

    if isinstance(fault, InputError):
        return str(fault), EXIT_USAGE
    if isinstance(fault, OutputError):
        return str(fault), EXIT_OUTPUT
    if isinstance(fault, OSError):
        # Faults of reading have messages of their own: what is left is written, to a cache, a disk or a pipe.
        what = f"cannot write {fault.filename}" if fault.filename else "the output cannot be written"
        return f"{what}: {fault.strerror or fault}", EXIT_OUTPUT
    return "", 0


def _complain(message: str) -> None:
    """One line on standard error, if it takes any."""
    _give_up_unless_written(sys.stdout)
    with suppress(OSError, ValueError):
        click.echo(f"ivrc: {message}", err=True)
    _give_up_unless_written(sys.stderr)


def _give_up_unless_written(stream: TextIO | None) -> None:
    """Close a stream that takes nothing: at its end Python would try it once more, and show a traceback."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            stream.close()


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ivrc", message="ivrc %(version)s")
def main() -> None:
    """Call scenarios as code for Asterisk.

    Exit codes: 0 done; 1 the source has errors; 2 wrong usage; 3 the output could not be written.
    """


@main.command()
@_PATHS
@_FORMAT
def check(paths: tuple[Path, ...], form: str) -> None:
    """Check offices: everything that compile does, but nothing is written."""
    from ivrc import pipeline

    result = pipeline.check(list(paths))
    _report(result, form, {})
    if result.files is None:
        sys.exit(EXIT_FAULTS)


@main.command("compile")
@_PATHS
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for what is written.")
@_FORMAT
def compile_(paths: tuple[Path, ...], output: Path, form: str) -> None:
    """Compile offices to a dialplan: extensions.conf, sounds, manifest.json.

    The folder is written whole or not at all; with an error in any office it stays as it was.
    """
    from ivrc import pipeline
    from ivrc.output import OutputError, write_folder

    result = pipeline.compile_offices(list(paths))
    if result.files is None:
        _report(result, form, {})
        sys.exit(EXIT_FAULTS)
    try:
        write_folder(output, result.files)
    except OutputError as fault:
        _report(result, form, {"output": None, "failure": str(fault)})
        raise
    _report(result, form, {"output": str(output)})


@main.command()
@_PATHS
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 if a file is not canonical.")
def fmt(paths: tuple[Path, ...], only_check: bool) -> None:
    """Put files into the canonical form: indentation, spaces, blank lines.

    A file with syntax errors is left as it is.
    """
    from ivrc.loading import find_roots

    worst = 0
    for file in find_roots(list(paths)):
        worst = max(worst, _format_file(file, only_check))
    sys.exit(worst)


def _format_file(file: Path, only_check: bool) -> int:
    """Format one file; the exit code that it asks for."""
    from ivrc.diagnostics.render import render_text
    from ivrc.formatting import format_source
    from ivrc.output import replace_file
    from ivrc.source import Sources

    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        click.echo(f"ivrc: {file} cannot be read: {reason}", err=True)
        return EXIT_FAULTS
    formatted, faults = format_source(text)
    if formatted is None:
        sources = Sources()
        sources.add(str(file), text)
        for fault_ in faults:
            click.echo(render_text(fault_, sources) + "\n", err=True)
        return EXIT_FAULTS
    if formatted == text:
        return 0
    if only_check:
        click.echo(f"{file} is not in its canonical form")
        return EXIT_FAULTS
    try:
        replace_file(file, formatted.encode())
    except OSError as fault:
        click.echo(f"ivrc: cannot write {file}: {fault.strerror}", err=True)
        return EXIT_OUTPUT
    click.echo(f"{file}: formatted")
    return 0


@main.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Say what a code such as IVR201 means; without a code, list them all."""
    from ivrc.diagnostics import CODES, did_you_mean

    if code is None:
        for each, summary in CODES.items():
            click.echo(f"{each}  {summary}")
        return
    summary = CODES.get(code.upper(), "")
    if not summary:
        click.echo(f"ivrc: there is no code {code}. {did_you_mean(code.upper(), list(CODES))}".rstrip(), err=True)
        sys.exit(EXIT_USAGE)
    click.echo(f"{code.upper()}: {summary}{_page(code.upper())}")


def _page(code: str) -> str:
    """What is written about a code, with a wrong and a right source; empty for a code without a page."""
    from textwrap import indent

    from ivrc.resources import resource_path

    try:
        folder = resource_path(f"errors/{code}", "details.md").parent
    except FileNotFoundError:
        return ""
    page = f"\n\n{(folder / 'details.md').read_text(encoding='utf-8').rstrip()}"
    for title, stem in (("Wrong", "bad"), ("Right", "good")):
        files = [file for name in (f"{stem}.ivr", f"{stem}.test.ivr") if (file := folder / name).is_file()]
        for file in files:
            # One of the wrong sources is wrong in that it is no UTF-8.
            text = file.read_text(encoding="utf-8", errors="replace").rstrip()
            what = f"{title} ({file.name})" if file.name.endswith(".test.ivr") else title
            page += f"\n\n{what}:\n\n{indent(text, '    ')}"
    return page


def _report(result: Compiled, form: str, extra: dict[str, Any]) -> None:
    """Diagnostics to standard error (text) or everything to standard output (JSON), and a last line."""
    from ivrc.diagnostics import render

    ordered = render.in_order(result.diagnostics) if result.diagnostics else []
    errors = sum(diagnostic.severity == "error" for diagnostic in ordered)
    if form == "json":
        import json

        shown = [render.render_json(diagnostic, result.sources) for diagnostic in ordered]
        body = {"ok": errors == 0 and "failure" not in extra, "offices": list(result.offices)}
        click.echo(json.dumps({**body, **extra, "diagnostics": shown}, ensure_ascii=False, indent=1))
        return
    for diagnostic in ordered:
        click.echo(render.render_text(diagnostic, result.sources) + "\n", err=True)
    if "failure" not in extra:
        click.echo(_last_line(result, errors, len(ordered) - errors, extra), err=errors > 0)


def _last_line(result: Compiled, errors: int, warnings: int, extra: dict[str, Any]) -> str:
    counted = [_count(errors, "error")] * (errors > 0) + [_count(warnings, "warning")] * (warnings > 0)
    if errors:
        return f"ivrc: {', '.join(counted)}; nothing was written"
    offices = result.offices[0] if len(result.offices) == 1 else _count(len(result.offices), "office")
    done = f"{offices}: written to {extra['output']}" if "output" in extra else f"{offices}: all is well"
    return f"{done} ({', '.join(counted)})" if counted else done


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
