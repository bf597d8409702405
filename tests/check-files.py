#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-files.py TREE: every source says its licence, and no file of the library is too long, or too wide, to be read."""

import os
import pathlib
import sys

LICENCE = "SPDX-License-Identifier: LGPL-2.1-or-later"
SUFFIXES = {".build", ".c", ".css", ".h", ".html", ".in", ".js", ".pml", ".py", ".sh", ".supp", ".xml"}
NAMES = {"check", "run"}
LIBRARY_LINES_MAX = 800
LIBRARY_COLUMNS_MAX = 120


def sources(tree):
    for folder, folders, files in os.walk(tree):
        here = pathlib.Path(folder)
        # Not what is built, nor what git keeps for itself.
        folders[:] = sorted(f for f in folders if f not in (".git", "__pycache__")
                            and not f.startswith(("build", "_build")) and not (here / f / "build.ninja").exists())
        yield from (here / f for f in sorted(files) if f in NAMES or pathlib.Path(f).suffix in SUFFIXES)


def check(tree):
    n_files = 0
    for file in sources(tree):
        n_files += 1
        lines = file.read_text(encoding="utf-8").splitlines()
        if not any(LICENCE in line for line in lines[:3]):
            yield f"{file}: no `{LICENCE}` in its first three lines"
        if file.parent.name == "libipc" and len(lines) > LIBRARY_LINES_MAX:
            yield f"{file}: {len(lines)} lines, more than {LIBRARY_LINES_MAX}"
        if file.parent.name == "libipc" and file.suffix in (".c", ".h"):
            yield from (f"{file}:{number}: {len(line)} columns, more than {LIBRARY_COLUMNS_MAX}"
                        for number, line in enumerate(lines, 1) if len(line) > LIBRARY_COLUMNS_MAX)
    if n_files == 0:
        yield f"{tree}: no sources found"


def main():
    problems = list(check(pathlib.Path(sys.argv[1])))
    print("\n".join(problems))
    return 1 if problems else 0


sys.exit(main())
