"""Tests run: each case's call simulated, its journey compared with what is expected."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ivrc import model as m
from ivrc.cases import Case, Failure, check
from ivrc.named import NamedTuple
from ivrc.simulate import Journey, run
from ivrc.simulate import journey as j
from ivrc.simulate.draws import all_draws
from ivrc.simulate.office import Prepared
from ivrc.testing.coverage import Coverage
from ivrc.walking import steps_of


class Untimed(NamedTuple):
    """A step asked for the time in a test that says none; `event` is the index of that event."""

    event: int


class Verdict(NamedTuple):
    """What a case came to: passed if there are no failures.

    `journey` is the call that failed, or the first one; of `draws` ways in which random groups drew `failed` failed.
    """

    case: Case
    journey: Journey
    failures: tuple[Failure | Untimed, ...]
    draws: int
    failed: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.failures


class Runner:
    """Runs the cases of one office."""

    def __init__(self, office: m.Office, lengths: dict[str, float]) -> None:
        self.office = office
        self.prepared = Prepared(office, lengths)
        self.coverage = Coverage(office)
        self._by_hours = {
            step.start
            for scenario in office.scenarios
            for step in steps_of(scenario.body)
            if isinstance(step, m.When) and isinstance(step.condition, m.ByHours)
        }

    def run(self, case: Case) -> Verdict:
        """One case; its steps count as walked."""
        began = time.perf_counter()
        journeys = all_draws(self.prepared, case.call) if case.any_draw else [run(self.prepared, case.call)]
        shown, failures, draws, failed = self._compare(case, journeys)
        return Verdict(case, shown, failures, draws, failed, time.perf_counter() - began)

    def _compare(
        self, case: Case, journeys: Iterable[Journey]
    ) -> tuple[Journey, tuple[Failure | Untimed, ...], int, int]:
        shown: Journey | None = None
        first: tuple[Failure | Untimed, ...] = ()
        draws = failed = 0
        for journey in journeys:
            draws += 1
            self.coverage.add(journey)
            failures = self._failures(case, journey)
            failed += bool(failures)
            if shown is None or (failures and not first):
                shown, first = journey, failures
        assert shown is not None
        return shown, first, draws, failed

    def _failures(self, case: Case, journey: Journey) -> tuple[Failure | Untimed, ...]:
        if not case.timed and self._by_hours:
            for index, event in enumerate(journey.events):
                if isinstance(event, j.Decided) and event.start in self._by_hours:
                    return (Untimed(index),)
        return check(case.expectations, journey)
