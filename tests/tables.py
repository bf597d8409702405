#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tables.py LOG.json TEST...: prints what these tests have to show besides passing: the remarks in their TAP output.

Meson prints none of it for a test that passes. LOG.json is what `meson test --logbase` leaves, one test a line.
"""

import json
import re
import sys

NO_REMARK = re.compile(r"# (random seed:|GLib|(Start|End) of .* tests$|.* summary: |slow test)")


def main():
    log, *names = sys.argv[1:]
    with open(log, encoding="utf-8") as file:
        tests = [json.loads(line) for line in file]
    for test in tests:
        name = test["name"].rsplit(" / ", 1)[-1]
        if name not in names:
            continue
        print(f"-- {name}: {test['result']}")
        for line in (test.get("stdout") or "").splitlines():
            if line.startswith("# ") and not NO_REMARK.match(line):
                print(line[2:])


if __name__ == "__main__":
    main()
