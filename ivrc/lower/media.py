"""What callers leave behind: voicemail, faxes, recordings.

Files lie below `ivrc/` in Asterisk's spool folder, named after the call. A mark in Asterisk's event log (CEL) says
which call a file belongs to: before the recording begins, so that a caller who hangs up loses nothing.
"""

from __future__ import annotations

from ivrc import ir
from ivrc import model as m
from ivrc.marks import CONTENT

MESSAGE, MAILBOX, FAX, RECORD = (f"ivrc.{name}{CONTENT}" for name in ("message", "mailbox", "fax", "record"))
_SPOOL = "${ASTSPOOLDIR}/ivrc"
# Asterisk's own id of the call, and the moment: a call may leave several files.
_FILE = "${FILTER(0-9A-Za-z.,${CHANNEL(linkedid)})}-${EPOCH}"
# VoiceMail's tone and the moment before it, which are not the caller's time.
TONE_SECONDS = 1
# The longest fax: some sixty pages on a poor line.
FAX_SECONDS = 3600
# The time limit of a step that a fax machine interrupts must not cut the fax.
MOVE_TO_FAX = (("Set", "TIMEOUT(absolute)=0"), ("Goto", "${IVRC_FAX_TO},s,1"))


def mailbox_of(employee: m.Employee) -> str:
    """The name of an employee's mailbox: the extension, which can be keyed, or the employee's name."""
    return employee.extension or employee.name


def _extension(name: str, *lines: tuple[str, str]) -> ir.Extension:
    return ir.Extension(name, tuple(ir.Line(app, args, None) for app, args in lines))


def _context(name: str, comment: str, *extensions: ir.Extension) -> ir.Context:
    return ir.Context(name, comment, extensions, (), -1)


def message_context() -> ir.Context:
    """Records a message into the call history; ARG1: the limit in seconds."""
    # `k`: a caller who hangs up is the normal end, and the recording is kept.
    record = f"${{IVRC_MESSAGE}},{m.VOICEMAIL_SILENCE_SECONDS},${{ARG1}},k"
    lines = (
        ("Set", f"IVRC_MESSAGE={_SPOOL}/voicemail/{_FILE}.wav"),
        ("CELGenUserEvent", "IVRC_VOICEMAIL,${IVRC_MESSAGE}"),
        ("Record", record),
        ("Return", ""),
    )
    comment = "records a message; ARG1: at most so many seconds"
    return _context(MESSAGE, comment, _extension("s", *lines), _fax_detected())


def mailbox_context() -> ir.Context:
    """Records a message into a mailbox; ARG1: the mailbox, ARG2: the limit in seconds.

    On a leg of its own: the limit of VoiceMail is the mailbox's, and a channel whose time is over within VoiceMail
    is hung up. The leg's end leaves the message in the mailbox, and the caller goes on (`g`).
    """
    return _context(
        MAILBOX,
        "records a message into a mailbox; ARG1: the mailbox, ARG2: at most so many seconds",
        _extension(
            "s",
            ("Set", "_IVRC_MAILBOX=${ARG1}"),
            ("Set", "_IVRC_LIMIT=${ARG2}"),
            ("Dial", f"Local/leave@{MAILBOX}/n,,g"),
            ("Return", ""),
        ),
        _extension(
            "leave",
            ("Answer", ""),
            ("Set", f"TIMEOUT(absolute)=$[${{IVRC_LIMIT}} + {TONE_SECONDS}]"),
            ("VoiceMail", "${IVRC_MAILBOX},s"),
            ("Hangup", "16"),
        ),
        # Only the leg has a message; a caller who hangs up passes here, too.
        _extension(
            "h",
            ("GotoIf", '$["${VM_MESSAGEFILE}" = ""]?none,1'),
            ("CELGenUserEvent", "IVRC_MAILBOX,${VM_MESSAGEFILE}"),
        ),
        _extension("none", ("NoOp", "")),
        _fax_detected(),
    )


