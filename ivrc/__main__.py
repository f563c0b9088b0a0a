"""The `ivrc` command, and `python -m ivrc`."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line without the cyclic garbage collector.

    A command is over in a moment; collections while modules load and nodes are made would be a sixth of it.
    """
    gc.disable()
    from ivrc.cli import main as command

    command(prog_name="ivrc")


if __name__ == "__main__":
    main()
