"""IR to text: extensions.conf, pjsip.conf, and the source map of what stands where."""

from __future__ import annotations

from typing import Any

from ivrc import ir
from ivrc.emit.escape import argument, comment, name, plain_text
from ivrc.named import NamedTuple
from ivrc.source import Sources

Steps = dict[str, list[list[Any]]]
"""Extension → [first priority, file, line, column, step kind] of each step in it, by priority."""


class ContextText(NamedTuple):
    """A context ready for the template, and where its steps come from."""

    name: str
    comments: tuple[str, ...]
    lines: list[str]
    steps: Steps


def render_context(context: ir.Context, sources: Sources) -> ContextText:
    """The lines of one context."""
    lines: list[str] = [f"include => {name(included)}" for included in context.includes]
    steps: Steps = {}
    for extension in context.extensions:
        if isinstance(extension, ir.Hint):
            lines.append(f"exten => {name(extension.name)},hint,{argument(extension.devices)}")
            continue
        found = _render_extension(extension, lines, sources)
        if found:
            steps[extension.name] = found
    comments = (comment(context.comment),) if context.comment else ()
    return ContextText(name(context.name), comments, lines, steps)


def _render_extension(extension: ir.Extension, lines: list[str], sources: Sources) -> list[list[Any]]:
    head = f"exten => {name(extension.name)},1"
    priority, steps = 1, []
    for item in extension.items:
        if item.__class__ is ir.Comment:
            text, kind, start = item
            path, line, column = sources.place(start)
            steps.append([priority, path, line, column, kind])
            lines.append(f"; {comment(text)}    ({comment(path)}:{line})")
            continue
        app, args, label = item
        where = f"{head}({label})" if label else head
        lines.append(f"{where},{app}({argument(args)})")
        head = " same => n"
        priority += 1
    return steps


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


class QueueText(NamedTuple):
    """A queue ready for the template."""

    name: str
    comment: str
    members: tuple[str, ...]


def render_queues(queues: list[ir.Queue], ring_seconds: int) -> str:
    """queues.conf for `reach anyone`; a member rings for `ring_seconds`."""
    from ivrc.emit.templates import template

    texts = [
        QueueText(
            name(queue.name),
            comment(queue.comment),
            tuple(
                argument(f"{interface},{min(place, ir.LAST_PLACE)},{member},{state}")
                for place, (interface, member, state) in enumerate(queue.members)
            ),
        )
        for queue in queues
    ]
    return template("queues.conf.j2").render(queues=texts, ring_seconds=ring_seconds)


class MailboxesText(NamedTuple):
    """The mailboxes of one voicemail context."""

    name: str
    boxes: tuple[str, ...]


def render_voicemail(mailboxes: list[ir.Mailbox]) -> str:
    """voicemail.conf for `voicemail … to`."""
    from ivrc.emit.templates import template

    by_context: dict[str, list[str]] = {}
    for box in mailboxes:
        # Passwords are the owners' own affair: kept beside the messages, where compiling does not touch them.
        options = "passwordlocation=spooldir|minsecs=1" + "|attach=yes" * bool(box.email)
        line = f"{name(box.number)} => ,{plain_text(box.display)},{argument(box.email)},,{options}"
        by_context.setdefault(box.context, []).append(line)
    texts = [MailboxesText(name(context), tuple(boxes)) for context, boxes in sorted(by_context.items())]
    return template("voicemail.conf.j2").render(contexts=texts)
