"""The command line: arguments, exit codes and printing; the work is done in `ivrc.pipeline`.

Exit codes: 0 done, 1 the source has errors, 2 the command was used wrongly, 3 the output could not be written.

A path of no use, a folder that is not ours and every OSError that nobody nearer the cause has caught end in
`_Command.main`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ivrc.named import NamedTuple

if TYPE_CHECKING:
    from ivrc.diagnostics import Diagnostic
    from ivrc.diagnostics.pages import Page
    from ivrc.pipeline import Compiled
    from ivrc.source import Sources

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
    "deploy": ("ivrc.deploying", "deploy", "Into a running Asterisk, without harm to a call in progress."),
    "rollback": ("ivrc.deploying", "rollback", "Back to an earlier generation, at once."),
    "history": ("ivrc.history.cli", "history", "The calls that were: list, journey, messages, faxes."),
    "crm": ("ivrc.crm.cli", "crm", "Whose customer a caller is: contact book, look-ups, checks."),
    "diff": ("ivrc.differing", "diff", "What callers would meet differently, from one state to another."),
    "simulate": ("ivrc.simulating", "simulate", "Try a call without a phone: who rings, what is heard."),
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
    """Check offices, and write nothing. All else that compile does is done."""
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
    """Compile offices to a dialplan.

    What is written is extensions.conf, sounds, manifest.json, and other files where they are needed.
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


# What can come of formatting a file, and the exit code that it asks for.
_STATES = {
    "canonical": 0,
    "formatted": 0,
    "not canonical": EXIT_FAULTS,
    "faulty": EXIT_FAULTS,
    "unreadable": EXIT_FAULTS,
    "unwritable": EXIT_OUTPUT,
}


class _Formatted(NamedTuple):
    """What came of formatting a file: one of `_STATES`, with its reason or its faults."""

    file: Path
    state: str
    sources: Sources
    failure: str = ""
    faults: Sequence[Diagnostic] = ()


@main.command()
@_PATHS
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 if a file is not canonical.")
@_FORMAT
def fmt(paths: tuple[Path, ...], only_check: bool, form: str) -> None:
    """Put files into the canonical form.

    It is one of indentation, spaces and blank lines. A file with syntax errors is left as it is.
    """
    from ivrc.diagnostics.render import render_json
    from ivrc.loading import find_roots

    done = []
    for file in find_roots(list(paths)):
        done.append(_format_file(file, only_check))
        if form == "text":
            _tell_formatted(done[-1])
    worst = max(_STATES[each.state] for each in done)
    if form == "json":
        files = [
            {"path": str(each.file), "state": each.state, **({"failure": each.failure} if each.failure else {})}
            for each in done
        ]
        shown = [render_json(fault, each.sources) for each in done for fault in each.faults]
        _echo_json({"ok": worst == 0, "files": files, "diagnostics": shown})
    sys.exit(worst)


def _tell_formatted(done: _Formatted) -> None:
    """What came of a file, for people: what is wrong to standard error."""
    from ivrc.diagnostics.render import render_text

    if done.state == "formatted":
        click.echo(f"{done.file}: formatted")
    elif done.state == "not canonical":
        click.echo(f"{done.file} is not in its canonical form")
    elif done.failure:
        click.echo(f"ivrc: {done.failure}", err=True)
    for fault in done.faults:
        click.echo(render_text(fault, done.sources) + "\n", err=True)


def _format_file(file: Path, only_check: bool) -> _Formatted:
    """Format one file."""
    from ivrc.formatting import format_source
    from ivrc.output import replace_file
    from ivrc.source import Sources

    sources = Sources()
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        return _Formatted(file, "unreadable", sources, f"{file} cannot be read: {reason}")
    sources.add(str(file), text)
    formatted, faults = format_source(text)
    if formatted is None:
        return _Formatted(file, "faulty", sources, faults=faults)
    if formatted == text:
        return _Formatted(file, "canonical", sources)
    if only_check:
        return _Formatted(file, "not canonical", sources)
    try:
        replace_file(file, formatted.encode())
    except OSError as fault:
        return _Formatted(file, "unwritable", sources, f"cannot write {file}: {fault.strerror}")
    return _Formatted(file, "formatted", sources)


@main.command()
@click.argument("code", required=False)
@_FORMAT
def explain(code: str | None, form: str) -> None:
    """Say what a code such as IVR201 means; or list all codes."""
    from ivrc.diagnostics import CODES, did_you_mean, severity_of
    from ivrc.diagnostics.pages import page_of

    if code is None:
        if form == "json":
            codes = [{"code": each, "severity": severity_of(each), "summary": CODES[each]} for each in CODES]
            _echo_json({"codes": codes})
            return
        for each, summary in CODES.items():
            click.echo(f"{each}  {summary}")
        return
    code = code.upper()
    if code not in CODES:
        click.echo(f"ivrc: there is no code {code}. {did_you_mean(code, list(CODES))}".rstrip(), err=True)
        sys.exit(EXIT_USAGE)
    page = page_of(code)
    if form == "json":
        wrong, right = ([each._asdict() for each in examples] for examples in (page.wrong, page.right))
        told = {"code": code, "severity": severity_of(code), "summary": CODES[code]}
        _echo_json({**told, "details": page.details, "wrong": wrong, "right": right})
        return
    click.echo("\n\n".join([f"{code}: {CODES[code]}", page.details, *_shown_examples(page)]))


def _shown_examples(page: Page) -> Iterator[str]:
    """The wrong and the right sources of a page, each under its title."""
    from textwrap import indent

    for title, examples in (("Wrong", page.wrong), ("Right", page.right)):
        for example in examples:
            what = f"{title} ({example.file})" if example.file.endswith(".test.ivr") else title
            yield f"{what}:\n\n{indent(example.text, '    ')}"


def _report(result: Compiled, form: str, extra: dict[str, Any]) -> None:
    """Diagnostics to standard error (text) or everything to standard output (JSON), and a last line."""
    from ivrc.diagnostics import render

    ordered = render.in_order(result.diagnostics) if result.diagnostics else []
    errors = sum(diagnostic.severity == "error" for diagnostic in ordered)
    if form == "json":
        shown = [render.render_json(diagnostic, result.sources) for diagnostic in ordered]
        body = {"ok": errors == 0 and "failure" not in extra, "offices": list(result.offices)}
        _echo_json({**body, **extra, "diagnostics": shown})
        return
    for diagnostic in ordered:
        click.echo(render.render_text(diagnostic, result.sources) + "\n", err=True)
    if "failure" not in extra:
        click.echo(_last_line(result, errors, len(ordered) - errors, extra), err=errors > 0)


def _echo_json(body: dict[str, Any]) -> None:
    """A result for programs."""
    import json

    click.echo(json.dumps(body, ensure_ascii=False, indent=1))


def _last_line(result: Compiled, errors: int, warnings: int, extra: dict[str, Any]) -> str:
    counted = [_count(errors, "error")] * (errors > 0) + [_count(warnings, "warning")] * (warnings > 0)
    if errors:
        return f"ivrc: {', '.join(counted)}; nothing was written"
    offices = result.offices[0] if len(result.offices) == 1 else _count(len(result.offices), "office")
    done = f"{offices}: written to {extra['output']}" if "output" in extra else f"{offices}: all is well"
    return f"{done} ({', '.join(counted)})" if counted else done


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
