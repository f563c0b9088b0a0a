"""The settings shown in docs/crm.md are settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivrc.crm import kinds
from ivrc.crm.settings import load

PAGE = Path(__file__).parents[2] / "docs/crm.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_settings_of_the_page(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CRM_DB_PASSWORD", "CRM_AUTHORIZATION"):
        monkeypatch.setenv(name, "secret")
    (tmp_path / "ivrc.toml").write_text(block, "utf-8")
    crm = load(tmp_path / "ivrc.toml").crm
    assert crm is not None
    kinds.make(crm)


def test_all_three_are_shown() -> None:
    assert [re.findall(r'kind = "(\w+)"', block)[0] for block in BLOCKS] == ["book", "sql", "http"]
