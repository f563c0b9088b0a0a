"""Deploying into a real Asterisk: what is refused, what is found, who may, and what goes away again."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivrc.cli import main
from ivrc.deploy.ami import Manager
from ivrc.deploy.calls import any_on
from ivrc.deploy.errors import DeployError, ManagerError
from ivrc.deploy.node import GRACE, Target
from ivrc.deploy.release import Release
from ivrc.deploy.rollout import nodes, rollback
from ivrc.deploy.status import status_of
from ivrc.testbed.watch import Watch
from tests.live.deploy_lab import RIGHTS, SECRET, USER, DeployLab, deploy_lab, manager_conf, office
from tests.live.lab import SETTINGS

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", params=["22", "16"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployLab]:
    with deploy_lab(tmp_path_factory.mktemp("deploy"), request.param, ["anna"]) as lab:
        yield lab


def verified(lab: DeployLab) -> list[str]:
    async def look() -> list[str]:
        async with nodes([lab.target]) as (node,):
            return await node.verify()

    return asyncio.run(look())


def test_same_again_changes_nothing(lab: DeployLab) -> None:
    assert lab.deploy(office('play "asterisk:beep"')).changed
    held = lab.shown()
    again = lab.deploy(office('play "asterisk:beep"'))
    assert (again.changed, lab.shown()) == (False, held)
    assert verified(lab) == []


def test_hints_that_asterisk_makes_for_phones_are_no_change(lab: DeployLab) -> None:
    more = 'employee boris { extension 102 sip "PJSIP/anna" }'
    context = "ivrc-lab.internal"

    def asked() -> str:
        with Watch(lab.asterisk) as watch:
            action = watch.ami.action("ExtensionState", Exten="102", Context=context)
            watch.run(action)
        return lab.asterisk.cli(f"dialplan show 102@{context}")

    lab.deploy(office(more=more))
    assert "hint: PJSIP/anna " in asked()
    assert verified(lab) == []
    assert lab.deploy(office("hangup", f'{more} number "+7 495 000-00-02" -> main')).changed
    assert "hint: PJSIP/anna " in asked()
    assert verified(lab) == []
    lab.asterisk.cli(f"dialplan add extension 101,hint,PJSIP/other into {context}")
    (fault,) = verified(lab)
    assert fault == f"101@{context},hint: Asterisk holds PJSIP/other, which was not compiled"
    lab.asterisk.reload_dialplan()
    assert verified(lab) == []


def test_one_office_of_several_changes_alone(lab: DeployLab) -> None:
    def one_of(name: str, step: str, digit: int) -> str:
        settings = SETTINGS.replace("office lab", f"office {name}")
        # Their numbers end in the same digits: they share a context.
        return f'{settings} number "+7 495 {digit}00-07-77" -> main  scenario main {{ {step} }}'

    lab.deploy({"a.ivr": one_of("one", "hangup", 1), "b.ivr": one_of("two", "hangup", 2)})
    one, two = lab.leads_to("+74951000777"), lab.leads_to("+74952000777")
    lab.deploy({"a.ivr": one_of("one", 'play "asterisk:beep"', 1), "b.ivr": one_of("two", "hangup", 2)})
    assert lab.leads_to("+74951000777") != one
    assert lab.leads_to("+74952000777") == two
    assert verified(lab) == []
    lab.deploy({"a.ivr": one_of("one", 'play "asterisk:beep"', 1)})
    assert lab.leads_to("+74952000777") == ""
    assert verified(lab) == []


def test_plan_that_asterisk_does_not_load_never_becomes_active(lab: DeployLab) -> None:
    """Asterisk's own file is damaged: it says that it has loaded, and holds what it held."""
    lab.deploy(office())
    whole = (lab.asterisk.rundir / "etc/extensions.conf").read_text()
    lab.asterisk.write_conf("extensions.conf", whole + "\n[unclosed\n")
    with pytest.raises(DeployError) as caught:
        lab.deploy(office('play "asterisk:beep"'))
    lab.asterisk.write_conf("extensions.conf", whole)
    assert caught.value.reasons or "did not read" in caught.value.message
    assert lab.leads_to("+74950000001")
    # A part that somebody cut short on its way: found by what Asterisk holds.
    release = lab.compiled(office('play "asterisk:beeperr"'))
    own = next(part for part in release.parts if part.name == "lab")
    half = b"".join(own.files["extensions.conf"]).replace(b" same => n,Playback(beeperr)\n", b"")
    damaged = own._replace(files={**own.files, "extensions.conf": [half]})
    parts = tuple(damaged if part is own else part for part in release.parts)
    before = lab.leads_to("+74950000001")
    asyncio.run(_load_damaged(lab, release._replace(parts=parts), release))
    assert lab.leads_to("+74950000001") == before
    lab.deploy(office('play "asterisk:tt-weasels"'))
    assert verified(lab) == []


