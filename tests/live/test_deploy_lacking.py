"""What a plan needs and an Asterisk has not: the deploy is refused, in words that help."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ivrc.deploy.errors import DeployError
from ivrc.deploy.rollout import nodes
from tests.live.deploy_lab import DeployLab, deploy_lab, office

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", params=["22", "16"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployLab]:
    with deploy_lab(tmp_path_factory.mktemp("lacking"), request.param, ["anna"]) as lab:
        yield lab


def refused(lab: DeployLab, text: str) -> tuple[str, ...]:
    """Why a source is refused that Asterisk lacks something for; calls come in as before."""
    before = lab.leads_to("+74950000001")
    with pytest.raises(DeployError, match="Asterisk lacks what the plan needs") as caught:
        lab.deploy(text)
    assert lab.leads_to("+74950000001") == before
    return caught.value.reasons


def test_missing_endpoint_sound_and_module_are_refused(lab: DeployLab) -> None:
    lab.deploy(office())
    nobody = 'employee nobody { extension 109 sip "PJSIP/nobody" } scenario x { call employee nobody }'
    assert "there is no endpoint nobody in pjsip.conf; lab dials it" in refused(lab, office(more=nobody))
    unheard = 'scenario x { play "asterisk:unheard-of" }'
    assert "Asterisk has no sound unheard-of in en; lab plays it" in refused(lab, office(more=unheard))
    lab.asterisk.cli("module unload app_queue.so")
    try:
        queue = "scenario x { call employee anna  reach anyone for 10s }"
        assert "the module app_queue is not loaded; lab needs it" in refused(lab, office(more=queue))
    finally:
        lab.asterisk.cli("module load app_queue.so")


def test_missing_function_is_refused(lab: DeployLab) -> None:
    lab.deploy(office())
    lab.asterisk.cli("module unload func_rand.so")
    try:
        told = refused(lab, office('play "asterisk:digits/1"'))
    finally:
        lab.asterisk.cli("module load func_rand.so")
    assert "Asterisk has no function RAND, or it answers ''; lab needs it" in told
    assert lab.deploy(office('play "asterisk:digits/1"')).changed


def test_missing_class_of_music_is_refused(lab: DeployLab) -> None:
    lab.deploy(office())
    whole = (lab.asterisk.rundir / "etc/musiconhold.conf").read_text()
    waits = office("call employee anna  reach anyone for 10s")
    lab.asterisk.write_conf("musiconhold.conf", whole.replace("[default]", "[other]"))
    try:
        told = refused(lab, waits)
        assert "there is no class default in musiconhold.conf; callers of lab would wait in silence" in told
        # Who waits in no queue needs none; and classes may be in a database.
        lab.deploy(office('play "asterisk:digits/1"'))
        lab.asterisk.write_conf("extconfig.conf", "[settings]\nmusiconhold => odbc,asterisk\n")
        assert asyncio.run(lacking(lab, waits)) == []
    finally:
        (lab.asterisk.rundir / "etc/extconfig.conf").unlink(missing_ok=True)
        lab.asterisk.write_conf("musiconhold.conf", whole)
    assert lab.deploy(waits).changed


async def lacking(lab: DeployLab, text: str) -> list[str]:
    async with nodes([lab.target], only_look=True) as (node,):
        return await node.missing(lab.compiled(text))
