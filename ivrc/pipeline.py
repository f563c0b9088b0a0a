"""The way through the house: paths → offices → AST → Model → IR → text → files.

The one module that joins the stages. It makes no decision about a call and writes no line of dialplan.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ivrc import ir
from ivrc import model as m
from ivrc.ast import File
from ivrc.diagnostics import Diagnostic, Label, has_errors
from ivrc.emit import (
    render_context,
    render_contexts,
    render_header,
    render_pjsip,
    render_queues,
    render_voicemail,
)
from ivrc.facts import save_all
from ivrc.loading import LoadedFile, Loader, common_folder, find_offices
from ivrc.lower import lower_entries, lower_office, lower_shared
from ivrc.manifest import applications_of, directory_of, render_manifest, source_map_line
from ivrc.marks import Closed
from ivrc.named import NamedTuple
from ivrc.output import Content
from ivrc.reading import has_tests, read_office, read_suite
from ivrc.sounds import check_sounds, make_sounds
from ivrc.source import Sources
from ivrc.unit import NumberEntry, Office, OfficeUnit, SoundFile, Span

# Contexts rendered at a time: enough to make the template's own cost small.
BATCH = 500


class Built(NamedTuple):
    """Offices compiled and their prompts made (path in the output → file); `offices` is None if there are errors."""

    sources: Sources
    diagnostics: list[Diagnostic]
    names: tuple[str, ...]
    offices: tuple[Office, ...] | None
    sounds: dict[str, Content]


class Compiled(NamedTuple):
    """What a compilation came to. `files` is None if there are errors."""

    sources: Sources
    diagnostics: list[Diagnostic]
    files: dict[str, Content] | None
    offices: tuple[str, ...]


def check(paths: list[Path]) -> Compiled:
    """Everything but the files; and the offices' tests, which no compilation looks at."""
    with _no_collection():
        built = _run(paths)
        faults = _check_tests(built, paths)
        whole = built._replace(diagnostics=built.diagnostics + faults)
        return _compiled(whole._replace(offices=None) if has_errors(faults) else whole, {})


def compile_offices(paths: list[Path]) -> Compiled:
    """Compile files and folders to the files of the output: name → content, or the file to copy."""
    with _no_collection():
        built = _run(paths)
        if built.offices is None:
            return _compiled(built, {})
        return _compiled(built, assemble([office.unit for office in built.offices]) | built.sounds)


def build(paths: list[Path]) -> Built:
    """Compile files and folders, for whoever puts the offices together in a way of their own."""
    with _no_collection():
        return _run(paths)


def _compiled(built: Built, files: dict[str, Content]) -> Compiled:
    return Compiled(built.sources, built.diagnostics, None if built.offices is None else files, built.names)


def render_dialplan(paths: list[Path]) -> dict[str, str]:
    """The files that Asterisk reads, as text; prompts are not looked at, offices with errors are left out."""
    with _no_collection():
        roots, _ = find_offices(paths)
        loader = Loader(common_folder(paths), Sources())
        built = [(root, build_office(root, loader)[0]) for root in roots]
        own = set(loader.offices(roots))
        files = assemble([office.unit for root, office in built if office and root in own])
    texts = {
        name: content for name, content in files.items() if name.endswith(".conf") and not isinstance(content, Path)
    }
    return {name: b"".join(content).decode() for name, content in texts.items()}


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the cyclic garbage collector: a compilation makes no cycles, and walking its nodes costs a third."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        save_all()


def _run(paths: list[Path]) -> Built:
    roots, _ = find_offices(paths)
    sources = Sources()
    loader = Loader(common_folder(paths), sources)
    kept = None
    if len(roots) > 1:
        from ivrc.incremental import Kept

        kept = Kept.open(paths, loader)
    diagnostics: list[Diagnostic] = []
    built: list[tuple[Path, Office | None, list[Diagnostic]]] = []
    for root in roots:
        office = kept.office(root, sources) if kept else None
        faults: list[Diagnostic] = []
        if office is None:
            office, faults = build_office(root, loader)
            if kept and office and not faults:
                kept.keep(root, office)
        built.append((root, office, faults))
    own = set(loader.offices(roots))
    offices: list[Office] = []
    for root, office, faults in built:
        if root in own:
            diagnostics += faults
            offices += [office] if office else []
    diagnostics += check_across(offices)
    for office in offices:
        diagnostics += check_sounds(office)
    names = tuple(office.unit.name for office in offices)
    if has_errors(diagnostics):
        return Built(sources, diagnostics, names, None, {})
    if kept:
        kept.save()
    sounds: dict[str, Content] = {}
    for office in offices:
        made, faults = make_sounds(office)
        sounds |= made
        diagnostics += faults
    return Built(sources, diagnostics, names, None if has_errors(diagnostics) else tuple(offices), sounds)