async def _load_damaged(lab: DeployLab, damaged: Release, release: Release) -> None:
    async with nodes([lab.target]) as (node,):
        await node.prepare(damaged)
        with pytest.raises(DeployError, match="does not hold what was compiled") as caught:
            await node.load(release)
        assert any('it is of: play "asterisk:beeperr" (lab.ivr:' in reason for reason in caught.value.reasons)
        await node.put_back()


def test_changes_by_hand_are_found(lab: DeployLab) -> None:
    lab.deploy(office("call employee anna  reach anyone for 10s"))
    assert verified(lab) == []
    context = lab.leads_to("+74950000001")
    for command, told in (
        ("dialplan add extension 77,1,NoOp,x into ivrc-lab.internal", "77@ivrc-lab.internal,1: Asterisk holds NoOp(x)"),
        ("dialplan remove extension 101@ivrc-lab.internal", "101@ivrc-lab.internal,1: compiled"),
        (f"dialplan remove extension s@{context} 2", f"s@{context},2: compiled Playback(beep), but Asterisk does not"),
    ):
        lab.asterisk.cli(command)
        assert any(told in fault for fault in verified(lab)), (told, verified(lab))
    # Of the parts that are kept, the one that is active.
    part = lab.root / "parts" / f"lab~{context.partition('~')[2].partition('-')[0]}"
    text = (part / "extensions.conf").read_text()
    (part / "extensions.conf").write_text(text + "; by hand\n")
    assert any("has been changed since it was deployed" in fault for fault in verified(lab))
    (part / "extensions.conf").write_text(text)
    lab.deploy(office())
    assert verified(lab) == []


def test_rollback_status_and_collection(lab: DeployLab) -> None:
    first = lab.deploy(office('play "asterisk:digits/1"')).generation
    one = lab.leads_to("+74950000001")
    second = lab.deploy(office('play "asterisk:digits/2"  play "asterisk:tt-weasels" for 20s')).generation
    two = lab.leads_to("+74950000001")
    with Watch(lab.asterisk) as watch:
        watch.run(watch.ami.originate_local("+74950000001", "ivrc-incoming", identity="stays"))
        watch.wait_event(lambda event: event.get("Event") == "Newexten" and event["AppData"] == "tt-weasels")
        assert asyncio.run(rollback([lab.target]))[0].generation == first
        assert lab.leads_to("+74950000001") == one
        found = asyncio.run(status_of(lab.target))
        calls = {each["generation"]: each["calls"] for each in found["generations"]}
        assert calls[second] == 1 and sum(calls.values()) == 1
        time.sleep(GRACE + 0.5)
        lab.deploy(office('play "asterisk:digits/3"'))
        assert f"'{two}'" in lab.shown(), "a call is on it"
        assert f"'{one}'" in lab.shown(), "left a moment ago"
        watch.run(watch.ami.action("Hangup", Channel="/Local/.*/"))
        time.sleep(GRACE + 0.5)
    assert _collected(lab)
    shown = lab.shown()
    assert f"'{one}'" not in shown and f"'{two}'" not in shown
    assert verified(lab) == []
    # Not in Asterisk any more, but kept.
    asyncio.run(rollback([lab.target], second))
    assert lab.leads_to("+74950000001") == two
    assert verified(lab) == []
    with pytest.raises(DeployError, match="there is no generation 4711"):
        asyncio.run(rollback([lab.target], 4711))


