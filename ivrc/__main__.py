"""The `ivrc` command, and `python -m ivrc`."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line without the cyclic garbage collector.

    A command is over in a moment; collections while modules load and nodes are made would be a sixth of it.
    """
    gc.disable()
    from ivrc.cli import main as command

    try:
        command(prog_name="ivrc")
    finally:
        # The interpreter collects once more when it ends; what is about to vanish need not be walked.
        gc.freeze()


if __name__ == "__main__":
    main()
