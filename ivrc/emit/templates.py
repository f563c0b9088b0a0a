"""The Jinja environment; templates loop over what emit made ready and decide nothing."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, FileSystemBytecodeCache, FunctionLoader, StrictUndefined, Template

from ivrc.resources import cache_folder, read_resource


@lru_cache(maxsize=1)
def _environment() -> Environment:
    folder = cache_folder()
    return Environment(
        bytecode_cache=FileSystemBytecodeCache(str(folder), "template-%s") if folder else None,
        loader=FunctionLoader(lambda name: read_resource("templates", name)),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def template(name: str) -> Template:
    """A template of the templates folder."""
    return _environment().get_template(name)
