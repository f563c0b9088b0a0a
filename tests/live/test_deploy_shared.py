"""A node whose files are in a shared folder, which Asterisk knows by another path, and whose manager speaks TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivrc.cli import main
from ivrc.testbed.fetch import is_fetched
from ivrc.testbed.watch import Watch
from tests.live.deploy_lab import SECRET, DeployLab
from tests.live.lab import SETTINGS, tone

pytestmark = pytest.mark.live
NUMBER = "+74950000001"


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, DeployLab]]:
    if not is_fetched("22"):
        pytest.skip("Asterisk 22 is not fetched: python -m ivrc.testbed.fetch 22")
    folder = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        yield {name: DeployLab(stack, folder / name) for name in ("east", "north")}


@pytest.fixture
def config(labs: dict[str, DeployLab], tmp_path: Path) -> Path:
    """Settings of both nodes: east here, north as over a network."""
    east, north = labs["east"], labs["north"]
    port, certificate = north.over_tls(tmp_path)
    # As a share is mounted: by names that north's Asterisk does not know.
    mounted = tmp_path / "mnt"
    mounted.mkdir()
    (mounted / "ivrc").symlink_to(north.root)
    (mounted / "sounds").symlink_to(north.asterisk.rundir / "data/sounds")
    (tmp_path / "secret").write_text(SECRET)
    file = tmp_path / "ivrc.toml"
    file.write_text(f"""
[deploy]
secret = {{ file = "secret" }}
[deploy.nodes.east]
to = "asterisk://ivrc@127.0.0.1:{east.asterisk.ami_port}"
folder = "{east.root}"
sounds = "{east.asterisk.rundir}/data/sounds"
[deploy.nodes.north]
to = "asterisks://ivrc@localhost:{port}"
ca = "{certificate}"
folder = "mnt/ivrc"
seen_as = "{north.root}"
sounds = "mnt/sounds"
""")
    return file


def test_both_nodes_take_calls_on_the_same_plan(labs: dict[str, DeployLab], config: Path, tmp_path: Path) -> None:
    def ivrc(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, [*words, "--config", str(config)])
        assert result.exit_code == code, result.output
        return result.output

    office = tmp_path / "office"
    tone(office / "prompts/music.wav", 0.5)
    (office / "lab.ivr").write_text(f'{SETTINGS} number "{NUMBER}" -> main  scenario main {{ play "music" }}')
    told = ivrc("deploy", str(office))
    assert "east: generation 1 is active" in told and "north: generation 1 is active" in told
    assert labs["east"].leads_to(NUMBER) == labs["north"].leads_to(NUMBER) != ""
    assert ivrc("deploy", "verify").count("Asterisk holds what was deployed") == 2
    north = labs["north"]
    for file in (north.root / "active").glob("*.conf"):
        assert "mnt" not in file.read_text()
    mark = north.asterisk.mark()
    with Watch(north.asterisk) as watch:
        watch.run(watch.ami.originate_local(NUMBER, "ivrc-incoming", identity="one"))
        heard = watch.journey("one").heard
    # The far side has music of its own.
    assert [each for each in heard if re.fullmatch(r"ivrc/lab/music~[a-z2-7]{8}", each)] != [], heard
    assert north.asterisk.warnings(mark) == []
    # What somebody changes there is found through the share.
    (part,) = (north.root / "parts").glob("lab~*")
    whole = (part / "extensions.conf").read_bytes()
    (part / "extensions.conf").write_bytes(whole + b"; by hand\n")
    assert "north: parts/lab~" in ivrc("deploy", "verify", code=1)
    (part / "extensions.conf").write_bytes(whole)
    # A certificate that nobody signed whom ivrc trusts: no deploy, on no node.
    config.write_text(re.sub(r"^ca = .*\n", "", config.read_text(), flags=re.MULTILINE))
    (office / "lab.ivr").write_text(f'{SETTINGS} number "{NUMBER}" -> main  scenario main {{ hangup }}')
    before = labs["east"].leads_to(NUMBER)
    assert "north: localhost" in ivrc("deploy", str(office), code=1)
    assert {lab.leads_to(NUMBER) for lab in labs.values()} == {before}
