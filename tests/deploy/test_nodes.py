"""[deploy.nodes.NAME] of ivrc.toml: what a node has of its own, what it has of [deploy], what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivrc.crm.settings import SettingsError
from ivrc.deploy.settings import DeploySettings, check, chosen, load


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRC_AMI_SECRET", "hush")


def nodes(folder: Path, text: str, *names: str, to: str = "") -> dict[str, DeploySettings]:
    (folder / "ivrc.toml").write_text(text)
    found = chosen(load(folder / "ivrc.toml"), names, to)
    for one in found.values():
        check(one)
    return found


FLEET = """
[deploy]
keep = 3
folder = "/srv/ivrc"
[deploy.nodes.east]
to = "asterisks://ivrc@east.example"
[deploy.nodes.west]
to = "asterisk://ivrc@10.0.0.7"
ssh = "deploy@west.example:2222"
ssh_key = "keys/deploy"
folder = "/etc/asterisk/ivrc"
"""


def test_nodes_have_what_is_common_and_what_is_their_own(tmp_path: Path) -> None:
    found = nodes(tmp_path, FLEET)
    assert list(found) == ["east", "west"]
    assert [one.keep for one in found.values()] == [3, 3]
    assert [str(one.folder) for one in found.values()] == ["/srv/ivrc", "/etc/asterisk/ivrc"]
    assert found["west"].ssh_key == tmp_path / "keys/deploy"


def test_some_nodes(tmp_path: Path) -> None:
    assert list(nodes(tmp_path, FLEET, "west")) == ["west"]
    with pytest.raises(SettingsError, match=r"there is no node north in \[deploy\.nodes\]; there are: east, west"):
        nodes(tmp_path, FLEET, "north")
    with pytest.raises(SettingsError, match="name nodes by --node"):
        nodes(tmp_path, FLEET, to="asterisk://127.0.0.1")


def test_without_nodes_there_is_one(tmp_path: Path) -> None:
    assert list(nodes(tmp_path, '[deploy]\nto = "asterisk://127.0.0.1"\n')) == [""]
    assert nodes(tmp_path, "", to="asterisk://127.0.0.1")[""].to == "asterisk://127.0.0.1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[deploy.nodes.a]\nssh = "a"\n', 'deploy.nodes.a: "to" is missing'),
        ('[deploy.nodes.a]\nto = "asterisk://a.example"\n', "reached over a network"),
        ('[deploy.nodes.a]\nto = "asterisk://127.0.0.1"\nssh = "a:b:c@d"\n', "`ssh` is written USER@HOST:PORT"),
        ('[deploy.nodes.a]\nto = "asterisk://127.0.0.1"\nssh = "u:secret@d"\n', "`ssh` is written USER@HOST:PORT"),
        ('[deploy.nodes.a]\nto = "asterisk://127.0.0.1"\nssh = "-oProxyCommand=x"\n', "`ssh` is written"),
        ('[deploy.nodes.a]\nto = "asterisk://127.0.0.1"\nssh_passphrase = "x"\n', "a secret is not written here"),
        ('[deploy.nodes.a]\nto = "asterisk://127.0.0.1"\nfoldr = "x"\n', "ivrc.toml:3: deploy.nodes.a.foldr: this key"),
        ("[deploy]\nnodes = 3\n", "nodes are tables"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as fault:
        nodes(tmp_path, text)
    assert says in str(fault.value)
    assert "secret@" not in str(fault.value)
