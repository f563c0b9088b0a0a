"""The `ivrc` command, and `python -m ivrc`."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line without the cyclic garbage collector.

    A command is over in a moment; collections while modules load and nodes are made would be a sixth of it.
    The helper runs on, and has a command line of its own: Asterisk may start it for every call. The collector of the
    history and its page run on, too.
    """
    if sys.argv[1:2] == ["agi"]:
        from ivrc.agi.cli import main as helper

        sys.exit(helper(sys.argv[2:]))
    if sys.argv[1:2] != ["history"]:
        gc.disable()
    from ivrc.cli import main as command

    try:
        command(prog_name="ivrc")
    finally:
        # The interpreter collects once more when it ends; what is about to vanish need not be walked.
        gc.freeze()


if __name__ == "__main__":
    main()
