"""`ivrc history`: the calls that were, from the command line."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from ivrc.history.commands import CONFIG, EXIT_FAULTS, EXIT_OUTPUT, EXIT_USAGE, open_store, stop
from ivrc.history.page_cli import serve, user

T = TypeVar("T")


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose calls."""
    for option in (
        click.option(
            "--limit", type=click.IntRange(0), default=50, show_default=True, help="At most so many; 0 for all."
        ),
        click.option("--outcome", help="talked, message, fax, fax_failed, hung_up, nobody, refused …"),
        click.option("--employee", help="Who was rung, by the name in the source."),
        click.option("--caller", help="Part of the caller's number."),
        click.option("--number", help="Part of the number that was called."),
        click.option("--search", help="Part of a number, a name or the outcome."),
        click.option("--to", "until", metavar="TIME", help="Before; as --from."),
        click.option("--from", "since", metavar="TIME", help='From then on: "2026-12-31", "2026-12-31 18:00".'),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def history(ctx: click.Context) -> None:
    """The calls that were: list, journey, messages, faxes. Without a command: the last calls."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


history.add_command(serve)
history.add_command(user)


@history.command("list")
@_filters
@CONFIG
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def list_(config: Path | None = None, form: str = "text", limit: int = 50, **wanted: str | None) -> None:
    """Calls, the newest first."""
    store = open_store(config)[1]
    found = store.find(_filter(limit, wanted))
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    if not found:
        narrowed = any(wanted.values())
        click.echo("no such call" if narrowed else "no calls yet: is `ivrc history collect` running?", err=True)
    for call in found:
        name = f" {call['contact_name'] or call['caller_name']}".rstrip()
        who = f"{call['caller'] or 'hidden'}{name} -> {call['number']}"
        files = " +" * bool(call["files"])
        click.echo(_plain(f"{call['id']:>6}  {_when(call['began'])}  {who}  {call['words']}{files}"))


@history.command()
@click.argument("call", type=int)
@CONFIG
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def show(call: int, config: Path | None, form: str) -> None:
    """A call's journey, step by step in the source's words."""
    shown = _call(open_store(config)[1], call)
    if form == "json":
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
        return
    who = f"{shown['caller'] or 'a hidden number'} {shown['caller_name']}".rstrip()
    click.echo(_plain(f"{_when(shown['began'])}: {who} called {shown['number']}"))
    if shown["contact"]:
        click.echo(_plain(f"in the CRM: {shown['contact_name']} ({shown['contact']})"))
    width = max((len(f"{e['file']}:{e['line']}") for e in shown["entries"] if e["kind"] == "step"), default=0)
    for entry in shown["entries"]:
        place = f"{entry['file']}:{entry['line']}" if entry["kind"] == "step" else ""
        indent = "" if entry["kind"] in ("step", "ended") else "  "
        click.echo(_plain(f"{entry['at'] - shown['began']:8.1f} s  {place:<{width}}  {indent}{entry['text']}"))
    for each in shown["media"]:
        click.echo(_plain(f"{each['kind']}: {each['path'] or 'no file'} {_about(each)}".rstrip()))


@history.command("open")
@click.argument("call", type=int)
@click.option("--path", "only_path", is_flag=True, help="Print where the file is, and open nothing.")
@CONFIG
def open_(call: int, only_path: bool, config: Path | None) -> None:
    """Open what a call left: the message, the recording, the fax."""
    files = [each["path"] for each in _call(open_store(config)[1], call)["media"] if each["path"]]
    if not files:
        stop(f"call {call} left nothing", EXIT_FAULTS)
    for path in files:
        if only_path:
            click.echo(path)
        elif click.launch(path):
            stop(f"nothing here opens {path}", EXIT_FAULTS)


@history.command()
@_filters
@CONFIG
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
def export(config: Path | None, form: str, limit: int, **wanted: str | None) -> None:
    """Write calls to standard output. (With --limit 0 all of them.)"""
    found = open_store(config)[1].find(_filter(limit, wanted))
    if form == "jsonl":
        for call in found:
            click.echo(json.dumps(call, ensure_ascii=False))
        return
    columns = ["id", "began", "number", "office", "scenario", "caller", "caller_name", "contact", "contact_name",
               "answered", "ended", "outcome", "words", "answered_by", "files"]  # fmt: skip
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    for call in found:
        times = {
            name: datetime.fromtimestamp(call[name]).isoformat(" ", "seconds") if call[name] else ""
            for name in ("began", "answered", "ended")
        }
        writer.writerow({**{name: _cell(value) for name, value in call.items()}, **times})
    click.echo(text.getvalue(), nl=False)


@history.command()
@click.option("--follow", is_flag=True, help="Go on until stopped, as a service.")
@CONFIG
def collect(follow: bool, config: Path | None) -> None:
    """Read what Asterisk has written since the last time."""
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: stopped.append(got))

    def again(fault: Exception) -> bool:
        """A full disk, a locked or absent database: Asterisk's own log waits for us."""
        if stopped:
            sys.exit(0)
        if follow:
            click.echo(f"ivrc: waiting: {fault}", err=True)
            time.sleep(2)
        return follow

    settings, store = open_store(config, again)
    from ivrc.history.collect import Collector
    from ivrc.history.store import StoreError

    if settings.source == "log" and not settings.cel.exists():
        missing = f"Asterisk has written no log yet: {settings.cel} (what it must be told: `ivrc history setup`)"
        if not follow:
            stop(missing, EXIT_FAULTS)
        click.echo(f"ivrc: waiting: {missing}", err=True)
    collector = Collector(settings, store)
    while not stopped:
        try:
            if follow:
                collector.run(lambda: bool(stopped))
            else:
                collector.collect()
            break
        except (StoreError, OSError) as fault:
            if not again(fault):
                stop(f"nothing is lost, but: {fault}", EXIT_OUTPUT)
    store.close()


@history.command()
@CONFIG
def prune(config: Path | None) -> None:
    """Forget what is too old or too much.

    keep, keep_media and media_bytes in [history] say what that is.
    """
    from ivrc.history.collect import prune as forget

    settings, store = open_store(config)
    if not (settings.keep or settings.keep_media or settings.media_bytes):
        click.echo("nothing is ever forgotten: set keep, keep_media or media_bytes in [history]")
        return
    gone, files = forget(settings, store)
    click.echo(f"{gone} calls and {files} files forgotten")


@history.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Write them into this folder.")
@click.option(
    "--odbc", "machine", metavar="MACHINE", help="Into a table by ODBC, as this machine; see docs/history.md."
)
def setup(output: Path | None, machine: str | None) -> None:
    """The settings that make Asterisk write its event log.

    They are cel.conf and cel_custom.conf, or those of ODBC.
    """
    from ivrc.history import cel

    files = cel.settings()
    if machine is not None:
        if not re.fullmatch(r"[\w.-]{1,80}", machine):
            stop(f"{machine!r} is no name of a machine: letters, digits, dots and dashes", EXIT_USAGE)
        from ivrc.history.table import settings

        files = {"cel.conf": files["cel.conf"], **settings(machine)}
    for name, text in files.items():
        if output is None:
            click.echo(f"; ── {name} ──\n{text}")
        elif (output / name).exists():
            stop(f"{output / name} is there already: compare it with `ivrc history setup`", EXIT_FAULTS)
        else:
            try:
                (output / name).write_text(text, encoding="utf-8")
            except OSError as fault:
                stop(f"{output / name}: {fault.strerror}", EXIT_OUTPUT)
            click.echo(f"{output / name} written")


def _cell(value: Any) -> Any:
    """A value for a table's program, which would take such a beginning for a formula."""
    return "'" + value if isinstance(value, str) and value.startswith(("=", "@", "-", "\t")) else value


def _call(store: Any, call: int) -> dict[str, Any]:
    shown: dict[str, Any] | None = store.show(call)
    if shown is None:
        stop(f"there is no call {call}", EXIT_FAULTS)
    return shown


def _filter(limit: int, wanted: dict[str, str | None]) -> Any:
    from ivrc.history.store import Filter

    def text(name: str) -> str:
        return wanted.get(name) or ""

    return Filter(
        since=_moment(wanted.get("since"), "since"),
        until=_moment(wanted.get("until"), "until"),
        number=text("number"),
        caller=text("caller"),
        employee=text("employee"),
        outcome=text("outcome"),
        search=text("search"),
        limit=limit,
    )


def _moment(text: str | None, name: str) -> float:
    if not text:
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        option = "--from" if name == "since" else "--to"
        stop(f'{option} {text!r} is no time: write "2026-12-31" or "2026-12-31 18:00"', EXIT_USAGE)


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def _about(each: dict[str, Any]) -> str:
    if each["kind"] == "fax":
        return f"{each['pages']} pages from {each['sender'] or 'an unknown machine'}, {each['status']}"
    return f"{each['seconds']:.0f} s"


def _plain(text: str) -> str:
    """A caller's name may be anything; a terminal gets no control characters."""
    return "".join(char if char.isprintable() else " " for char in text)
