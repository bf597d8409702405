#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs ipc-bench for a moment and checks the shape of what it says: every case, every contender, every key.

usage: bench-smoke.py IPC_BENCH [OPTION...]     (--zeromq: ZeroMQ is built in; all others go to ipc-bench)
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

PLACEMENTS = {'--pin': '-pinned', '--apart': '-apart'}
FIGURES = {'p50', 'p99', 'rate'}


def check_case(case, with_zeromq):
    contenders = {'libipc'} if case['name'].startswith('resign') else {'libipc', 'raw'}
    if with_zeromq and not case['name'].startswith(('failover', 'resign')):
        contenders.add('zeromq')
    assert set(case) == {'name', 'unit', 'results'}, case
    assert case['unit'] == 'us', case
    assert set(case['results']) == contenders, case
    for figures in case['results'].values():
        assert set(figures) == FIGURES, case
        assert all(value > 0 for value in figures.values()), case
        assert figures['p50'] <= figures['p99'], case


def main():
    program, *options = sys.argv[1:]
    with_zeromq = '--zeromq' in options
    options = [option for option in options if option != '--zeromq']

    listed = subprocess.run([program, '--list'], check=True, capture_output=True, text=True).stdout
    names = {line.split()[0] for line in listed.splitlines()}
    assert {'rtt-64', 'pipeline-64', 'failover-10', 'resign-10'} <= names, names
    suffixes = [''] + [suffix for option, suffix in PLACEMENTS.items() if option in options]
    names = {name + suffix for name in names for suffix in suffixes}

    with tempfile.TemporaryDirectory(prefix='ipc-') as directory:
        report = pathlib.Path(directory, 'report.json')
        subprocess.run([program, *options, '--json', report], check=True,
                       env={**os.environ, 'XDG_RUNTIME_DIR': directory})
        cases = json.loads(report.read_text())['cases']
        left = [path.name for path in pathlib.Path(directory).iterdir() if path != report]

    assert {case['name'] for case in cases} == names, cases
    for case in cases:
        check_case(case, with_zeromq)
    assert not left, left
    assert subprocess.run([program, '--case', 'no-such-case'], capture_output=True).returncode == 2


if __name__ == '__main__':
    main()
