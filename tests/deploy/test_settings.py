"""Where to deploy, and as whom: ivrc.toml and --to."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivrc.cli import main
from ivrc.crm.settings import SettingsError
from ivrc.deploy.settings import DeploySettings, load, target


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRC_AMI_SECRET", "hidden")


def test_target_of_the_command_line() -> None:
    found = target(DeploySettings(), "asterisk://anna@127.0.0.1:6000")
    assert (found.manager.host, found.manager.port, found.manager.user) == ("127.0.0.1", 6000, "anna")
    assert found.manager.secret.reveal() == "hidden"
    assert found.manager.tls is None
    assert target(DeploySettings(), "asterisk://127.0.0.1").manager.port == 5038


def test_over_a_network_it_must_be_tls() -> None:
    for host in ("10.0.0.7", "pbx.example"):
        with pytest.raises(SettingsError, match="use asterisks://"):
            target(DeploySettings(), f"asterisk://anna@{host}")
        assert target(DeploySettings(), f"asterisks://anna@{host}").manager.tls is not None
        assert target(DeploySettings(unencrypted=True), f"asterisk://anna@{host}").manager.tls is None
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert target(DeploySettings(), f"asterisk://anna@{host}").manager.tls is None


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("", "name the target"),
        ("http://x", "is no target"),
        ("asterisk://", "is no target"),
        ("asterisk://a@127.0.0.1:port", "no port"),
        ("asterisk://a@127.0.0.1/x", "is no target"),
        ("asterisk://a:secret-one@127.0.0.1", "a secret is not written in a target"),
        ("asterisk://a@127.0.0.1?tls=1", "settings stand in"),
    ],
)
def test_targets_that_are_none(to: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        target(DeploySettings(), to)
    assert "secret-one" not in str(caught.value)


def test_secret_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IVRC_AMI_SECRET")
    with pytest.raises(SettingsError, match="IVRC_AMI_SECRET"):
        target(DeploySettings(), "asterisk://a@127.0.0.1")


def test_table(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    file = tmp_path / "ivrc.toml"
    file.write_text(
        '[deploy]\nto = "asterisk://ivrc@127.0.0.1"\nfolder = "etc"\nkeep = 3\nsample = 500\nlimit = "4h"\n'
        'secret = { file = "secret" }\n'
    )
    found = target(load(file).nodes[""])
    assert found.manager.secret.reveal() == "from a file"
    assert (found.keep, found.sample, found.limit) == (3, 500, 4 * 3600)
    assert found.folder.where == str(tmp_path / "etc")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[deploy]\nsecret = "open"\n', "a secret is not written here"),
        ("[deploy]\nkeep = 0\n", "at least 1"),
        ("[deploy]\nsample = -1\n", "at least 0"),
        ("[deploy]\nkept = 3\n", 'did you mean "keep"'),
        ("[deploy\n", "is no TOML"),
    ],
)
def test_faults_of_the_table(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "ivrc.toml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        load(tmp_path / "ivrc.toml")


def test_a_manager_that_is_not_there_is_told_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket() as taken:
        # Bound and not listened at: nobody else gets it, and whoever knocks is refused.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["deploy", "status", "--to", f"asterisk://127.0.0.1:{port}"])
    assert result.exit_code == 1
    assert f"127.0.0.1:{port}: Asterisk's manager is not reached: Connection refused\n" in result.output
    assert "Errno" not in result.output
