"""`--junit`: results as JUnit's XML, which every CI reads. A suite for each office, a test case for each row."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from ivrc.testing.suites import Outcome, Tested
from ivrc.testing.telling import expected_text, failure_lines, got_text

# What XML cannot hold.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(outcome: Outcome) -> bytes:
    """The whole file."""
    root = ET.Element("testsuites", name="ivrc")
    for tested in outcome.tested:
        _suite(root, tested)
    suites = list(root)
    for total in ("tests", "failures"):
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in suites)))
    root.set("time", f"{sum(verdict.seconds for verdict in outcome.verdicts):.6f}")
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(root: ET.Element, tested: Tested) -> None:
    verdicts = tested.verdicts
    suite = ET.SubElement(root, "testsuite", name=_clean(tested.office.name))
    suite.set("tests", str(len(verdicts)))
    suite.set("failures", str(sum(not verdict.passed for verdict in verdicts)))
    suite.set("errors", "0")
    suite.set("time", f"{sum(verdict.seconds for verdict in verdicts):.6f}")
    for verdict in verdicts:
        file, _, line = tested.teller.place(verdict.case.start).rpartition(":")
        case = ET.SubElement(suite, "testcase", name=_clean(verdict.case.name), classname=_clean(file))
        case.set("file", _clean(file))
        case.set("line", line)
        case.set("time", f"{verdict.seconds:.6f}")
        if verdict.passed:
            continue
        first = verdict.failures[0]
        expected = expected_text(first, tested.teller)
        got = got_text(first, verdict.journey, tested.teller)
        failure = ET.SubElement(case, "failure", message=_clean(f"expected {expected}; got {got}"))
        failure.text = _clean("\n".join(failure_lines(verdict, tested.teller)))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
