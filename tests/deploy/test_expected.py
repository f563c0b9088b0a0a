"""What a plan says that it needs is what its lines name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ivrc.deploy.checks import _ANSWERS
from tests.support import CORPUS

# They answer nothing without a call; seen by the modules that bring them.
BY_MODULE = {
    "FAXOPT": "res_fax",
    "GLOBAL": "func_global",
    "LOCAL": "app_stack",
    "QUEUE_MEMBER": "app_queue",
    "SHARED": "func_global",
    "STAT": "func_env",
}


@pytest.mark.parametrize("file", sorted((CORPUS / "expected").glob("*.conf")), ids=lambda file: file.stem)
def test_functions_of_a_dialplan_are_looked_for(file: Path) -> None:
    expects = json.loads(file.with_suffix(".json").read_text())["expects"]
    used = set()
    for line in file.read_text().splitlines():
        if not line.startswith(";"):
            # An application's own bracket is the first.
            used |= set(re.findall(r"(?<![\w.~-])([A-Z][A-Z_]+)\(", line.partition("(")[2]))
    assert used - BY_MODULE.keys() <= set(expects["functions"]) <= _ANSWERS.keys()
    assert {module for name, module in BY_MODULE.items() if name in used} <= set(expects["modules"])
