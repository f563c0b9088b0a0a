"""Faults by the thousand are told in reasonable number and time."""

from __future__ import annotations

from difflib import SequenceMatcher, get_close_matches
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivrc.diagnostics import did_you_mean
from ivrc.semantics.scope import MAX_COMPARED
from tests.strategies import broken
from tests.support import OFFICE, compile_text


def test_names_that_are_wrong_by_the_thousand_are_not_all_compared() -> None:
    """Each unknown name is told; hints end where nobody would read on."""
    compared = 0
    ratio = SequenceMatcher.real_quick_ratio

    def count(self: SequenceMatcher[str]) -> float:
        nonlocal compared
        compared += 1
        return ratio(self)

    people = "".join(f'employee first{i} {{ sip "PJSIP/e{i}" }}\n' for i in range(1000))
    calls = "".join(f"call employee frist{i}\n" for i in range(1000))
    with patch.object(SequenceMatcher, "real_quick_ratio", count):
        outcome = compile_text(people + f"scenario main {{\n{calls}}}\n")
    assert outcome.codes == ["IVR201"] * 1000
    assert outcome.diagnostics[0].help == "did you mean `first0`?"
    assert outcome.diagnostics[-1].help.startswith("there are: `first0`, ")
    assert compared <= MAX_COMPARED + 1000


WORDS = st.text(st.sampled_from("abAB_é"), max_size=12)


@given(WORDS, st.lists(WORDS, max_size=20))
def test_nearest_name_is_that_of_the_whole_comparison(word: str, known: list[str]) -> None:
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        assert did_you_mean(word, known) == f"did you mean `{near[0]}`?"
    else:
        same = [name for name in known if name.casefold() == word.casefold()]
        assert did_you_mean(word, known) == (f"did you mean `{same[-1]}`?" if same else "")


def test_endless_word_is_not_compared() -> None:
    with patch.object(SequenceMatcher, "__init__", side_effect=AssertionError):
        assert did_you_mean("x" * 100_000, ["x" * 100_001]) == ""


@pytest.mark.parametrize("size", [2, 3, 40, 190])
def test_groups_that_all_name_each_other_are_told_of_once_each(size: int) -> None:
    """But for the first: it is where the others lead back to."""
    names = [f"g{i}" for i in range(size)]
    groups = "".join(f"group {name} in order {{ anna {' '.join({*names} - {name})} }}\n" for name in names)
    outcome = compile_text(OFFICE + groups)
    assert outcome.codes == ["IVR302"] * (size - 1)
    assert len({outcome.compiled.sources.place(each.start).line for each in outcome.diagnostics}) == size - 1
    assert all(len(message) < 200 for message in outcome.messages)


def test_group_of_groups_that_lead_back_is_no_fault_of_its_own() -> None:
    text = "group a in order { b }\ngroup b in order { a anna }\ngroup c in order { a b boris }\n"
    outcome = compile_text(OFFICE + text + "scenario main { call group c  call group a  call group b }\n")
    assert outcome.messages == ["group `a` contains itself: a → b → a"]


@pytest.mark.parametrize("text", ["number other -> \u0958", "number other -> \u0958\nscenario main { -> \u0958 }\n"])
def test_name_that_has_a_longer_spelling_ends_where_it_was_written(text: str) -> None:
    outcome = compile_text(text)
    assert set(outcome.codes) == {"IVR201"}
    assert {text[each.start : each.end] for each in outcome.diagnostics} == {"\u0958"}


def test_name_that_has_a_shorter_spelling_ends_where_it_was_written() -> None:
    text = "number other -> cafe\u0301\n"
    (found,) = compile_text(text).diagnostics
    assert text[found.start : found.end] == "cafe\u0301"


@given(broken())
def test_no_diagnostic_reaches_past_the_end(text: str) -> None:
    for found in compile_text(text).diagnostics:
        assert all(start <= end <= len(text) for start, end in (found[1:3], *(label[:2] for label in found.labels)))
