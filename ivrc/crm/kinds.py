"""The kinds of CRMs: what ivrc.toml may name, and the module that answers for each.

A module is imported when its kind is used: the contact book must start without what the others need. Each offers

    Settings                                       its keys, a class derived from `settings.Strict`
    def make(settings: Settings) -> Crm            the adapter; opens nothing before it is asked
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from ivrc.crm.settings import CrmSettings, SettingsError

if TYPE_CHECKING:
    from ivrc.crm.contact import Crm


class Kind(NamedTuple):
    """Where a kind is at home; `extra` is what `pip install 'ivrc[…]'` must name for it."""

    module: str
    extra: str = "agi"


KINDS = {
    "book": Kind("ivrc.crm.book"),
    "sql": Kind("ivrc.crm.sql", "agi,sql"),
    "http": Kind("ivrc.crm.http_json"),
    "bitrix24": Kind("ivrc.crm.adapters.bitrix24"),
    "amocrm": Kind("ivrc.crm.adapters.amocrm"),
    "hubspot": Kind("ivrc.crm.adapters.hubspot"),
    "odoo": Kind("ivrc.crm.adapters.odoo"),
    "espocrm": Kind("ivrc.crm.adapters.espocrm"),
    "salesforce": Kind("ivrc.crm.adapters.salesforce", "agi,salesforce"),
    "tryton": Kind("ivrc.crm.adapters.tryton"),
}
_OTHER_NAMES = {"kommo": "amocrm", "bitrix": "bitrix24", "sqlite": "book", "postgresql": "sql", "csv": "book"}


def make(settings: CrmSettings) -> Crm:
    """The adapter for these settings. SettingsError when its kind is unknown or a package is not installed."""
    adapter: Crm = _module(settings.kind, "crm.kind").make(settings.options)
    return adapter


def settings_class(kind: str, *, key: str = "crm.kind") -> Any:
    """The class of a kind's own keys."""
    return _module(kind, key).Settings


def _module(kind: str, key: str) -> Any:
    if kind not in KINDS:
        near = _OTHER_NAMES.get(kind.lower()) or next(iter(difflib.get_close_matches(kind.lower(), KINDS, 1)), "")
        hint = f'did you mean "{near}"?' if near else f"there are {', '.join(KINDS)}"
        raise SettingsError(f'no kind of CRM is called "{kind}"; {hint}', key=key)
    found = KINDS[kind]
    try:
        return import_module(found.module)
    except ImportError as fault:
        missing = (fault.name or "").partition(".")[0]
        if missing == "ivrc":
            raise
        raise SettingsError(
            f"the kind {kind} needs the package {missing}: pip install 'ivrc[{found.extra}]'", key=key
        ) from None
