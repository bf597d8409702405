#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other people's programs in the simulator: groupecho as docs/programs.md says, and programs that get it wrong."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

IPC_SIM, GROUPECHO = sys.argv[1:3]
DEADLINE = 60

# Says that it is master of an epoch, does what the text says, and then what it is told.
LIAR = """
import os, sys, time
def say(line):
    os.write(1, f"{{time.monotonic_ns()}} {{line}}\\n".encode())
say("started " + "0123456789abcdef" * 2 + f" {{os.getpid()}}")
say("role master 7")
{text}
for line in sys.stdin:
    if line == "drain\\n":
        say("drained")
    elif line == "close\\n":
        say("closed")
        sys.exit(0)
"""


class TestPrograms(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="libipc-test-")
        self.addCleanup(self.directory.cleanup)

    def simulate(self, program, *options):
        report = pathlib.Path(self.directory.name, "report.json")
        run = subprocess.run([IPC_SIM, "--program", program, "--dir", self.directory.name, "--json", report, *options],
                             capture_output=True, text=True, timeout=DEADLINE)
        text = report.read_text() if report.exists() else ""
        return run, json.loads(text) if text else None

    def tell_lies(self, text):
        script = pathlib.Path(self.directory.name, "liar.py")
        script.write_text(LIAR.format(text=text))
        return self.simulate(f"{sys.executable} {script}", "--nodes", "1", "--candidates", "1", "--duration", "0.3",
                             "--fault", "hiccup", "--min-kills-in-flight", "0", "--seed", "1")

    def expect_broken(self, text, name):
        run, report = self.tell_lies(text)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn(name, [i["name"] for i in report["invariants"] if not i["held"]])

    def test_groupecho(self):
        run, report = self.simulate(f"{GROUPECHO} --group sim --every 5", "--nodes", "6", "--candidates", "3",
                                    "--duration", "3", "--fault", "kill", "--seed", "1", "--min-kills-in-flight", "1")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(report["lost"], 0)
        self.assertGreater(report["answered"], 100)
        self.assertGreater(report["kills"], 1)

    def test_answered_and_never_handled(self):
        self.expect_broken("say('sent 1'); say('answered 1 7')", "answered-was-handled")

    def test_answered_in_no_epoch(self):
        self.expect_broken("say('sent 1'); say('answered 1 8')", "answered-was-handled")

    def test_lost(self):
        self.expect_broken("say('sent 1')", "every-send-ends")

    def test_handled_twice(self):
        handled = "say(f'handled 0/1 7 1 1 ' + '0123456789abcdef' * 2 + f' {os.getpid()}')"
        self.expect_broken(f"say('sent 1'); {handled}; {handled}; say('answered 1 7')", "once-per-epoch")

    def test_crash(self):
        self.expect_broken("sys.exit(3)", "no-node-crashed")

    def test_bad_line(self):
        run, _ = self.tell_lies("say('danced 1')")
        self.assertEqual(run.returncode, 2)
        self.assertIn("danced 1", run.stderr)

    def test_time_goes_back(self):
        run, _ = self.tell_lies("os.write(1, b'1 drained\\n')")
        self.assertEqual(run.returncode, 2)
        self.assertIn("before that of the line before", run.stderr)

    def test_last_words(self):
        """What is in the pipe when the process is killed is read all the same: the lines do not stop short."""
        run, report = self.tell_lies("for i in range(1, 501): say(f'sent {i}')")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertEqual(report["sent"], 500)

    def test_no_such_program(self):
        run, _ = self.simulate("/nowhere/to/be/found", "--nodes", "1", "--candidates", "1")
        self.assertEqual(run.returncode, 2)
        self.assertIn("/nowhere/to/be/found", run.stderr)

    def test_fault_of_our_own(self):
        run, _ = self.simulate(GROUPECHO, "--fault", "poison")
        self.assertEqual(run.returncode, 2)
        self.assertIn("“poison” is not for a --program", run.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