def _fax_detected() -> ir.Extension:
    """Asterisk takes a caller that is a fax machine to this extension of the context where the call is."""
    return _extension("fax", *MOVE_TO_FAX)


def fax_context() -> ir.Context:
    """Answers and receives a fax; what came of it is told, whether the sender hangs up or not.

    ReceiveFAX writes every fax of a call into the file of the call's first, over what is there. So a call has one
    file, and once pages are in it no other fax is taken.
    """
    folder = f"{_SPOOL}/fax"
    station = "${FILTER(0-9A-Za-z+. ,${REMOTESTATIONID})}"
    error = "${FILTER(0-9A-Za-z_ /,${FAXERROR})}"
    result = f"${{FAXSTATUS}}|$[0${{FAXPAGES}} + 0]|{error}|{station}|${{IVRC_FAX_FILE}}"
    told = (("Set", "IVRC_FAX_TOLD=yes"), ("CELGenUserEvent", f"IVRC_FAX,{result}"))
    begin = (
        ("GotoIf", "$[0${FAXPAGES} > 0]?another,1"),
        # What is told of one who hangs up before the first tone.
        ("Set", "FAXSTATUS=FAILED"),
        ("Set", "FAXERROR=HANGUP"),
        ("Set", "IVRC_FAX_TOLD="),
        ("Answer", ""),
        # The machine's tone may go on for a while, and has been heard.
        ("Set", "FAXOPT(faxdetect)=no"),
        # What listens goes with the next audio, and takes the audio's format with it: before ReceiveFAX sets its own.
        ("Wait", "0.1"),
        ("Set", "FAXOPT(localstationid)=${IVRC_DID}"),
        ("GotoIf", '$["${IVRC_FAX_FILE}" = ""]?first,1'),
        ("Goto", "receive,1"),
    )
    first = (
        ("Set", f"IVRC_FAX_FILE={folder}/{_FILE}.tiff"),
        ("GotoIf", f"${{STAT(e,{folder})}}?receive,1"),
        # ReceiveFAX makes no folder; MixMonitor does, before anything is recorded.
        ("MixMonitor", f"{folder}/.folder.wav,bi(IVRC_FOLDER)"),
        ("StopMixMonitor", "${IVRC_FOLDER}"),
        ("Goto", "receive,1"),
    )
    receive = (
        # Without a limit it would wait for ever for a machine that fell silent and did not hang up.
        ("Set", f"TIMEOUT(absolute)={FAX_SECONDS}"),
        # `f`: over audio where the trunk has no T.38.
        ("ReceiveFAX", "${IVRC_FAX_FILE},f"),
        ("Set", "TIMEOUT(absolute)=0"),
        *told,
        ("Return", ""),
    )
    return _context(
        FAX,
        "receives a fax",
        _extension("s", *begin),
        _extension("first", *first),
        _extension("receive", *receive),
        _extension("another", ("CELGenUserEvent", "IVRC_FAX,FAILED|0|one fax a call||"), ("Return", "")),
        _extension("T", ("Set", "TIMEOUT(absolute)=0"), *told, ("Return", "")),
        _extension("h", ("GotoIf", '$["${IVRC_FAX_TOLD}" = ""]?:none,1'), *told),
        _extension("none", ("NoOp", "")),
    )


def record_context() -> ir.Context:
    """From now on every conversation of the call is recorded, into one file."""
    once = _extension(
        "s",
        ("GotoIf", '$["${IVRC_RECORDING}" = ""]?begin,1'),
        ("Return", ""),
    )
    begin = _extension(
        "begin",
        ("Set", f"IVRC_RECORDING={_SPOOL}/recordings/{_FILE}.wav"),
        ("CELGenUserEvent", "IVRC_RECORDING,${IVRC_RECORDING}"),
        # `b`: only while two people talk.
        ("MixMonitor", "${IVRC_RECORDING},b"),
        ("Return", ""),
    )
    return _context(RECORD, "records the conversations of this call", once, begin)


CONTEXTS = {MESSAGE: message_context, MAILBOX: mailbox_context, FAX: fax_context, RECORD: record_context}
