#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-symbols.py NM LIBRARY: the library exports its public functions, all of them ipc_*, and nothing else; what is
there for tests (ipc-kill-point.h, ipc-sabotage.h) is not in it."""

import pathlib
import subprocess
import sys

# Few enough to be learned, enough to be useful (docs/architecture.md).
SYMBOLS_MIN, SYMBOLS_MAX = 25, 50
# Of the kill points: their functions, and the name of one; and the same of the defects.
FOREIGN = (b"kill_point", b"half-written", b"ipc_sabotage", b"newest-first")


def check(nm, library):
    output = subprocess.run([nm, "-D", "--defined-only", "--format=posix", library],
                            check=True, capture_output=True, text=True).stdout
    symbols = [line.split()[0] for line in output.splitlines() if line.strip()]
    yield from (f"exports {symbol}, which is not ipc_*" for symbol in symbols if not symbol.startswith("ipc_"))
    if not SYMBOLS_MIN <= len(symbols) <= SYMBOLS_MAX:
        yield f"exports {len(symbols)} symbols, instead of {SYMBOLS_MIN} to {SYMBOLS_MAX}: {' '.join(symbols)}"
    code = pathlib.Path(library).read_bytes()
    yield from (f"contains {name.decode()}, which only tests need" for name in FOREIGN if name in code)


def main():
    problems = list(check(*sys.argv[1:]))
    print("\n".join(problems))
    return 1 if problems else 0


sys.exit(main())
