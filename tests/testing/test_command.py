"""`ivrc test`: what it runs, prints, writes, and how it ends."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support import write_tree
from tests.testing.support import FAILS, OFFICE, PASSES, office_in, run, run_json


def names(*words: str | Path) -> list[str]:
    """The tests that were run."""
    return [test["name"] for office in run_json(*words)["offices"] for test in office["tests"]]


ALL = ["key 1 rings anna", "key 1 reaches anna", "key 2 reaches anna"]


# ── what is run ──


def test_an_office_brings_the_tests_beside_it(tmp_path: Path) -> None:
    office_in(tmp_path)
    write_tree(tmp_path, {"office.more.test.ivr": PASSES.replace("key 1", "key one"), "readme.txt": "x"})
    expected = [ALL[0], "key one rings anna", *ALL[1:]]
    assert names(tmp_path / "office.ivr") == names(tmp_path) == expected


def test_a_file_of_tests_alone(tmp_path: Path) -> None:
    office_in(tmp_path)
    assert names(tmp_path / "office.test.ivr") == ALL[1:]
    assert names(tmp_path / "office.test.ivr", tmp_path / "office.ivr") == ALL
    assert names(tmp_path / "office.test.ivr", tmp_path) == ALL


def test_this_folder_without_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(office_in(tmp_path))
    assert names() == ALL


def test_tests_in_an_included_file(tmp_path: Path) -> None:
    write_tree(tmp_path, {"office.ivr": 'include "part.ivr"\n' + OFFICE, "part.ivr": PASSES})
    assert names(tmp_path) == ALL[:1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("key", ALL),
        ("RINGS", ALL[:1]),
        ("key 1", ALL[:2]),
        ("key 1 and reaches", ALL[1:2]),
        ("key and not key 1", ALL[2:]),
        ("rings or key 2", [ALL[0], ALL[2]]),
        ("office.test", ALL[1:]),
        ("not key", []),
    ],
)
def test_only_some(tmp_path: Path, words: str, expected: list[str]) -> None:
    assert names(office_in(tmp_path), "-k", words) == expected


# ── how it ends ──


def test_exit_codes(tmp_path: Path) -> None:
    office_in(tmp_path, more="")
    assert run(tmp_path).exit_code == 0
    assert run(tmp_path, "-k", "nothing").exit_code == 2
    assert run(tmp_path / "none.ivr").exit_code == 2
    assert run(tmp_path, "--watch", "--asterisk").exit_code == 2
    assert run(tmp_path, "--fail-under", "40").exit_code == 0
    assert run(tmp_path, "--fail-under", "90").exit_code == 1
    assert run(tmp_path, "--junit", tmp_path).exit_code == 3
    write_tree(tmp_path, {"office.test.ivr": FAILS})
    assert run(tmp_path).exit_code == 1
    write_tree(tmp_path, {"office.test.ivr": FAILS.replace("<who> within", "<whom> within")})
    assert run(tmp_path).exit_code == 1


def test_faults_are_shown_and_nothing_is_run(tmp_path: Path) -> None:
    office_in(tmp_path, more=PASSES.replace("reaches anna", "reaches ana").replace("key 1", "key one"))
    result = run(tmp_path)
    assert "error[IVR201]: there is no employee `ana`" in result.stderr
    assert "did you mean `anna`?" in result.stderr
    assert result.stdout == ""
    assert run_json(tmp_path)["ok"] is False


def test_warnings_do_not_keep_tests_from_running(tmp_path: Path) -> None:
    office_in(tmp_path, tests="scenario more { hangup hangup }\n" + PASSES, more="")
    result = run(tmp_path)
    assert "warning[IVR902]" in result.stderr
    assert (result.stdout, result.exit_code) == ("1 passed\n", 0)


# ── what is told ──


def test_a_failure_is_told_with_its_journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(office_in(tmp_path))
    lines = run("office.ivr").stdout.splitlines()
    assert lines[0] == "FAILED key 2 reaches anna    office.test.ivr:1"
    assert lines[1] == "  expected  reaches anna within 20s    office.test.ivr:9"
    assert lines[2] == "  got       talks with boris for 60s; the caller hangs up"
    assert [line for line in lines if line.startswith(">")] == [
        "> 00:11.0      talks with boris for 60s; the caller hangs up"
    ]
    assert any(line.split() == ["00:00.0", "play", '"asterisk:hello"', "office.ivr:12"] for line in lines)
    assert lines[-1] == "1 failed, 2 passed"


def test_json(tmp_path: Path) -> None:
    told = run_json(office_in(tmp_path))
    assert (told["ok"], told["passed"], told["failed"], told["diagnostics"]) == (False, 2, 1, [])
    (office,) = told["offices"]
    assert office["office"] == "acme"
    passed, _, failed = office["tests"]
    assert (passed["passed"], passed["failures"]) == (True, [])
    assert "journey" not in passed
    (failure,) = failed["failures"]
    assert failure["expected"] == "reaches anna within 20s"
    assert failure["got"].startswith("talks with boris")
    assert failure["place"].endswith("office.test.ivr:9")
    assert failed["journey"][failure["event"]]["event"] == "talked"
    assert failed["journey"][-1]["event"] == "ended"


def test_junit(tmp_path: Path) -> None:
    file = tmp_path / "results.xml"
    run(office_in(tmp_path, tests=PASSES.replace("rings anna", 'rings \x01 <&> \\"anna\\"')), "--junit", file)
    root = ET.parse(file).getroot()
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("acme", "3", "1")
    first, _, last = suite
    assert first.get("name") == 'key 1 rings \ufffd <&> "anna"'
    assert (last.get("name"), last.get("line")) == ("key 2 reaches anna", "1")
    (failure,) = last
    assert failure.get("message", "").startswith("expected reaches anna within 20s; got talks with boris")
    assert "> 00:11.0" in (failure.text or "")
    assert len(first) == 0


# ── coverage ──


def test_coverage_tells_what_no_test_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(office_in(tmp_path, more=""))
    lines = run("office.ivr", "--coverage").stdout.splitlines()
    assert lines == [
        "acme: steps 3/7, keys 1/4, conditions 0/2, outcomes 1/6",
        '  office.ivr:13  branch playing "asterisk:menu" for 5s: a wrong key',
        '  office.ivr:13  branch playing "asterisk:menu" for 5s: no key',
        "  office.ivr:14  call employee anna for 10s: passed",
        '  office.ivr:15  branch playing "asterisk:menu" for 5s: key 2',
        "  office.ivr:15  call employee boris for 10s: no test gets here",
        "  office.ivr:17  when night: no test gets here",
        "  office.ivr:17  hangup: no test gets here",
        '  office.ivr:18  voicemail "asterisk:tone": no test gets here',
        "1 passed",
    ]
    assert run("office.ivr", "--fail-under", "90").stdout.splitlines() == [
        lines[0],
        "1 passed; steps walked: 42.9%, less than 90%",
    ]


def test_all_is_walked(tmp_path: Path) -> None:
    more = """\
