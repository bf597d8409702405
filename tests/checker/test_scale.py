#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long ipc-sim check takes for a large history, and how much memory: test_scale.py IPC_SIM MAKE_HISTORY [EVENTS]

The limits are for ten million events in a minute, in what a small machine has: processor time and memory per event, so that
a busy machine does not fail it. With more EVENTS it says what they cost.
"""

import resource
import subprocess
import sys
import time
import unittest

IPC_SIM, MAKE_HISTORY = sys.argv[1:3]
N_EVENTS = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
CPU_US_PER_EVENT = 6     # a minute for ten million
BYTES_PER_EVENT = 100    # a gigabyte for ten million; an event itself has 72
BYTES_AT_LEAST = 20 << 20  # of the program, whatever the history


class TestScale(unittest.TestCase):
    def test_scale(self):
        began = time.monotonic()
        with subprocess.Popen([MAKE_HISTORY, str(N_EVENTS)], stdout=subprocess.PIPE) as maker:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run = subprocess.run([IPC_SIM, "check", "-"], stdin=maker.stdout, capture_output=True, text=True)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall_s = time.monotonic() - began
        cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        memory = used.ru_maxrss * 1024
        print(f"{N_EVENTS} events: {wall_s:.1f} s, {cpu_s:.1f} s of processor, {memory >> 20} MiB, "
              f"{memory / N_EVENTS:.0f} bytes an event", file=sys.stderr)

        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("All promises held.", run.stdout)
        self.assertLess(cpu_s, N_EVENTS * CPU_US_PER_EVENT / 1e6)
        self.assertLess(memory, BYTES_AT_LEAST + N_EVENTS * BYTES_PER_EVENT)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
