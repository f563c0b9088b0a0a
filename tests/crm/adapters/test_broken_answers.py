"""Answers with something wrong in them: contacts of the right types come of it, or a CrmError, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivrc.crm.contact import CrmError
from tests.crm.adapters.support import Service, broken, is_well_formed, recorded, replayed
from tests.crm.adapters.test_amocrm import AmoServer
from tests.crm.adapters.test_bitrix24 import Bitrix24Server
from tests.crm.adapters.test_espocrm import EspoServer
from tests.crm.adapters.test_hubspot import HubSpotServer
from tests.crm.adapters.test_odoo import OdooServer
from tests.crm.adapters.test_salesforce import SalesforceServer
from tests.crm.adapters.test_tryton import TrytonServer

CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "bitrix24": (Bitrix24Server, {"second": "UF_CRM_SECOND"}),
    "amocrm": (AmoServer, {"second": "5", "names": True, "rate": 0}),
    "hubspot": (HubSpotServer, {"second": "deputy", "names": True, "rate": 0}),
    "odoo": (OdooServer, {"second": "x_second_id", "extension": "x_extension", "attendance": True}),
    "odoo-jsonrpc": (OdooServer, {**OdooServer.rpc, "second": "x_second_id"}),
    "espocrm": (EspoServer, {"second": "deputy"}),
    "espocrm-primary": (lambda: EspoServer(data_in_lists=False, primary="+78127654321"), {}),
    "salesforce": (SalesforceServer, {"second": {"Contact": "Backup__c"}, "rate": 0}),
    "tryton": (TrytonServer, {"second": "second"}),
}


@pytest.mark.parametrize("name", CASES)
def test_broken_answers(name: str, tmp_path: Path) -> None:
    make, options = CASES[name]
    service: Service = make()
    whole = recorded(service, tmp_path, **options)
    assert is_well_formed(replayed(service, tmp_path, whole, **options))
    told = {"errors": 0, "contacts": 0}

    @given(broken(whole))
    def judge(answers: Any) -> None:
        try:
            contacts = replayed(service, tmp_path, answers, **options)
        except CrmError as fault:
            told["errors"] += 1
            assert len(str(fault)) < 400
            assert str(fault).isprintable()
            return
        told["contacts"] += 1
        assert is_well_formed(contacts)

    judge()
    # Both are met, or the test is none.
    assert min(told.values()) > 0


@given(st.data())
def test_breaking_changes_something_or_nothing_but_the_answer(data: st.DataObject) -> None:
    from ivrc.crm.http import Answer

    whole = {("GET", "a"): Answer(200, {}, b'{"a": [1, {"b": "c"}]}')}
    made = data.draw(broken(whole))
    assert made.keys() == whole.keys()
    assert whole[("GET", "a")].body == b'{"a": [1, {"b": "c"}]}'