def _check_tests(built: Built, paths: list[Path]) -> list[Diagnostic]:
    """The faults in the tests of offices that have none themselves, and files of tests that belong to no office."""
    _, orphans = find_offices(paths)
    hint = "`office.test.ivr` holds the tests of `office.ivr` beside it"
    faults = [Diagnostic("IVR501", -1, -1, f"{path}: there is no office of these tests", hint) for path in orphans]
    loader = Loader(common_folder(paths), built.sources)
    for office in built.offices or ():
        if has_tests(office.root, [source.text for source in office.sources]):
            faults += read_suite(office.root, loader).faults
    return faults


# ── one office ──────────────────────────────────────────────────────────────────────────────────


def build_office(root: Path, loader: Loader) -> tuple[Office | None, list[Diagnostic]]:
    """Parse, understand, lower and render one office; None if it has errors."""
    files, office, diagnostics = read_office(root, loader)
    if office is None:
        return None, diagnostics
    # The trees have given all they have: a large office's are a large part of the memory.
    files = [file._replace(tree=File(())) for file in files]
    rendered = render_office(office, loader.sources)
    return Office(_unit(office, rendered, files), tuple(file.source for file in files), root), diagnostics


class Rendered(NamedTuple):
    """An office's dialplan as text, its source map, and what it needs."""

    text: tuple[bytes, ...]
    entries: tuple[bytes, ...]
    source_map: tuple[str, ...]
    entry_map: tuple[tuple[str, str, list[list[Any]]], ...]
    applications: tuple[str, ...]
    needs: ir.Needs


def render_office(office: m.Office, sources: Sources) -> Rendered:
    """Lower and render an office batch by batch, so that its dialplan is never held as objects."""
    needs = ir.Needs()
    text: list[bytes] = []
    mapped: list[str] = []
    applications: set[str] = set()
    contexts = lower_office(office, sources, needs)
    while batch := list(islice(contexts, BATCH)):
        applications.update(applications_of(batch))
        rendered = [render_context(context, sources) for context in batch]
        mapped += [source_map_line(context.name, context.steps) for context in rendered if context.steps]
        text.append(render_contexts(rendered).encode())
    entries = [render_context(context, sources) for context in lower_entries(office, sources)]
    entry_map = tuple((each.name, exten, steps) for each in entries for exten, steps in each.steps.items())
    entry_text = (render_contexts(entries).encode(),) if entries else ()
    return Rendered(tuple(text), entry_text, tuple(mapped), entry_map, tuple(sorted(applications)), needs)


def _unit(office: m.Office, rendered: Rendered, files: list[LoadedFile]) -> OfficeUnit:
    bases = [file.source for file in files]
    needs = rendered.needs

    def span(start: int, end: int) -> Span:
        for index, source in enumerate(bases):
            if source.base <= start <= source.base + len(source.text):
                return (index, start - source.base, end - source.base)
        return (0, 0, 0)

    return OfficeUnit(
        name=office.name,
        named_at=span(office.start, office.end),
        country=office.country,
        files=tuple(source.path for source in bases),
        numbers=tuple(NumberEntry(n.number, n.written, span(n.start, n.end)) for n in office.numbers),
        text=rendered.text,
        entries=rendered.entries,
        source_map=rendered.source_map,
        entry_map=rendered.entry_map,
        sounds=tuple(
            SoundFile(s.name, s.kind, s.text, s.language, office.prompts, s.seconds, s.fill, span(s.start, s.end))
            for s in needs.sounds.values()
        ),
        own_sounds=tuple(sorted(needs.own_sounds)),
        endpoints=tuple(sorted(needs.endpoints)),
        holidays=tuple(sorted(needs.holidays)),
        applications=rendered.applications,
        callers=needs.callers,
        confirms=needs.asks or bool(needs.confirmed),
        external_sip="ivrc-sip" in needs.endpoints,
        shared=tuple(sorted(needs.shared)),
        queues=tuple((queue.name, queue.comment, queue.members) for queue in needs.queues),
        mailboxes=tuple(sorted((box.context, box.number, box.display, box.email) for box in needs.mailboxes)),
        directory=directory_of(office),
    )


