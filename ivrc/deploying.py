"""`ivrc deploy` and `ivrc rollback`: the commands. They join the compiler and `ivrc.deploy`.

Exit codes as in `ivrc.cli`: 1 for a source with errors or a deploy that did not come about, 2 for wrong use.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from ivrc.deploy import telling
from ivrc.named import NamedTuple

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ivrc.deploy.errors import DeployError
    from ivrc.deploy.node import Target
    from ivrc.deploy.release import Release
    from ivrc.deploy.rollout import Outcome

T = TypeVar("T")
EXIT_FAULTS, EXIT_USAGE = 1, 2


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name a target, or nodes."""
    for option in (
        click.option(
            "--node", "names", multiple=True, metavar="NAME", help="One of [deploy.nodes]; all, if not given."
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            help="ivrc.toml; else $IVRC_CONFIG, or the one in this folder.",
        ),
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

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The deploy's own, and the commands'."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] FILE_OR_FOLDER...")
        formatter.write_usage(ctx.command_path, "COMMAND [OPTIONS]...")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The deploy's options, then the commands."""
        self.commands["run"].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=_Deploy, context_settings={"help_option_names": ["-h", "--help"]})
def deploy() -> None:
    """Deploy offices into a running Asterisk.

    Calls in progress finish on the plan they came in on; a plan that Asterisk does not hold as it was compiled never
    becomes active.
    """


@deploy.command("run", hidden=True)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE_OR_FOLDER...")
@_options
@click.option("--dry-run", is_flag=True, help="Change nothing: say what callers would meet, and what is missing.")
@click.option("--rolling", is_flag=True, help="One node after another, up to the first on which it fails.")
@click.option("--note", default="", help="A word for the log.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def run(
    paths: tuple[Path, ...],
    config: Path | None,
    to: str,
    names: tuple[str, ...],
    dry_run: bool,
    rolling: bool,
    note: str,
    form: str,
) -> None:
    """Deploy files and folders."""
    from ivrc.deploy import rollout

    where = _where(config, to, names)
    release = compile_release(list(paths))
    if dry_run:
        found = asyncio.run(where.each(lambda target: _changes(target, release)))
        _report({"nodes": [{"node": name, **_data(each)} for name, each in found]}, form, telling.changes)
        if any(each.get("missing") or "fault" in each for each in map(_data, (each for _, each in found))):
            _stop("this would be refused")
        return

    async def work() -> list[Outcome]:
        async with where.open() as targets:
            return await (rollout.rolling if rolling else rollout.deploy)(targets, release, note, where.wait)

    _report({"nodes": [each._asdict() for each in _do(work())]}, form, telling.outcomes)


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
    from ivrc.differing import pack

    return release_of(built)._replace(sources=[pack(paths, built)])


async def _changes(target: Target, release: Release) -> dict[str, Any]:
    """What a deploy would change on a node."""
    from ivrc.deploy.rollout import nodes

    async with nodes([target], only_look=True) as (node,):
        before, after = node.now.active, release.active
        found = {
            "generation": node.now.generation,
            "new": sorted(after.keys() - before.keys()),
            "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
            "removed": sorted(before.keys() - after.keys()),
            "unchanged": len([name for name in after if before.get(name) == after[name]]),
            "missing": await node.missing(release),
        }
        packed = await node.sources()
    return {**found, **_meanings(packed, release)}


def _meanings(packed: bytes | None, release: Release) -> dict[str, Any]:
    """What callers would meet differently; nothing where it is not known what the active plan was compiled from."""
    from ivrc.differing import compare, data_of, text_of, unpack

    if packed is None:
        return {}
    result = compare(unpack(packed), unpack(release.sources[0]))
    return {"callers": data_of(result), "text": text_of(result)}


def _data(found: Any) -> dict[str, Any]:
    """A node's result as data: what it is, or the fault."""
    from ivrc.deploy.errors import DeployError

    if isinstance(found, DeployError):
        return {"fault": found.message, "reasons": list(found.reasons)}
    return dict(found)


@click.command(short_help="Make an earlier generation active again.")
@click.argument("generation", type=int, required=False)
@_options
def rollback(generation: int | None, config: Path | None, to: str, names: tuple[str, ...]) -> None:
    """Make an earlier GENERATION active again; without a number, the one before."""
    from ivrc.deploy import rollout

    where = _where(config, to, names)

    async def work() -> list[Outcome]:
        async with where.open() as targets:
            return await rollout.rollback(targets, generation, where.wait)

    telling.outcomes({"nodes": [each._asdict() for each in _do(work())]})


deploy.add_command(rollback)


@deploy.command(short_help="Generations: age, who deployed them, their calls.")
@_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def status(config: Path | None, to: str, names: tuple[str, ...], form: str) -> None:
    """Generations with their age, who deployed them, and the calls that are on them."""
    from ivrc.deploy.status import status_of

    where = _where(config, to, names)
    found = [{"node": name, **_data(each)} for name, each in asyncio.run(where.each(status_of))]
    alone = len(found) == 1 and not found[0]["node"]
    _report(found[0] if alone else {"nodes": found, "alike": telling.alike(found)}, form, telling.statuses)
    if any("fault" in each for each in found):
        sys.exit(EXIT_FAULTS)


