"""Programs compiled for the rig: many offices at once, each in a place of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ivrc.diagnostics import has_errors
from ivrc.loading import Loader
from ivrc.output import Content
from ivrc.pipeline import compile_offices
from ivrc.prompts import Speech, render
from ivrc.resources import cache_folder
from ivrc.semantics import analyse
from ivrc.simulate import Prepared
from ivrc.source import Sources
from ivrc.testbed.beside.names import Names
from ivrc.testbed.beside.play import Office
from ivrc.testbed.beside.rig import tone
from ivrc.testbed.fuzz.programs import PROMPTS, TEXTS
from ivrc.testbed.prefix import TestbedError

# Bytes of a second of ulaw.
ULAW_RATE = 8000


def prepare(source: str, folder: Path, lengths: Mapping[str, float]) -> Office | None:
    """The office as both sides know it; None if the source has errors."""
    file = folder / "trial.ivr"
    file.write_text(source, "utf-8")
    files, faults = Loader(folder, Sources()).office(file)
    if not files:
        return None
    model, found = analyse([each.tree for each in files], "trial", "trial.ivr", 0)
    if has_errors(faults + found):
        return None
    return Office(Prepared(model, {**PROMPTS, **lengths}), Names(model))


def spoken() -> dict[str, float]:
    """How long the texts are that programs say, in seconds."""
    cache = cache_folder() or Path(tempfile.gettempdir())
    files = {text: render(Speech(text=text, language="en", fit=None), cache=cache / "prompts") for text in TEXTS}
    return {text: made["ulaw"].stat().st_size / ULAW_RATE for text, made in files.items()}


def write_prompts(folder: Path) -> None:
    """The recordings that programs play."""
    for name, seconds in PROMPTS.items():
        if not (folder / "prompts" / f"{name}.wav").exists():
            tone(folder / "prompts" / f"{name}.wav", seconds)


def compile_programs(sources: Mapping[int, str], folder: Path) -> dict[str, Content]:
    """The output for all of them together, by place. TestbedError for what does not compile: it should have."""
    folder.mkdir(parents=True, exist_ok=True)
    write_prompts(folder)
    for old in folder.glob("*.ivr"):
        os.unlink(old)
    for slot, source in sources.items():
        (folder / f"{slot:03}.ivr").write_text(source, "utf-8")
    compiled = compile_offices([folder])
    if compiled.files is None:
        faults = "; ".join(fault.message for fault in compiled.diagnostics[:5])
        raise TestbedError(f"a program does not compile: {faults}")
    return compiled.files
