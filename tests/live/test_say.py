"""`say`: spoken when compiled, in Russian and English, and heard on a call."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from ivrc.testbed.fetch import root_of
from ivrc.testbed.prefix import Prefix
from ivrc.testbed.sip_xml import expect_answer, wait_hangup
from tests.live.lab import SETTINGS, open_lab

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    """The speech engine that the test bed fetched: no root and no package of the host's is needed."""
    monkeypatch.setenv("IVRC_ESPEAK", Prefix(root_of("22")).voice)


@pytest.mark.parametrize(
    ("language", "text"), [("ru", "Здравствуйте! Вы позвонили в офис; ждите."), ("en", 'Hello, "caller" & friend')]
)
def test_spoken_text_is_heard(tmp_path: Path, language: str, text: str) -> None:
    quoted = text.replace('"', '\\"')
    source = SETTINGS.replace("language en", f"language {language}") + (
        f'number "+7 495 000-00-01" -> a\nscenario a {{ say "{quoted}"  play say "{quoted}" for 2s }}\n'
    )
    with ExitStack() as stack:
        lab = open_lab(stack, "22", tmp_path, source)
        result, journey = lab.call("+74950000001", [expect_answer(), wait_hangup()])
        assert result.ok, result.transcript
        assert len(journey.heard) == 2
        assert journey.heard[1] == journey.heard[0] + "-2s"
        spoken = lab.build / "sounds" / language / f"{journey.heard[0]}.ulaw"
        seconds = spoken.stat().st_size / 8000
        assert 1.0 < seconds < 10.0
        steps = [step.at for step in journey.steps if step.app == "Playback"]
        assert steps[1] - steps[0] == pytest.approx(seconds, abs=0.3)
        assert lab.asterisk.warnings() == []
