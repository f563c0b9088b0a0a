"""Random programs and all examples load into the oldest and the newest Asterisk without a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from ivrc.pipeline import compile_offices
from tests.live.lab import Lab, MakeLab
from tests.strategies import programs

pytestmark = pytest.mark.live
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(scope="module", params=["22", "16"])
def lab(request: pytest.FixtureRequest, make_lab: MakeLab) -> Lab:
    return make_lab("scenario empty { hangup }", version=request.param)


def plan_of(paths: list[Path]) -> str:
    compiled = compile_offices(paths)
    assert compiled.files is not None, compiled.diagnostics
    content = compiled.files["extensions.conf"]
    assert not isinstance(content, Path)
    return "[general]\nstatic=yes\n" + b"".join(content).decode()


def contexts_in(plan: str) -> set[str]:
    return {line[1:-1] for line in plan.splitlines() if line.startswith("[ivrc")}


def loaded_contexts(lab: Lab) -> set[str]:
    lines = lab.asterisk.cli("dialplan show").splitlines()
    return {line.split("'")[1] for line in lines if line.startswith("[ Context 'ivrc")}


def test_random_programs_load_without_a_warning(lab: Lab, tmp_path: Path) -> None:
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(programs())
    def loads(source: str) -> None:
        (tmp_path / "random.ivr").write_text(source, encoding="utf-8")
        plan = plan_of([tmp_path / "random.ivr"])
        assert lab.asterisk.reload_dialplan(plan) == [], source
        assert loaded_contexts(lab) == contexts_in(plan), source

    loads()


def test_all_examples_together_load_without_a_warning(lab: Lab) -> None:
    plan = plan_of([EXAMPLES])
    assert lab.asterisk.reload_dialplan(plan) == []
    assert loaded_contexts(lab) == contexts_in(plan)


def test_many_numbers_load_in_linear_time_and_are_found(lab: Lab, tmp_path: Path) -> None:
    """20,000 numbers: in one context this would take 15 s and more (quadratic), each in its own a moment."""
    lines = [f'number "+7916{index:07}" -> s' for index in range(20_000)]
    (tmp_path / "many.ivr").write_text("scenario s { hangup }\n" + "\n".join(lines), encoding="utf-8")
    plan = plan_of([tmp_path / "many.ivr"])
    assert lab.asterisk.reload_dialplan(plan) == []
    for index in (0, 12_345, 19_999):
        found = lab.asterisk.cli(f"dialplan show 7916{index:07}@ivrc.numbers-{index % 1000:03}")
        assert "Goto(ivrc-many.in,ivrc-many-s,1)" in found
