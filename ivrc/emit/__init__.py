"""IR to text: extensions.conf, pjsip.conf, and the source map of what stands where."""

from __future__ import annotations

from typing import Any, NamedTuple

from ivrc import ir
from ivrc.emit.escape import argument, comment, name
from ivrc.source import Sources


class ContextText(NamedTuple):
    """A context ready for the template."""

    name: str
    comments: tuple[str, ...]
    lines: list[str]


def render_context(context: ir.Context, sources: Sources) -> ContextText:
    """The lines of one context."""
    lines: list[str] = [f"include => {name(included)}" for included in context.includes]
    for extension in context.extensions:
        if isinstance(extension, ir.Hint):
            lines.append(f"exten => {name(extension.name)},hint,{argument(extension.devices)}")
        else:
            _render_extension(extension, lines, sources)
    comments = (comment(context.comment),) if context.comment else ()
    return ContextText(name(context.name), comments, lines)


def _render_extension(extension: ir.Extension, lines: list[str], sources: Sources) -> None:
    head = f"exten => {name(extension.name)},1"
    for item in extension.items:
        if item.__class__ is ir.Comment:
            place = sources.place(item.start)
            lines.append(f"; {comment(item.text)}    ({comment(place.path)}:{place.line})")
            continue
        app, args, label = item
        where = f"{head}({label})" if label else head
        lines.append(f"{where},{app}({argument(args)})")
        head = " same => n"


def source_map(context: ir.Context, sources: Sources) -> dict[str, list[list[Any]]]:
    """Extension → [first priority, file, line, column, step kind] of each step in it, by priority."""
    mapped: dict[str, list[list[Any]]] = {}
    for extension in context.extensions:
        if isinstance(extension, ir.Hint):
            continue
        steps: list[list[Any]] = []
        priority = 1
        for item in extension.items:
            if item.__class__ is ir.Comment:
                place = sources.place(item.start)
                steps.append([priority, place.path, place.line, place.column, item.kind])
            else:
                priority += 1
        if steps:
            mapped[extension.name] = steps
    return mapped


def render_header(files: tuple[str, ...]) -> str:
    """The head of extensions.conf."""
    from ivrc.emit.templates import template

    shown = [comment(file) for file in files[:3]] + (["…"] if len(files) > 3 else [])
    return template("header.conf.j2").render(files=shown)


def render_contexts(contexts: list[ContextText]) -> str:
    """A part of extensions.conf: contexts only, so that the whole can be included anywhere."""
    from ivrc.emit.templates import template

    return template("contexts.conf.j2").render(contexts=contexts)


def render_pjsip() -> str:
    """pjsip.conf for `call sip`."""
    from ivrc.emit.templates import template

    return template("pjsip.conf.j2").render()