@deploy.command(short_help="What was changed by hand or by another program.")
@_options
def verify(config: Path | None, to: str, names: tuple[str, ...]) -> None:
    """Find what was changed by hand or by another program: in Asterisk, or in ivrc's files."""
    from ivrc.deploy.errors import DeployError
    from ivrc.deploy.rollout import nodes

    where = _where(config, to, names)

    async def look(target: Target) -> tuple[list[str], int]:
        async with nodes([target], where.wait) as (node,):
            return await node.verify(), node.now.generation

    bad = 0
    for name, found in asyncio.run(where.each(look)):
        prefix = f"{name}: " if name else ""
        if isinstance(found, DeployError):
            click.echo(telling.plain(f"ivrc: {prefix}{found.message}"), err=True)
            bad += 1
            continue
        faults, generation = found
        for fault in faults:
            click.echo(prefix + fault)
        if faults:
            much = f"{len(faults)} differences from generation {generation}"
            click.echo(f"ivrc: {prefix}{much}; the next deploy puts Asterisk right", err=True)
            bad += 1
        else:
            click.echo(f"{prefix}generation {generation}: Asterisk holds what was deployed")
    if bad:
        sys.exit(EXIT_FAULTS)


@deploy.command()
@_options
@click.option("--after", type=float, default=None, metavar="SECONDS", help="Also parts left so long ago, calls or not.")
def collect(config: Path | None, to: str, names: tuple[str, ...], after: float | None) -> None:
    """Take parts out of Asterisk that no call is on. (A deploy does the same.)"""
    from ivrc.deploy.rollout import nodes

    where = _where(config, to, names)

    async def work() -> list[str]:
        gone = []
        async with where.open() as targets:
            for target in targets:
                limited = target if after is None else target._replace(limit=max(after, 1e-3))
                async with nodes([limited], where.wait) as (node,):
                    prefix = f"{target.name}: " if any(where.nodes) else ""
                    gone += [f"{prefix}taken out: {name}" for name in await node.collect()]
        return gone

    click.echo("\n".join(_do(work())) or "nothing to take out")


@deploy.command()
@_options
@click.option("--limit", default=20, show_default=True, help="At most so many; 0 for all.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def log(config: Path | None, to: str, names: tuple[str, ...], limit: int, form: str) -> None:
    """Who deployed what, when, with which result; the latest last."""
    from ivrc.deploy import journal

    where = _where(config, to, names)

    async def work() -> list[tuple[str, Any]]:
        async with where.open() as targets:
            found = [(target.name, await journal.lines(target.folder)) for target in targets]
        return sorted(((name, line) for name, lines in found for line in lines), key=lambda each: each[1]["when"])

    for name, line in _do(work())[-limit:]:
        if form == "json":
            click.echo(json.dumps({"node": name, **line} if any(where.nodes) else line, ensure_ascii=False))
            continue
        telling.log_line(name if any(where.nodes) else "", line)


class _Where(NamedTuple):
    """The nodes that a command is for, and how long to wait for another deploy to end, in seconds."""

    nodes: dict[str, Any]
    wait: float

    def open(self) -> AbstractAsyncContextManager[list[Target]]:
        """The targets, connected."""
        from ivrc.deploy.settings import opened

        return opened(self.nodes)

    async def each(self, work: Callable[[Target], Coroutine[Any, Any, T]]) -> list[tuple[str, T | DeployError]]:
        """What some work comes to on each node; one that fails keeps no other from it."""
        from ivrc.deploy.errors import DeployError
        from ivrc.deploy.settings import opened

        async def on_one(name: str) -> T | DeployError:
            try:
                async with opened({name: self.nodes[name]}) as (target,):
                    return await work(target)
            except DeployError as fault:
                return fault

        return list(zip(self.nodes, await asyncio.gather(*map(on_one, self.nodes)), strict=True))


def _where(config: Path | None, to: str, names: tuple[str, ...] = ()) -> _Where:
    try:
        from ivrc.crm.settings import FILE, SettingsError, locate
        from ivrc.deploy import settings
    except ImportError as fault:
        _stop(f"the package {fault.name} is missing: pip install 'ivrc[deploy]'", EXIT_USAGE)
    import os

    try:
        wanted = config or os.environ.get("IVRC_CONFIG") or Path(FILE).is_file()
        loaded = settings.load(locate(config) if wanted else None)
        nodes = settings.chosen(loaded, names, to)
        for one in nodes.values():
            settings.check(one)
        return _Where(nodes, loaded.wait)
    except SettingsError as fault:
        _stop(str(fault), EXIT_USAGE)


def _do(work: Coroutine[Any, Any, T]) -> T:
    from ivrc.deploy.errors import DeployError

    try:
        return asyncio.run(work)
    except DeployError as fault:
        for reason in fault.reasons:
            click.echo(telling.plain(f"  {reason}"), err=True)
        _stop(telling.plain(fault.message))


def _report(found: dict[str, Any], form: str, tell: Callable[[dict[str, Any]], None]) -> None:
    if form == "json":
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        tell(found)


def _stop(message: str, code: int = EXIT_FAULTS) -> NoReturn:
    click.echo(f"ivrc: {message}", err=True)
    sys.exit(code)
