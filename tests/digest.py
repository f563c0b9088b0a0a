"""Prints what the programs of a folder compile to, as digests: python -m tests.digest FOLDER."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from tests.support import compile_paths


def main() -> None:
    found = {}
    for path in sorted(Path(sys.argv[1]).glob("*.ivr")):
        files = compile_paths(path).everything
        found[path.stem] = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