test "at <time> key <key>" for each key, time, what {
    1 12:00 silent  2 12:00 silent  2 12:00 answers  9 12:00 silent  9 21:00 silent
} {
    call at 2026-03-02 <time>
    boris <what>
    press wrong <key>
    message for 4s then "#"
    expect ends
}
test "no key" {
    call at 2026-03-02 12:00
    expect ends
}
"""
    told = run_json(office_in(tmp_path, more=more))
    (office,) = told["offices"]
    assert told["ok"] is True
    assert office["coverage"]["missing"] == []
    assert office["coverage"]["steps"] == {"walked": 7, "of": 7}
    assert office["coverage"]["outcomes"] == {"walked": 6, "of": 6}


def test_pages(tmp_path: Path) -> None:
    office = OFFICE.replace("scenario main", "# <b> & \U0001f600\nscenario main")
    write_tree(tmp_path, {"office.ivr": office + PASSES})
    run(tmp_path, "--coverage-html", tmp_path / "html")
    pages = {path.name: path.read_text("utf-8") for path in (tmp_path / "html").iterdir()}
    assert set(pages) == {"index.html", "office.ivr.html"}
    assert '<a href="office.ivr.html">office.ivr</a>' in pages["index.html"]
    page = pages["office.ivr.html"]
    assert "# &lt;b&gt; &amp; \U0001f600" in page
    kinds = dict(_line_kinds(page))
    assert [kinds[line] for line in (13, 14, 15, 16, 17, 18, 19)] == [
        "walked",
        "partly",
        "partly",
        "missed",
        "",
        "missed",
        "missed",
    ]
    assert "not tried: no key, a wrong key" in page
    for text in pages.values():
        assert "http" not in text
        assert "src=" not in text


def _line_kinds(page: str) -> list[tuple[int, str]]:
    import re

    return [(int(number), kind.strip()) for kind, number in re.findall(r'<div class="line([^"]*)" id="L(\d+)">', page)]


# ── sources ──


def test_no_compilation_sees_tests(tmp_path: Path) -> None:
    from tests.support import compile_paths, without_audio

    office_in(tmp_path)
    bare = write_tree(tmp_path / "bare", {"office.ivr": OFFICE})
    with without_audio():
        whole = compile_paths(tmp_path / "office.ivr").everything
        assert whole == compile_paths(bare / "office.ivr").everything
    folder = write_tree(tmp_path / "folder", {"office.ivr": OFFICE + PASSES, "office.test.ivr": FAILS})
    assert compile_paths(folder).everything == whole


def test_the_prompts_whose_length_nobody_knows_are_named(tmp_path: Path) -> None:
    result = run(office_in(tmp_path, more=""))
    assert 'ivrc: acme: taken to last 5s: "asterisk:hello", "asterisk:menu", "asterisk:tone"' in result.stderr