def _collected(lab: DeployLab) -> list[str]:
    async def work() -> list[str]:
        async with nodes([lab.target]) as (node,):
            return await node.collect()

    return asyncio.run(work())


def test_generations_and_prompts_go_when_nothing_needs_them(lab: DeployLab) -> None:
    target = lab.target._replace(keep=2)
    for number in range(4):
        release = lab.compiled(office(f'play "music" play "asterisk:digits/{number}"'), {"music": 0.3 + number / 10})
        lab.deploy(release, target)
    time.sleep(GRACE + 0.5)
    release = lab.compiled(office('play "music" play "asterisk:digits/5"'), {"music": 0.3})
    lab.deploy(release, target)
    sounds = {path.name for path in (lab.asterisk.rundir / "data/sounds/en/ivrc/lab").iterdir()}
    assert len(sounds) <= 2 * 3 + 3
    assert (
        len(list((lab.root / "generations").glob("?.json"))) + len(list((lab.root / "generations").glob("??.json")))
        == 2
    )
    assert verified(lab) == []


# ── who may ──


def test_calls_are_seen_with_these_rights(lab: DeployLab) -> None:
    async def come_to(wanted: bool) -> None:
        async with asyncio.timeout(5), Manager(lab.target.manager) as manager:
            while await any_on(manager) != wanted:
                await asyncio.sleep(0.05)

    lab.deploy(office("wait extension for 60s"))
    asyncio.run(come_to(False))
    with Watch(lab.asterisk) as watch:
        watch.run(watch.ami.originate_local("+74950000001", "ivrc-incoming", far=("Wait", "60")))
        asyncio.run(come_to(True))
    lab.asterisk.cli("channel request hangup all")
    asyncio.run(come_to(False))


@pytest.mark.parametrize("lacking", RIGHTS.split(","))
def test_less_than_the_rights_that_are_documented_is_not_enough(lab: DeployLab, lacking: str) -> None:
    """All other tests run with these rights."""
    lab.deploy(office())
    rights = ",".join(right for right in RIGHTS.split(",") if right != lacking)
    lab.asterisk.write_conf("manager.conf", manager_conf(lab.asterisk.ami_port, rights))
    lab.asterisk.cli("manager reload")
    try:
        with pytest.raises(DeployError, match=r"[Pp]ermission denied"):
            lab.deploy(office('play "asterisk:beep"  play "asterisk:digits/1"'))
    finally:
        lab.asterisk.write_conf("manager.conf", manager_conf(lab.asterisk.ami_port))
        lab.asterisk.cli("manager reload")
    lab.deploy(office('play "asterisk:digits/2"'))
    assert verified(lab) == []


def test_wrong_secret_is_said_without_it(lab: DeployLab) -> None:
    with pytest.raises(ManagerError, match="refuses the login") as caught:
        lab.deploy(office(), lab.target_as(secret="never-to-be-shown"))
    assert "never-to-be-shown" not in str(caught.value)


def test_manager_over_tls(lab: DeployLab, tmp_path: Path) -> None:
    if not lab.asterisk.prefix.has_stream_events:
        pytest.skip("one version is enough")
    port, certificate = lab.over_tls(tmp_path)
    trusting = ssl.create_default_context(cafile=certificate)
    address = lab.target.manager._replace(port=port, tls=trusting)
    lab.deploy(office('play "asterisk:digits/7"'), lab.target._replace(manager=address))
    assert verified(lab) == []
    stranger = address._replace(tls=ssl.create_default_context())
    with pytest.raises(ManagerError, match="certificate"):
        lab.deploy(office('play "asterisk:digits/8"'), lab.target._replace(manager=stranger))


# ── the commands ──


