"""The names of everything that ivrc puts into an Asterisk. Stable: they stand in snapshots."""

from __future__ import annotations

# Asterisk cuts the names of contexts, extensions, labels and devices at 79 bytes.
MAX_NAME_BYTES = 79
INCOMING = "ivrc-incoming"
OTHER = "ivrc.other"
ACCEPT = "ivrc.accept"


def context_name(office: str, part: str) -> str:
    """A scenario's `ivrc-acme-main-branch`, or, for a part with a leading dot, ivrc's own `ivrc-acme.people`.

    No name of the source holds a dot or a dash, so the two never meet.
    """
    name = f"ivrc-{office}{part}" if part.startswith(".") else f"ivrc-{office}-{part}"
    return fitted(name)


def fitted(name: str, limit: int = MAX_NAME_BYTES) -> str:
    """A name of at most so many bytes: one too long is cut and told apart by a hash."""
    encoded = name.encode()
    if len(encoded) <= limit:
        return name
    from hashlib import sha256

    mark = "~" + sha256(encoded).hexdigest()[:10]
    return encoded[: limit - len(mark)].decode(errors="ignore") + mark


def number_context(e164: str) -> str:
    """The context of an incoming number."""
    return "ivrc.number-" + e164[1:]


def extension_name(name: str) -> str:
    """A name as a literal extension: a leading `_` would make it a pattern."""
    return fitted("." + name if name.startswith("_") else name)


def switch_device(office: str, switch: str) -> str:
    """The custom device whose state is the switch: kept in the AstDB, shown by lamps."""
    return "Custom:" + fitted(f"ivrc-{office}-{switch}", MAX_NAME_BYTES - len("Custom:"))


def voicemail_context(office: str) -> str:
    """The context of an office's mailboxes."""
    return fitted(f"ivrc-{office}")
