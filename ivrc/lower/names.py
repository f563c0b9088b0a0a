"""The names of everything that ivrc puts into an Asterisk. Stable: they stand in snapshots."""

from __future__ import annotations

# Asterisk cuts a context's name at 79 bytes.
MAX_CONTEXT_BYTES = 79
INCOMING = "ivrc-incoming"
OTHER = "ivrc.other"
ACCEPT = "ivrc.accept"


def context_name(office: str, part: str) -> str:
    """A scenario's `ivrc-acme-main-branch`, or, for a part with a leading dot, ivrc's own `ivrc-acme.people`.

    No name of the source holds a dot or a dash, so the two never meet. A name too long for Asterisk is
    cut and told apart by a hash.
    """
    name = f"ivrc-{office}{part}" if part.startswith(".") else f"ivrc-{office}-{part}"
    encoded = name.encode()
    if len(encoded) <= MAX_CONTEXT_BYTES:
        return name
    from hashlib import sha256

    mark = "~" + sha256(encoded).hexdigest()[:10]
    return encoded[: MAX_CONTEXT_BYTES - len(mark)].decode(errors="ignore") + mark


def number_context(e164: str) -> str:
    """The context of an incoming number."""
    return "ivrc.number-" + e164[1:]


def extension_name(name: str) -> str:
    """A name as a literal extension: a leading `_` would make it a pattern."""
    return "." + name if name.startswith("_") else name


def switch_device(office: str, switch: str) -> str:
    """The custom device whose state is the switch: kept in the AstDB, shown by lamps."""
    return f"Custom:ivrc-{office}-{switch}"
