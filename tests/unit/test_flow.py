"""Rounds that a caller could be in for ever: found, and nothing else called one."""

from __future__ import annotations

import pytest

from tests.support import OFFICE, codes_of, compile_text

DECLARATIONS = OFFICE + 'hours open { mon }\nswitch night toggled by "*1"\n'

ROUNDS = [
    "scenario a { -> a }",
    'scenario a { play "x" -> a }',
    "scenario a { call employee anna -> a }",
    "scenario a { when open -> a }",
    "scenario a { when open { } else -> a }",
    "scenario a { when open { } else when switch night -> a }",
    "scenario a { branch { 1 -> b } -> a } scenario b { }",
    "scenario a { branch { 1 -> b nothing -> a } } scenario b { }",
    "scenario a { branch { 1 -> b nothing { when open -> a } } } scenario b { }",
    "scenario a { wait extension -> a }",
    "scenario a { -> b } scenario b { -> a }",
    "scenario a { -> b } scenario b { -> c } scenario c { -> b }",
    "scenario a { when open -> b else -> c } scenario b { } scenario c { -> a }",
    "scenario a { branch { 1 -> b } } scenario b { -> b }",
]
NO_ROUNDS = [
    "scenario a { }",
    "scenario a { -> b } scenario b { }",
    "scenario a { branch { 1 -> a } }",
    "scenario a { branch { 1 -> a wrong -> a } hangup }",
    "scenario a { branch { 1 { when open -> a } } }",
    "scenario a { branch { 1 -> b } } scenario b { -> a }",
    "scenario a { branch { 1 { branch { 1 -> a } } } }",
    "scenario a { when open -> c else -> b } scenario b { -> c } scenario c { }",
    "scenario a { hangup -> a }",
]


@pytest.mark.parametrize("scenarios", ROUNDS)
def test_round_is_found(scenarios: str) -> None:
    assert codes_of(DECLARATIONS + scenarios) == ["IVR301"]


@pytest.mark.parametrize("scenarios", NO_ROUNDS)
def test_what_a_key_or_an_end_bounds_is_no_round(scenarios: str) -> None:
    assert "IVR301" not in codes_of(DECLARATIONS + scenarios)


def test_way_round_is_told_move_by_move() -> None:
    outcome = compile_text("scenario one { -> two }\nscenario two { -> three }\nscenario three { -> two }\n")
    (diagnostic,) = outcome.diagnostics
    assert "two → three → two" in diagnostic.message
    starts = [diagnostic.start, *(label.start for label in diagnostic.labels)]
    places = [outcome.compiled.sources.place(start).line for start in starts]
    assert places == [2, 3]


def test_every_round_of_several_is_found() -> None:
    assert codes_of("scenario a { -> a } scenario b { -> b } scenario c { -> a }") == ["IVR301", "IVR301"]


def test_ten_thousand_scenarios_in_a_row() -> None:
    row = "".join(f"scenario s{i} {{ -> s{i + 1} }}\n" for i in range(10_000))
    assert codes_of(row + "scenario s10000 { }\n") == []
    assert codes_of(row + "scenario s10000 { -> s0 }\n") == ["IVR301"]


def test_a_long_round_is_told_by_its_ends() -> None:
    """Three thousand scenarios in a round: a message that can be read, not one of all their names and lines."""
    many = 3000
    text = "\n".join(f"scenario s{n} {{ -> s{(n + 1) % many} }}" for n in range(many))
    (diagnostic,) = compile_text(text).diagnostics
    assert diagnostic.message.endswith(f"s0 → s1 → s2 → s3 → … → s{many - 2} → s{many - 1} → s0")
    assert len(diagnostic.labels) < 10