# ── all offices together ────────────────────────────────────────────────────────────────────────


def check_across(offices: Iterable[Office]) -> list[Diagnostic]:
    """What no two offices may share: names, and numbers."""
    diagnostics: list[Diagnostic] = []
    names: dict[str, tuple[Office, Span]] = {}
    numbers: dict[str, tuple[Office, Span]] = {}
    for office in offices:
        unit = office.unit
        other = names.setdefault(unit.name.casefold(), (office, unit.named_at))
        if other[0] is not office:
            message = f"there are two offices `{unit.name}`"
            help_ = "name each: settings { office NAME }; a file that is part of another office is included there"
            diagnostics.append(_clash("IVR206", office, unit.named_at, message, help_, other))
        for entry in unit.numbers:
            key = entry.number or "other"
            taken = numbers.setdefault(key, (office, entry.at))
            if taken[1] is not entry.at:
                shown = f"{entry.number} is" if entry.number else "`number other` is"
                message = f"{shown} declared twice"
                help_ = "a number belongs to one scenario of one office"
                diagnostics.append(_clash("IVR205", office, entry.at, message, help_, taken))
    return diagnostics


def _clash(code: str, office: Office, at: Span, message: str, help_: str, other: tuple[Office, Span]) -> Diagnostic:
    start, end = office.positions(at)
    label = Label(*other[0].positions(other[1]), "first declared here")
    return Diagnostic(code, start, end, message, help_, (label,))


def assemble(units: list[OfficeUnit]) -> dict[str, Content]:
    """The files of the output but for the sounds; names have no marks."""
    shared = shared_contexts(units)
    nowhere = Sources()
    files = tuple(dict.fromkeys(path for unit in units for path in unit.files))
    head = render_header(files) + render_contexts([render_context(context, nowhere) for context in shared])
    dialplan = [head.encode(), *(part for unit in units for part in (*unit.entries, *unit.text))]
    result: dict[str, Content] = {"extensions.conf": Closed(dialplan)}
    if any(unit.external_sip for unit in units):
        result["pjsip.conf"] = [render_pjsip().encode()]
    if queues := queues_of(units):
        result["queues.conf"] = Closed([queues])
    if mailboxes := mailboxes_of(units):
        result["voicemail.conf"] = [mailboxes]
    result["manifest.json"] = [render_manifest(units, shared, sorted(result)).encode()]
    return result


def shared_contexts(units: list[OfficeUnit]) -> list[ir.Context]:
    """What these offices share; the first is the entry of the trunks' calls."""
    return lower_shared(
        countries=[unit.country for unit in units],
        other=any(entry.number is None for unit in units for entry in unit.numbers),
        callers=[unit.country for unit in units if unit.callers],
        confirms=any(unit.confirms for unit in units),
        holidays=[which for unit in units for which in unit.holidays],
        named=[name for unit in units for name in unit.shared],
    )


def queues_of(units: Iterable[OfficeUnit]) -> bytes:
    """The queues of some offices as text; empty without any."""
    queues = [ir.Queue(*queue) for unit in units for queue in unit.queues]
    return render_queues(queues, m.REACH_RING_SECONDS).encode() if queues else b""


def mailboxes_of(units: Iterable[OfficeUnit]) -> bytes:
    """The mailboxes of some offices as text; empty without any."""
    mailboxes = [ir.Mailbox(*mailbox) for unit in units for mailbox in unit.mailboxes]
    return render_voicemail(mailboxes).encode() if mailboxes else b""
