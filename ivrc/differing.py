"""`ivrc diff`: the command. It loads both sides, from folders or from git, and prints what `ivrc.changes` finds.

Exit codes as in `ivrc.cli`. With `--exit-code` 1 says that callers could notice something, 2 that a source has errors.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from ivrc import model as m
from ivrc.changes import Changes, Side, describe_changes
from ivrc.changes.dialplan import dialplan_diff
from ivrc.diagnostics import Diagnostic, has_errors, render
from ivrc.gitfiles import TREE, checked_out
from ivrc.loading import InputError, Loader, common_folder, find_offices
from ivrc.named import NamedTuple
from ivrc.pipeline import Built, render_dialplan
from ivrc.reading import default_name
from ivrc.semantics import analyse
from ivrc.simulate.options import prompts_of
from ivrc.source import Sources

EXIT_FAULTS = 1
NOTHING = "nothing that a caller could notice"


class Given(NamedTuple):
    """One side as given: where its files lie, and what their folder is called in messages."""

    paths: list[Path]
    folder: str = ""
    shown: str = ""

    def named(self, text: str) -> str:
        """A message with the folder by its name."""
        return text.replace(self.folder + "/", self.shown) if self.folder else text


class FaultyError(Exception):
    """A side has errors; they have been printed."""


def load_sides(paths: list[Path]) -> tuple[dict[str, Side], list[Diagnostic], Sources]:
    """The offices of some files and folders by name, what is wrong with them, and their files."""
    sources = Sources()
    loader = Loader(common_folder(paths), sources)
    roots, _ = find_offices(paths)
    loaded = [(root, *loader.office(root)) for root in roots]
    own = set(loader.offices(roots))
    sides: dict[str, Side] = {}
    faults: list[Diagnostic] = []
    for root, files, found in loaded:
        if root not in own:
            continue
        faults += found
        if files:
            first = files[0].source
            broken = [fault.start for fault in found]
            office, more = analyse([each.tree for each in files], default_name(root), first.path, first.base, broken)
            faults += more
            if office.name in sides:
                raise InputError(f"{root}: there are two offices `{office.name}`")
            sides[office.name] = Side(office, sources, _digests(office, root.parent))
    return sides, faults, sources


def _digests(office: m.Office, folder: Path) -> dict[str, str]:
    """The office's recordings that are there, and a digest of each."""
    names = sorted({prompt.text for prompt in prompts_of(office) if prompt.kind == "file"})
    digests = {name: _digest(folder / office.prompts, name, office.language) for name in names}
    return {name: digest for name, digest in digests.items() if digest is not None}


def _digest(folder: Path, name: str, language: str) -> str | None:
    """A digest of a recording; None if there is none."""
    from ivrc.prompts import find_prompt

    path = find_prompt(folder, name, language)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path is not None else None


def pack(paths: list[Path], built: Built) -> bytes:
    """The sources of what was built, for a later comparison: with the digests of its recordings, without the audio."""
    assert built.offices is not None, "the sources have errors"
    base = common_folder(paths)
    places = {source.path: os.path.normpath(base / source.path) for source in built.sources.all}
    top = os.path.commonpath([os.path.dirname(place) for place in places.values()])
    files = {os.path.relpath(places[source.path], top): source.text for source in built.sources.all}
    prompts = {}
    for office in built.offices:
        names = {sound.text: sound for sound in office.unit.sounds if sound.kind == "file"}
        prompts[office.unit.name] = {
            name: digest
            for name, sound in names.items()
            if (digest := _digest(office.root.parent / sound.folder, name, sound.language))
        }
    roots = [os.path.relpath(os.path.abspath(office.root), top) for office in built.offices]
    packed = json.dumps({"roots": roots, "files": files, "prompts": prompts}, ensure_ascii=False, sort_keys=True)
    return gzip.compress(packed.encode(), mtime=0)


def unpack(packed: bytes) -> dict[str, Side]:
    """The offices of packed sources."""
    found = json.loads(gzip.decompress(packed))
    with tempfile.TemporaryDirectory(prefix="ivrc-diff-") as folder:
        for name, text in found["files"].items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="")
        sides, _, _ = load_sides([Path(folder, root) for root in found["roots"]])
    return {name: side._replace(prompts=found["prompts"].get(name, {})) for name, side in sides.items()}


class Result(NamedTuple):
    """All offices of both sides: what changes in each, and those of one side only."""

    changes: list[Changes]
    removed: list[m.Office]
    added: list[m.Office]

    @property
    def noticed(self) -> bool:
        """Whether a caller could notice anything."""
        return any(each.noticed for each in self.changes) or any(office.numbers for office in self.removed + self.added)


