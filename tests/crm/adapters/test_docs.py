"""What docs/crm-named.md shows is taken as settings, with the lines that are commented out, too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ivrc.crm.kinds import KINDS, make
from ivrc.crm.settings import load
from tests.crm.adapters.test_salesforce import PEM

PAGE = (Path(__file__).parents[3] / "docs/crm-named.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
ENVIRONMENT = {"BITRIX_WEBHOOK": "https://name.bitrix24.com/rest/1/abc/"}


@pytest.mark.parametrize("commented", [False, True])
@pytest.mark.parametrize("block", BLOCKS)
def test_settings_of_the_page(block: str, commented: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r'env = "(\w+)"', block):
        monkeypatch.setenv(name, ENVIRONMENT.get(name, "secret"))
    if commented:
        block = re.sub(r"(?m)^# ", "", block)
    block = block.replace("/var/lib/ivrc-agi/", "")
    (tmp_path / "amo.json").write_text('{"code": "shown by the CRM"}')
    (tmp_path / "salesforce.pem").write_text(PEM)
    (tmp_path / "ivrc.toml").write_text(block)
    settings: Any = load(tmp_path / "ivrc.toml").crm
    assert settings.kind in KINDS
    make(settings)


def test_every_named_crm_has_a_chapter() -> None:
    named = {kind for kind, where in KINDS.items() if ".adapters." in where.module}
    assert {re.findall(r'kind = "(\w+)"', block)[0] for block in BLOCKS} == named
