"""What callers leave behind: messages, faxes, and recorded conversations."""

from __future__ import annotations

from ivrc import model as m
from ivrc.simulate import journey as j
from ivrc.simulate.line import NEVER, Cutoff, Line, Over
from ivrc.simulate.office import prompt_name

BEEP = "asterisk:beep"
THANKS = "asterisk:auth-thankyou"
# Asterisk's answer to a fax machine (its tone, and the question whether there is T.38) takes so much of a fax.
FAX_ANSWER = 4_500
# The limit of a message for a mailbox counts from here after the beginning of the tone.
MAILBOX_TONE = 1_000
# A message for a mailbox that is shorter is thrown away.
MAILBOX_LEAST = 1_000


def voicemail(line: Line, step: m.Voicemail) -> None:
    """Audio, tone, message."""
    line.answer()
    if step.prompt is not None:
        name = prompt_name(step.prompt)
        line.hear(name, line.now + line.office.length(name))
    line.world.enter(line, "voicemail")
    tone = line.now
    line.hear(BEEP, line.now + line.office.length(BEEP))
    begin = line.now
    to = step.to.name if step.to else ""
    least = begin + (MAILBOX_LEAST if to else 0)
    limit = (begin if step.to is None else tone + MAILBOX_TONE) + step.seconds * 1000
    try:
        how = _message(line, limit)
    except Cutoff:
        if line.now >= least:
            line.events.append(j.Recorded(begin, to, line.now, "hangs up", step.start))
        raise
    if line.now >= least:
        line.events.append(j.Recorded(begin, to, line.now, how, step.start))
    if to and how != "limit":
        # Asterisk's voicemail thanks.
        line.hear(THANKS, line.now + line.office.length(THANKS))


def _message(line: Line, limit: int) -> j.MessageEnd:
    """The caller talks until something ends it: what. A caller who hangs up raises Cutoff."""
    message = line.world.message(line)
    talked = line.now + message.length
    silence = talked + m.VOICEMAIL_SILENCE_SECONDS * 1000
    until = min(limit, silence if message.ends == "silence" else talked)
    while key := line.world.listen(line, until):
        if key == "#":
            return "hash"
    if message.ends == "silence":
        return "silence" if silence <= limit else "limit"
    if talked > limit:
        return "limit"
    if message.ends == "hangs up":
        raise Over("caller hung up", 16)
    line.events.append(j.Key(line.now, "#", True, line.start))
    return "hash"


def fax(line: Line, step: m.Fax) -> None:
    """Receive a fax; one a call."""
    line.answer()
    line.detect_fax(None)
    if line.fax_taken:
        line.events.append(j.Faxed(line.now, 0, "one fax a call", line.now, step.start))
        return
    begin = line.now
    machine = line.world.fax(line)
    patience = begin + line.world.fax_patience(line)
    line.fax_awaited = True
    begins = line.answered_at + machine.begins if machine else NEVER
    # One that begins later need not wait for Asterisk's answer.
    sends = max(begin, begins - FAX_ANSWER)
    try:
        if machine is None or begins >= patience:
            line.spend(patience)
            line.events.append(j.Faxed(begin, 0, "no fax came", line.now, step.start))
            return
        line.spend(sends)
        line.takes_fax()
        line.spend(sends + machine.length)
    except Cutoff:
        pages = machine.sent(line.now - sends) if machine else 0
        line.events.append(j.Faxed(begin, pages, "caller hung up", line.now, step.start))
        raise
    line.events.append(j.Faxed(begin, machine.pages, "", line.now, step.start))
    if machine.leaves is not None:
        line.leaves(line.now + machine.leaves)


def fax_detected(line: Line, step: m.FaxDetected) -> None:
    """From here on a fax machine is taken elsewhere."""
    line.world.fax(line)
    line.detect_fax(step.scenario)


def record_calls(line: Line, step: m.RecordCalls) -> None:
    """From here on conversations are recorded."""
    if step.prompt is not None:
        line.answer()
        name = prompt_name(step.prompt)
        line.hear(name, line.now + line.office.length(name))
    if not line.recording:
        line.recording = True
        line.events.append(j.Recording(line.now, step.start))