def compare(old: dict[str, Side], new: dict[str, Side], since: date | None = None) -> Result:
    """Match offices by name (one on each side that are left are the same one, renamed), and compare each pair."""
    pairs = [(old[name], new[name]) for name in old if name in new]
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    if len(gone) == len(come) == 1:
        pairs.append((old[gone.pop()], new[come.pop()]))
    elsewhere = (_numbers(old), _numbers(new))
    changes = [describe_changes(before, after, since, elsewhere) for before, after in pairs]
    return Result(changes, [old[name].office for name in gone], [new[name].office for name in come])


def _numbers(sides: dict[str, Side]) -> dict[str | None, str]:
    """Where every number leads, in words."""
    return {
        number.number: f"office {side.office.name} -> {number.scenario}"
        for side in sides.values()
        for number in side.office.numbers
    }


def text_of(result: Result) -> str:
    """The result for people."""
    told = [each for each in result.changes if each.noticed or each.declared]
    lines = [each.text() for each in told]
    for word, offices in (("gone", result.removed), ("new", result.added)):
        lines += [f"{office.name}: this office is {word}{_with_numbers(office)}" for office in offices]
    quiet = len(result.changes) - len(told)
    if quiet == 1 and not lines:
        return f"{result.changes[0].office}: {NOTHING}"
    if quiet:
        lines.append(f"{quiet} {'other ' if lines else ''}office{'s' * (quiet > 1)}: {NOTHING}")
    return "\n".join(lines)


def _with_numbers(office: m.Office) -> str:
    shown = ", ".join(number.written for number in office.numbers[:4]) + (" …" if len(office.numbers) > 4 else "")
    return f", with {shown}" if shown else ""


def data_of(result: Result, dialplan: str | None = None) -> dict[str, Any]:
    """The result for programs."""
    body: dict[str, Any] = {
        "noticed": result.noticed,
        "offices": [each.data() for each in result.changes],
        "removed": [office.name for office in result.removed],
        "added": [office.name for office in result.added],
    }
    return body if dialplan is None else {**body, "dialplan": dialplan}


@click.command("diff")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="OLD NEW | --git REV [PATH...]")
@click.option("--git", "revision", metavar="REV", help="Compare with a revision, as HEAD~1; or two: v1..v2.")
@click.option("--dialplan", is_flag=True, help="Print how the compiled dialplan changes, too.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if callers could notice anything, 2 if a source has errors.")
@click.option("--since", metavar="DATE", help="Dates before this one are past. Left out: today.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How it is printed.")
def diff(
    paths: tuple[Path, ...], revision: str | None, dialplan: bool, exit_code: bool, since: str | None, form: str
) -> None:
    """Say what callers would meet differently, from one state of offices to another.

    By meaning, not by text: layout, comments and names of scenarios do not matter.
    """
    day = _day(since)
    with ExitStack() as stack:
        old, new = _given(list(paths), revision, stack)
        try:
            before, after = _load(old), _load(new)
        except FaultyError:
            sys.exit(2 if exit_code else EXIT_FAULTS)
        result = compare(before, after, day)
        plan = dialplan_diff(*(render_dialplan(side.paths) for side in (old, new))) if dialplan else None
    if form == "json":
        click.echo(json.dumps(data_of(result, plan), ensure_ascii=False, indent=1))
    else:
        click.echo(
            text_of(result) + (f"\n\n{plan or 'The dialplan does not change.'}".rstrip("\n") if dialplan else "")
        )
    if exit_code and result.noticed:
        sys.exit(1)


def _day(since: str | None) -> date | None:
    try:
        return datetime.strptime(since, "%Y-%m-%d").date() if since is not None else None
    except ValueError as fault:
        raise click.UsageError(f"`{since}` is no date: write 2026-12-31") from fault


def _given(paths: list[Path], revision: str | None, stack: ExitStack) -> tuple[Given, Given]:
    """Both sides: two paths, or paths and revisions."""
    if revision is None:
        if len(paths) != 2:
            raise click.UsageError("give two files or folders, or --git with a revision")
        return Given([paths[0]]), Given([paths[1]])
    paths = paths or [Path()]
    first, dots, second = revision.partition("..")
    sides = [_from_git(paths, first or "HEAD", stack)]
    sides.append(_from_git(paths, second.lstrip(".") or "HEAD", stack) if dots else Given(paths))
    return sides[0], sides[1]


def _from_git(paths: list[Path], revision: str, stack: ExitStack) -> Given:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrc-diff-"))
    found = checked_out(paths, revision, Path(folder))
    return Given(found, str(Path(folder, TREE)), f"{revision}:")


def _load(given: Given) -> dict[str, Side]:
    """The offices of a side. FaultyError, the faults printed, if there are errors."""
    try:
        sides, faults, sources = load_sides(given.paths)
    except InputError as fault:
        raise InputError(given.named(str(fault))) from fault
    if has_errors(faults):
        for fault_ in render.in_order(faults):
            if fault_.severity == "error":
                click.echo(given.named(render.render_text(fault_, sources)) + "\n", err=True)
        raise FaultyError
    return sides
