"""`ivrc deploy` and `ivrc rollback`: the commands. They join the compiler and `ivrc.deploy`.

Exit codes as in `ivrc.cli`: 1 for a source with errors or a deploy that did not come about, 2 for wrong use.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from ivrc.deploy.node import Target
    from ivrc.deploy.release import Release

T = TypeVar("T")
EXIT_FAULTS, EXIT_USAGE = 1, 2


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name a target."""
    for option in (
        click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="ivrc.toml; else as for `crm`."),
        click.option("--to", metavar="URL", default="", help="asterisk://USER@HOST:PORT, or asterisks:// over TLS."),
    ):
        command = option(command)
    return command


class _Deploy(click.Group):
    """`ivrc deploy FILE…` deploys; `ivrc deploy status` and its like are commands of their own."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A command; whatever is none are the files to deploy."""
        if args and args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "run", self.commands["run"], args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before the first file are the deploy's."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Deploy, context_settings={"help_option_names": ["-h", "--help"]})
def deploy() -> None:
    """Deploy offices into a running Asterisk: `ivrc deploy FILE_OR_FOLDER... --to asterisk://USER@HOST`.

    Calls in progress finish on the plan they came in on; a plan that Asterisk does not hold as it was compiled never
    becomes active.
    """


@deploy.command("run", hidden=True)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE_OR_FOLDER...")
@_options
@click.option("--dry-run", is_flag=True, help="Change nothing: say what would be deployed, and what is missing.")
@click.option("--note", default="", help="A word for the log.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def run(paths: tuple[Path, ...], config: Path | None, to: str, dry_run: bool, note: str, form: str) -> None:
    """Deploy files and folders."""
    from ivrc.deploy import rollout

    target, wait = _target(config, to)
    release = compile_release(list(paths))
    if dry_run:
        _report(_do(_changes(target, release)), form, _told_changes)
        return
    outcomes = _do(rollout.deploy([target], release, note, wait))
    _report({"nodes": [each._asdict() for each in outcomes]}, form, _told_outcomes)


def compile_release(paths: list[Path]) -> Release:
    """Compile for a deploy; with errors they are printed, and the command ends."""
    from ivrc.diagnostics import render
    from ivrc.pipeline import build
    from ivrc.releasing import release_of

    built = build(paths)
    for fault in render.in_order(built.diagnostics):
        click.echo(render.render_text(fault, built.sources) + "\n", err=True)
    if built.offices is None:
        _stop("the source has errors; nothing was deployed")
    return release_of(built)


async def _changes(target: Target, release: Release) -> dict[str, Any]:
    """What a deploy would change."""
    from ivrc.deploy.rollout import nodes

    async with nodes([target], only_look=True) as (node,):
        before, after = node.now.active, release.active
        return {
            "generation": node.now.generation,
            "new": sorted(after.keys() - before.keys()),
            "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
            "removed": sorted(before.keys() - after.keys()),
            "unchanged": len([name for name in after if before.get(name) == after[name]]),
            "missing": await node.missing(release),
        }


def _told_changes(found: dict[str, Any]) -> None:
    for kind in ("new", "changed", "removed"):
        for name in found[kind]:
            click.echo(f"{kind}: {name}")
    for fault in found["missing"]:
        click.echo(f"missing: {fault}", err=True)
    if not (found["new"] or found["changed"] or found["removed"]):
        click.echo(f"nothing would change: generation {found['generation']} is the same")
    if found["missing"]:
        _stop("this would be refused")


def _told_outcomes(found: dict[str, Any]) -> None:
    for each in found["nodes"]:
        active = f"{each['node']}: generation {each['generation']} is active"
        click.echo(f"{active} ({each['seconds']:.1f} s)" if each["changed"] else f"{active} already: nothing changed")


@click.command()
@click.argument("generation", type=int, required=False)
@_options
def rollback(generation: int | None, config: Path | None, to: str) -> None:
    """Make an earlier GENERATION active again; without a number, the one before."""
    from ivrc.deploy import rollout

    target, wait = _target(config, to)
    outcomes = _do(rollout.rollback([target], generation, wait))
    _told_outcomes({"nodes": [each._asdict() for each in outcomes]})


deploy.add_command(rollback)


@deploy.command()
@_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def status(config: Path | None, to: str, form: str) -> None:
    """Generations with their age, who deployed them, and the calls that are on them."""
    from ivrc.deploy.status import status_of

    target, _ = _target(config, to)
    _report(_do(status_of(target)), form, _told_status)


def _told_status(found: dict[str, Any]) -> None:
    if not found["generations"]:
        click.echo("nothing is deployed yet")
    for each in found["generations"]:
        age = _age(time.time() - each["when"])
        state = "active" if each["active"] else "loaded" if each["loaded"] else "kept"
        note = f"  {each['note']}" if each["note"] else ""
        click.echo(f"{each['generation']:>5}  {state:<7} {each['calls']:>5} calls  {age:>8} ago  {each['by']}{note}")
    for part, calls in found["elsewhere"].items():
        click.echo(f"       {part} is loaded for {calls} calls; its generation is not kept any more")


def _age(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


@deploy.command()
@_options
def verify(config: Path | None, to: str) -> None:
    """Find what was changed by hand or by another program: in Asterisk, or in ivrc's files."""
    from ivrc.deploy.rollout import nodes

    target, wait = _target(config, to)

    async def look() -> tuple[list[str], int]:
        async with nodes([target], wait) as (node,):
            return await node.verify(), node.now.generation

    faults, generation = _do(look())
    for fault in faults:
        click.echo(fault)
    if faults:
        _stop(f"{len(faults)} differences from generation {generation}; the next deploy puts Asterisk right")
    click.echo(f"generation {generation}: Asterisk holds what was deployed")


@deploy.command()
@_options
@click.option("--after", type=float, default=None, metavar="SECONDS", help="Also parts left so long ago, calls or not.")
def collect(config: Path | None, to: str, after: float | None) -> None:
    """Take parts out of Asterisk that no call is on. (A deploy does the same.)"""
    from ivrc.deploy.rollout import nodes

    target, wait = _target(config, to)
    if after is not None:
        target = target._replace(limit=max(after, 1e-3))

    async def work() -> list[str]:
        async with nodes([target], wait) as (node,):
            return await node.collect()

    gone = _do(work())
    click.echo("\n".join(f"taken out: {name}" for name in gone) or "nothing to take out")


@deploy.command()
@_options
@click.option("--limit", default=20, show_default=True, help="At most so many; 0 for all.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def log(config: Path | None, to: str, limit: int, form: str) -> None:
    """Who deployed what, when, with which result; the latest last."""
    from ivrc.deploy import journal

    target, _ = _target(config, to)
    for line in _do(journal.lines(target.folder))[-limit:]:
        if form == "json":
            click.echo(json.dumps(line, ensure_ascii=False))
            continue
        number = f" generation {line['generation']}" if "generation" in line else ""
        why = f": {line['why']}" if "why" in line else ""
        note = f"  ({line['note']})" if line.get("note") else ""
        click.echo(_plain(f"{line['when']}  {line.get('by', '')}  {line['what']}{number} {line['result']}{why}{note}"))


def _target(config: Path | None, to: str) -> tuple[Target, float]:
    """The target, and how long to wait for another deploy to end, in seconds."""
    try:
        from ivrc.crm.settings import FILE, SettingsError, locate
        from ivrc.deploy import settings
    except ImportError as fault:
        _stop(f"the package {fault.name} is missing: pip install 'ivrc[deploy]'", EXIT_USAGE)
    import os

    try:
        wanted = config or os.environ.get("IVRC_CONFIG") or Path(FILE).is_file()
        loaded = settings.load(locate(config) if wanted else None)
        return settings.target(loaded, to), loaded.wait
    except SettingsError as fault:
        _stop(str(fault), EXIT_USAGE)


def _do(work: Coroutine[Any, Any, T]) -> T:
    from ivrc.deploy.errors import DeployError

    try:
        return asyncio.run(work)
    except DeployError as fault:
        for reason in fault.reasons:
            click.echo(_plain(f"  {reason}"), err=True)
        _stop(_plain(fault.message))


def _report(found: dict[str, Any], form: str, tell: Callable[[dict[str, Any]], None]) -> None:
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        tell(found)


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _stop(message: str, code: int = EXIT_FAULTS) -> NoReturn:
    click.echo(f"ivrc: {message}", err=True)
    sys.exit(code)
