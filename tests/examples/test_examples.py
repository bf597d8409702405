#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of docs/examples do what the README says: start some, kill one, watch the others go on."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

DEADLINE = 20
GROUPECHO, HELLO, ASK, FENCE = sys.argv[1:5]


class Program:
    """A program that runs, and the lines that it prints."""

    def __init__(self, *argv):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.lines = queue.SimpleQueue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def expect(self, text):
        """Reads on until a line has this in it; queue.Empty if none comes."""
        while text not in (line := self.lines.get(timeout=DEADLINE)):
            pass
        return line

    def forget(self):
        while not self.lines.empty():
            self.lines.get()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class TestExamples(unittest.TestCase):
    def setUp(self):
        self.cleanup = contextlib.ExitStack()
        self.addCleanup(self.cleanup.close)
        os.environ["IPC_RUNTIME_DIR"] = self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="libipc test-"))

    def start(self, *argv):
        return self.cleanup.enter_context(contextlib.closing(Program(*argv)))

    def ask(self, *argv):
        return subprocess.run((ASK, *argv), capture_output=True, text=True, timeout=DEADLINE)

    def test_groupecho(self):
        first = self.start(GROUPECHO)
        first.expect("is master")
        others = [self.start(GROUPECHO), self.start(GROUPECHO, "--idle")]
        for other in others:
            other.expect("is standby")
        others[0].expect(f"-> echo from {first.pid}: {others[0].pid} says")

        first.process.kill()
        heir = self.next_master(others)
        others[0].expect(f"-> echo from {heir.pid}: {others[0].pid} says")

        # In good order, by a signal, too.
        others[0].process.send_signal(signal.SIGTERM)
        self.assertEqual(others[0].process.wait(DEADLINE), 0)
        if heir is others[0]:
            others[1].expect("is master")
        answer = self.ask("groupecho", "still there?")
        self.assertEqual((answer.returncode, answer.stdout), (0, f"echo from {others[1].pid}: still there?\n"))

    def next_master(self, others):
        """Which of them it is: the one that answers a question."""
        answer = self.ask("groupecho", "who?")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return next(other for other in others if f"echo from {other.pid}:" in answer.stdout)

    def test_hello(self):
        first, second = self.start(HELLO), self.start(HELLO)
        for program in first, second:
            program.expect("answered")
        first.process.kill()
        first.process.wait()
        second.forget()
        for _ in range(3):  # one may have been on its way
            second.expect("answered")

    def test_ask_before_there_is_a_master(self):
        """Its own deadline for the answer is much shorter than the time that a master takes to appear here."""
        with subprocess.Popen((ASK, "hello", "anybody?"), stdout=subprocess.PIPE, text=True) as asking:
            with self.assertRaises(subprocess.TimeoutExpired):
                asking.wait(1)
            self.start(HELLO)
            self.assertEqual(asking.communicate(timeout=DEADLINE)[0], "anybody?\n")
        self.assertEqual(asking.returncode, 0)

    def test_fence(self):
        """A master that was stopped in its handler, and replaced, is turned away by the file when it goes on."""
        path = os.path.join(os.environ["IPC_RUNTIME_DIR"], "counter")
        first = self.start(FENCE, path)
        first.expect("counted 1 ")
        others = [self.start(FENCE, path), self.start(FENCE, path)]
        old_epoch = others[0].expect("counted").split()[-1]
        first.forget()
        first.expect("works in epoch " + old_epoch)
        first.process.send_signal(signal.SIGSTOP)
        for other in others:
            while (epoch := other.expect("counted").split()[-1]) == old_epoch:
                pass
        first.process.send_signal(signal.SIGCONT)
        self.assertEqual(first.expect("fenced off"), f"fenced off: epoch {epoch} has written, ours is {old_epoch}")
        first.expect("counted")  # it is a member again
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read().split()[1], epoch)

        first.process.send_signal(signal.SIGTERM)
        self.assertEqual(first.process.wait(DEADLINE), 0)

    def test_mistakes(self):
        for argv in ((ASK,), (ASK, "a/b", "x"), (GROUPECHO, "what"), (GROUPECHO, "--what"), (GROUPECHO, "-d", "/nowhere")):
            with self.subTest(argv=argv):
                result = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE)
                self.assertIn(result.returncode, (1, 2))
                self.assertTrue(result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
