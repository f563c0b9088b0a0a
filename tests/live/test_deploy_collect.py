"""Old generations are taken out by force after a limit; who is on another one notices nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivrc.cli import main
from ivrc.testbed.watch import Watch
from tests.live.deploy_lab import SECRET, USER, DeployLab, deploy_lab
from tests.live.lab import SETTINGS

pytestmark = pytest.mark.live
NUMBER = "+74950000001"
# The prompt in which calls are while parts are taken out.
SECONDS = 20


def source(version: int) -> str:
    steps = f'play "asterisk:digits/{version}"  play "asterisk:tt-weasels" for {SECONDS}s  play "asterisk:beep"'
    return f'{SETTINGS} number "{NUMBER}" -> main  scenario main {{ {steps} }}'


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployLab]:
    with deploy_lab(tmp_path_factory.mktemp("collect")) as lab:
        yield lab


class Callers:
    """Calls, each on the generation that was active when it came in."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def call(self, identity: str) -> None:
        """Call, and wait until the long prompt is heard."""
        self.watch.run(self.watch.ami.originate_local(NUMBER, "ivrc-incoming", identity=identity))
        self.watch.wait_event(lambda event: "tt-weasels" in event.get("AppData", "") and self._is(event, identity))

    def heard(self, identity: str) -> list[str]:
        """What a call heard to its end; a prompt that is repeated, once."""
        self.watch.wait_event(lambda event: event.get("Event") == "Hangup" and self._is(event, identity), SECONDS + 10)
        played = [
            event["AppData"].partition("&")[0].rpartition("/")[2]
            for event in self.watch.events
            if event.get("Event") == "Newexten"
            and event["Application"] in ("Playback", "BackGround")
            and self._is(event, identity)
        ]
        return list(dict.fromkeys(played))

    @staticmethod
    def _is(event: object, identity: str) -> bool:
        return isinstance(event, dict) and event.get("Uniqueid") == f"{identity}-2"


def collect(lab: DeployLab, folder: Path, *words: str, setting: str = "") -> str:
    """`ivrc deploy collect`."""
    (folder / "ivrc.toml").write_text(
        f'[deploy]\nto = "asterisk://{USER}@127.0.0.1:{lab.asterisk.ami_port}"\n'
        f'folder = "{lab.root}"\nsounds = "{lab.asterisk.rundir / "data/sounds"}"\n{setting}\n'
    )
    result = CliRunner().invoke(main, ["deploy", "collect", *words, "--config", str(folder / "ivrc.toml")])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(("words", "setting"), [(("--after", "6"), ""), ((), 'limit = "6s"')])
def test_force_ends_calls_of_generations_left_so_long_ago_and_no_others(
    lab: DeployLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], setting: str
) -> None:
    monkeypatch.setenv("IVRC_AMI_SECRET", SECRET)
    with Watch(lab.asterisk) as watch:
        callers = Callers(watch)
        contexts = []
        for version, identity in ((1, "oldest"), (2, "older"), (3, "newest")):
            lab.deploy(source(version))
            contexts.append(lab.leads_to(NUMBER))
            callers.call(identity)
            if version == 2:
                # The first was left so long ago when the second is left.
                time.sleep(6.5)
        # Without force each call keeps its generation.
        assert "taken out" not in collect(lab, tmp_path)
        gone = collect(lab, tmp_path, *words, setting=setting)
        part = f"lab~{contexts[0].partition('~')[2][:8]}"
        assert gone == f"taken out: {part}\n"
        held = lab.shown()
        assert [f"'{context}'" in held for context in contexts] == [False, True, True]
        heard = {identity: callers.heard(identity) for identity in ("oldest", "older", "newest")}
    # Its prompt was its last step.
    # The first was cut off when its prompt would have begun anew.
    assert heard["oldest"] == ["1", "tt-weasels"]
    assert heard["older"] == ["2", "tt-weasels", "beep"]
    assert heard["newest"] == ["3", "tt-weasels", "beep"]
