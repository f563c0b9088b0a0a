"""The names of everything that ivrc puts into an Asterisk. Stable: they stand in snapshots.

Names that a call in progress needs have a hole for the mark of their generation (`ivrc.marks`); names that the world
outside refers to have none.
"""

from __future__ import annotations

from ivrc.marks import BYTES, CONTENT, PART

# Asterisk cuts the names of contexts, extensions, labels and devices at 79 bytes.
MAX_NAME_BYTES = 79
INCOMING = "ivrc-incoming"
FINDS_NUMBER = "ivrc.incoming" + CONTENT
OTHER = "ivrc.other"
ACCEPT = "ivrc.accept" + CONTENT
# The context where calls of numbers begin, and the phones' own.
BEGIN = ".in"
PHONES = ".phones"
# The legs that queues ring people by, and in which order.
LEGS, TURNS = ".reach", ".turns"
# Numbers that end in the same digits share a context.
SHARD_DIGITS = 3


def context_name(office: str, part: str) -> str:
    """A scenario's `ivrc-acme-main-branch`, or, for a part with a leading dot, ivrc's own `ivrc-acme.people`.

    No name of the source holds a dot or a dash, so the two never meet.
    """
    name = f"ivrc{PART}-{office}{part}" if part.startswith(".") else f"ivrc{PART}-{office}-{part}"
    return fitted(name)


def plan_name(office: str) -> str:
    """The office with its mark: what all its context names begin with."""
    return f"ivrc{PART}-{office}"


def entry_name(office: str, part: str) -> str:
    """As `context_name`, for one that others refer to."""
    return fitted(f"ivrc-{office}{part}")


def fitted(name: str, limit: int = MAX_NAME_BYTES) -> str:
    """A name of at most so many bytes, its mark among them: one too long is cut and told apart by a hash."""
    encoded = name.encode()
    limit -= (BYTES - 1) * name.count(PART)
    if len(encoded) <= limit:
        return name
    from hashlib import sha256

    mark = "~" + sha256(encoded).hexdigest()[:10]
    return encoded[: limit - len(mark)].decode(errors="ignore") + mark


def numbers_context(digits: str) -> str:
    """The context of the incoming numbers that end as `digits` do."""
    return "ivrc.numbers-" + digits[-SHARD_DIGITS:]


def extension_name(name: str) -> str:
    """A name as a literal extension: a leading `_` would make it a pattern."""
    return fitted("." + name if name.startswith("_") else name)


def switch_device(office: str, switch: str) -> str:
    """The custom device whose state is the switch: kept in the AstDB, shown by lamps."""
    return "Custom:" + fitted(f"ivrc-{office}-{switch}", MAX_NAME_BYTES - len("Custom:"))


def voicemail_context(office: str) -> str:
    """The context of an office's mailboxes."""
    return fitted(f"ivrc-{office}")
