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
# What TAP says on standard output, and what Python's unittest says on standard error.
SKIPPED_CASES = {
    "stdout": re.compile(r"^\s*ok \d+\s+-?\s*(\S+)\s+# SKIP\b[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE),
    "stderr": re.compile(r"^(\w+) \([^)\n]+\)(?:\n.*)? \.\.\. skipped (.*)$", re.MULTILINE),
}


def skipped_cases(test):
    for stream, pattern in SKIPPED_CASES.items():
        for case, why in pattern.findall(test.get(stream) or ""):
            yield f"{case}: {why or 'no reason given'}"


def results(flavour, log):
    for line in log:
        test = json.loads(line)
        name = f"{flavour}/{test['name'].split(' / ')[-1]}"
        verdict = VERDICTS.get(test["result"], "fail")
        skipped = list(skipped_cases(test))
        if verdict == "pass":
            yield f"pass {name}"
            yield from (f"skip {name} ({case})" for case in skipped)
        elif verdict == "skip":
            yield f"skip {name} ({', '.join(skipped) or 'no case ran'})"
        else:
            yield f"fail {name} ({test['result'].lower()})"


def main():
    flavour, path = sys.argv[1:]
    try:
        with open(path, encoding="utf-8") as log:
            lines = list(results(flavour, log))
    except FileNotFoundError:
        lines = []
    print("\n".join(lines or [f"fail {flavour} (no test ran)"]))


main()
