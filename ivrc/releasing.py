"""What was compiled, cut into parts and marked: from `ivrc.pipeline` to `ivrc.deploy`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from ivrc import ir, marks
from ivrc.deploy.release import ABOUT, DIALPLAN, ENTRIES, PJSIP, QUEUES, VOICEMAIL, Content, Part, Release
from ivrc.emit import render_context, render_contexts, render_pjsip
from ivrc.manifest import expectations, render_manifest
from ivrc.output import bytes_of
from ivrc.pipeline import Built, mailboxes_of, queues_of, shared_contexts
from ivrc.source import Sources
from ivrc.unit import OfficeUnit


def release_of(built: Built) -> Release:
    """The release of what was built without an error."""
    assert built.offices is not None, "the sources have errors"
    units = [office.unit for office in built.offices]
    shared = shared_contexts(units)
    prompts = _prompts(units, built.sounds)
    contents = {name: marks.mark_of(bytes_of(content) for content in files.values()) for name, files in prompts.items()}
    parts = [_shared_part(context, shared[0]) for context in shared[1:]]
    ids = {part.name: part.id for part in parts}
    contents |= {part.name: part.mark for part in parts}
    offices = [_office_part(unit, contents, ids, prompts) for unit in units]
    sounds = {
        _marked(path, name, contents[name]): content
        for name, files in prompts.items()
        for path, content in files.items()
    }
    manifest = render_manifest(units, shared, []).encode()
    return Release((*parts, *offices), sounds, [manifest])


def _shared_part(context: ir.Context, entry: ir.Context) -> Part:
    """A context that offices share, marked by its own content; the one that finds numbers has the trunks' entry."""
    name = marks.unmarked(context.name)
    texts = {DIALPLAN: _text(context)}
    if any(name in marks.contents_in(_text(each)) for each in (entry,)):
        texts[ENTRIES] = _text(entry)
    about = {"expects": expectations([], [context]), "languages": [], "sounds": [], "numbers": [], "mailboxes": False}
    mark = marks.mark_of([*texts.values(), _json(about)])
    files = {name_: [marks.filled(text, mark, {name: mark})] for name_, text in texts.items()}
    return Part(name, mark, files | {ABOUT: [_json({"name": name, "mark": mark, **about, **_digests(files)})]})


def _office_part(
    unit: OfficeUnit, contents: Mapping[str, str], ids: Mapping[str, str], prompts: Mapping[str, Mapping[str, Content]]
) -> Part:
    texts: dict[str, list[bytes]] = {DIALPLAN: [*unit.text]}
    if unit.entries:
        texts[ENTRIES] = [*unit.entries]
    if queues := queues_of([unit]):
        texts[QUEUES] = [queues]
    if mailboxes := mailboxes_of([unit]):
        texts[VOICEMAIL] = [mailboxes]
    if unit.external_sip:
        texts[PJSIP] = [render_pjsip().encode()]
    used = {name for pieces in texts.values() for piece in pieces for name in marks.contents_in(piece)}
    about = {
        "expects": expectations([unit], []),
        "languages": sorted({sound.language for sound in unit.sounds} | {json.loads(unit.directory)["language"]}),
        "sounds": sorted(
            _marked(path, name, contents[name]) for name in used if name in prompts for path in prompts[name]
        ),
        "numbers": [entry.number or "other" for entry in unit.numbers],
        "uses": sorted(ids[name] for name in used if name in ids),
    }
    # The helper's directory of people is the office's, too.
    known = [marks.with_contents(piece, contents) for pieces in texts.values() for piece in pieces]
    mark = marks.mark_of([*known, _json(about), unit.directory.encode()])
    files = {name: [marks.filled(piece, mark, contents) for piece in pieces] for name, pieces in texts.items()}
    files[ABOUT] = [_json({"name": unit.name, "mark": mark, **about, **_digests(files)})]
    return Part(unit.name, mark, files, tuple(about["uses"]))


def _prompts(units: list[OfficeUnit], made: Mapping[str, Content]) -> dict[str, dict[str, Content]]:
    """Prompt → its files by their path below the sounds folder, without marks."""
    found: dict[str, dict[str, Content]] = {}
    by_stem: dict[str, dict[str, Content]] = {}
    for path, content in made.items():
        by_stem.setdefault(path.rpartition(".")[0], {})[path.removeprefix("sounds/")] = content
    for unit in units:
        for sound in unit.sounds:
            name = marks.unmarked(sound.name)
            found[name] = by_stem.get(f"sounds/{sound.language}/{name}", {})
    return found


def _digests(files: Mapping[str, list[bytes]]) -> dict[str, dict[str, str]]:
    """By which a change by hand is found."""
    return {"files": {name: hashlib.sha256(b"".join(pieces)).hexdigest() for name, pieces in files.items()}}


def _marked(path: str, name: str, mark: str) -> str:
    return path.replace(name, f"{name}~{mark}")


def _text(context: ir.Context) -> bytes:
    return render_contexts([render_context(context, Sources())]).encode()


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()
