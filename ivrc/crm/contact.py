"""What a CRM is asked and what it answers: the vocabulary between adapters and those who ask them."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Person(NamedTuple):
    """Somebody of the office, as the CRM knows them. All text is as the CRM wrote it: nothing in it is trusted."""

    crm_id: str
    name: str = ""
    phones: tuple[str, ...] = ()
    """Outside phones of the profile in its order, mobiles first where the CRM tells them apart; not normalised."""
    extension: str = ""
    """The internal number, where the CRM keeps one."""
    at_work: bool | None = None
    """The CRM's own working-time status; None where it has none."""


class Contact(NamedTuple):
    """A customer, as the CRM knows them. All text is as the CRM wrote it."""

    crm_id: str
    name: str = ""
    phones: tuple[str, ...] = ()
    """Every phone of the contact, as written. Whoever asks compares them again: CRMs search loosely."""
    responsible: tuple[Person, ...] = ()
    """The responsible manager, then the second, and so on; empty where nobody is."""


class CrmError(Exception):
    """A CRM that could not be asked. `reason` is one word for the call's history, the message is for people."""

    reason = "down"


class CrmDown(CrmError):
    """Not reached: no connection, connection lost, an error of the server's own (5xx)."""


class CrmSlow(CrmError):
    """No answer in time."""

    reason = "slow"


class CrmBusy(CrmError):
    """The CRM's rate limit is used up; `retry_after` in seconds where it says so."""

    reason = "busy"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CrmRefused(CrmError):
    """Wrong credentials, missing rights, a wrong address: it will not get better by asking again."""

    reason = "refused"


class CrmNonsense(CrmError):
    """An answer that is not of the documented shape."""

    reason = "nonsense"


class Crm(Protocol):
    """An adapter for one kind of CRM. Not thread-safe: used by one event loop."""

    async def find(self, number: str) -> list[Contact]:
        """Contacts that may have this number (E.164, with `+`), in the CRM's own order.

        May hold too many (loose search), never too few. Raises CrmError and nothing else; may be cancelled at any time.
        """
        ...

    async def check(self) -> str:
        """Ask something harmless that needs the same rights as `find`; a line for people. Raises CrmError."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
