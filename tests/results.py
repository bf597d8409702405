#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns the log of one `meson test` into lines `pass|fail|skip FLAVOUR/TEST`, for tests/run to count.

A test counts once. The cases that a passing test skipped are listed as skipped besides, because what was skipped did
not pass. A log without any test is a failure.
"""

import json
import re
import sys

VERDICTS = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}
SKIPPED_CASE = re.compile(r"^\s*ok \d+\s+-?\s*(?P<case>\S+)\s+# SKIP\b\s*(?P<why>.*)$", re.IGNORECASE | re.MULTILINE)


def results(flavour, log):
    for line in log:
        test = json.loads(line)
        name = f"{flavour}/{test['name'].split(' / ')[-1]}"
        verdict = VERDICTS.get(test["result"], "fail")
        yield f"{verdict} {name}" + (f" ({test['result'].lower()})" if verdict == "fail" else "")
        if verdict == "pass":
            for skipped in SKIPPED_CASE.finditer(test.get("stdout") or ""):
                yield f"skip {name}{skipped['case']} {skipped['why']}".rstrip()


def main():
    flavour, path = sys.argv[1:]
    try:
        with open(path, encoding="utf-8") as log:
            lines = list(results(flavour, log))
    except FileNotFoundError:
        lines = []
    print("\n".join(lines or [f"fail {flavour} (no test ran)"]))


main()