def test_commands(lab: DeployLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IVRC_AMI_SECRET", SECRET)
    monkeypatch.delenv("IVRC_CONFIG", raising=False)
    (tmp_path / "ivrc.toml").write_text(
        f'[deploy]\nto = "asterisk://{USER}@127.0.0.1:{lab.asterisk.ami_port}"\n'
        f'folder = "{lab.root}"\nsounds = "{lab.asterisk.rundir / "data/sounds"}"\n'
    )
    (tmp_path / "lab.ivr").write_text(office('play "asterisk:digits/4"'))

    def run(*args: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, args)
        assert SECRET not in result.output
        return result.exit_code, result.output

    code, text = run("deploy", "--dry-run", "lab.ivr")
    assert code == 0 and "changed: lab" in text
    code, text = run("deploy", "lab.ivr", "--note", "digits")
    assert code == 0 and "is active" in text
    code, text = run("deploy", "lab.ivr")
    assert code == 0 and "nothing changed" in text
    code, text = run("deploy", "status")
    assert code == 0 and "active" in text and "digits" in text
    code, text = run("deploy", "verify")
    assert code == 0 and "holds what was deployed" in text
    code, text = run("rollback")
    assert code == 0, text
    code, text = run("deploy", "log", "--format", "json")
    last, before = (json.loads(line) for line in text.splitlines()[-1:-3:-1])
    assert (last["what"], last["result"]) == ("rollback", "active")
    assert (before["what"], before["note"]) == ("deploy", "digits")
    lab.asterisk.cli("dialplan remove extension 101@ivrc-lab.internal")
    code, text = run("deploy", "verify")
    assert code == 1 and "101@ivrc-lab.internal" in text
    (tmp_path / "lab.ivr").write_text(office("call employee nobody"))
    code, text = run("deploy", "lab.ivr")
    assert code == 1 and "nothing was deployed" in text


def many(count: int) -> str:
    return "".join(f'scenario s{number} {{ branch {{ 1 {{ play "asterisk:beep" }} }} }}\n' for number in range(count))


def damaged(lab: DeployLab, good: Release, context: str, old: bytes, new: bytes, target: Target) -> tuple[str, ...]:
    """Why a deploy is put back of which one line of one context comes to Asterisk otherwise than it was compiled."""
    own = next(part for part in good.parts if part.name == "lab")
    text = b"".join(own.files["extensions.conf"])
    start = text.index(f"[ivrc~{own.mark}-lab-{context}]".encode())
    assert old in text[start:].partition(b"\n[")[0]
    cut = text[:start] + text[start:].replace(old, new, 1)
    files = {**own.files, "extensions.conf": [cut]}
    bad = good._replace(parts=tuple(part._replace(files=files) if part is own else part for part in good.parts))

    async def load() -> tuple[str, ...]:
        async with nodes([target]) as (node,):
            await node.prepare(bad)
            with pytest.raises(DeployError, match="does not hold what was compiled") as caught:
                await node.load(good)
            await node.put_back()
            await node.tidy()
            return caught.value.reasons

    return asyncio.run(load())


def test_every_argument_of_a_large_plan_is_compared(lab: DeployLab) -> None:
    """Of three thousand new contexts one has another argument; the old plan stays."""
    lab.deploy(office())
    before = lab.leads_to("+74950000001")
    good = lab.compiled(office('play "asterisk:digits/1"', many(1500)))
    (fault,) = damaged(lab, good, "s1033-branch", b"Playback(beep)", b"Playback(beeperr)", lab.target)
    assert "compiled Playback(beep), but Asterisk holds Playback(beeperr)" in fault
    assert 'it is of: play "asterisk:beep" (lab.ivr:' in fault
    assert lab.leads_to("+74950000001") == before
    assert lab.deploy(good).changed
    assert verified(lab) == []


def test_large_plan_is_verified_by_its_outline_and_a_sample_if_told(lab: DeployLab) -> None:
    target = lab.target._replace(sample=5)
    lab.deploy(office(more=many(60)), target)
    assert verified(lab) == []
    good = lab.compiled(office('play "asterisk:digits/1"', many(60)))
    faults = damaged(lab, good, "s33-branch", b" same => n,Goto(", b"; same => n,Goto(", target)
    assert any("s33-branch" in fault and "does not hold it" in fault for fault in faults)
    assert any("was not written as compiled" in fault for fault in faults)
    lab.deploy(office('play "asterisk:digits/2"'), target)
    assert verified(lab) == []
