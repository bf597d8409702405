#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two checkers, written apart, say the same of a run and of forgeries of its history: the simulator's own and
check_history.py."""

import collections
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

from check_history import Checker
from history import History

IPC_SIM = sys.argv[1]
CHECK_HISTORY = pathlib.Path(__file__).with_name("check_history.py")
DEADLINE = 60
FAULTS = ["kill=6", "kill-at=4", "poison=2", "resign=2", "stop=1", "delete-file=1", "cut=2"]
RUN = ["--nodes", "6", "--candidates", "4", "--rate", "40", "--duration", "3", "--seed", "4",
       "--min-kills-in-flight", "0", *(f"--fault={fault}" for fault in FAULTS)]

# Its exit status when all held, but a fault that was asked for had no effect in so short a time.
NO_EFFECT = 3

# Forgeries are drawn with a seed; the run is not the same each time, and so neither are they. They are of what a node says
# of its messages and its life: what the supervisor says bears on why something happened, and that is for the simulator's
# checker alone.
N_FORGERIES = 30
SEED = 1
FORGED = "sent handled responded answered failed wrote started elected drained closed".split()
# Whether a record is credible at all is for each to say: what one does not believe breaks no promise that the other knows.
SOUND = "records-are-sound"
# Where one of the two is known to see more, by the event that was forged.
OURS_ALONE = {
    "responded": "the simulator does not ask whether who was told an answer had handled the message, nor whether twice",
    "wrote": "nor whether a place of the resource was taken twice",
}


def check_history(*arguments):
    return subprocess.run([sys.executable, "-B", CHECK_HISTORY, *arguments], capture_output=True, text=True,
                          timeout=DEADLINE)


def verdict_of(path):
    """As {name: invariant}; also the exit status."""
    run = check_history("--json", path)
    if run.returncode not in (0, 1):
        raise AssertionError(run.stderr)
    return {i["name"]: i for i in json.loads(run.stdout)["invariants"]}, run.returncode


class TestAgreement(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="libipc-test-")
        cls.addClassCleanup(directory.cleanup)
        cls.report = pathlib.Path(directory.name, "report")
        run = subprocess.run([IPC_SIM, *RUN, "--dir", directory.name, "--report", cls.report],
                             capture_output=True, text=True, timeout=DEADLINE)
        if run.returncode not in (0, NO_EFFECT):
            raise AssertionError(run.stdout + run.stderr)
        cls.history = (cls.report / "history.jsonl").read_bytes().splitlines(keepends=True)

    def write(self, lines):
        path = self.report / "changed.jsonl"
        path.write_bytes(b"".join(lines))
        return path

    def test_run(self):
        """What ipc-sim said when the run was over."""
        theirs = {i["name"]: i for i in json.loads((self.report / "report.json").read_text())["invariants"]}
        ours, status = verdict_of(self.report / "history.jsonl")
        self.assertEqual(status, 0)
        self.assertLessEqual(ours.keys() - {SOUND}, theirs.keys())
        for name in ours.keys() & theirs.keys():
            with self.subTest(name):
                self.assertEqual(ours[name]["held"], theirs[name]["held"])
        # They count alike where there is but one way to count.
        for name in "every-send-ends", "handled-was-sent", "once-per-epoch", "order-in-epoch", "repeats-are-marked":
            with self.subTest(name):
                self.assertEqual(ours[name]["checked"], theirs[name]["checked"])

    def forge(self, draw):
        """Deletes an event, doubles it, dates it and puts it elsewhere, or moves it to another epoch."""
        n_head = 1 + json.loads(self.history[0])["nodes"]
        head, lines = self.history[:n_head], self.history[n_head:-1]
        events = [json.loads(line) for line in lines]
        by_name = collections.defaultdict(list)
        for i, event in enumerate(events):
            by_name[event["event"]].append(i)
        epochs = sorted({event["epoch"] for event in events if event["event"] == "elected"})

        name = draw.choice([name for name in FORGED if name in by_name])
        how = draw.choice(["deleted", "doubled", "dated", *(["moved"] if "epoch" in events[by_name[name][0]] else [])])
        i = draw.choice(by_name[name])
        event = events[i]
        if how == "doubled":
            lines.insert(i, lines[i])
        elif how == "moved":
            lines[i] = json.dumps({**event, "epoch": draw.choice([e for e in epochs if e != event["epoch"]])}).encode()
        else:
            del lines[i]
        if how == "dated":
            j = draw.randrange(1, len(lines))
            lines.insert(j, json.dumps({**event, "time_ns": json.loads(lines[j])["time_ns"]}).encode())
        end = json.dumps({"event": "end", "events": len(lines)}).encode()
        return name, f"{how}: {event}", [line.rstrip() + b"\n" for line in (*head, *lines, end)]

    def test_forgeries(self):
        """What breaks a promise for one of them, the other rejects, too, going by what both decide."""
        verdict = self.report / "verdict.json"
        if subprocess.run([IPC_SIM, "check", "--help"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          timeout=DEADLINE).returncode != 0:
            self.skipTest("this ipc-sim has no `check`")
        draw = random.Random(SEED)
        for _ in range(N_FORGERIES):
            name, what, lines = self.forge(draw)
            ours = {i.name: i.broken > 0 for i in Checker(History(lines)).check()}
            run = subprocess.run([IPC_SIM, "check", "--json", verdict, self.write(lines)], stdout=subprocess.DEVNULL,
                                 timeout=DEADLINE)
            self.assertIn(run.returncode, (0, 1), what)
            theirs = {i["name"]: i["broken"] > 0 for i in json.loads(verdict.read_text())["invariants"]}
            ours, theirs = ({name for name in ours.keys() & theirs.keys() if which[name]} for which in (ours, theirs))
            with self.subTest(what):
                if ours - {SOUND} and name not in OURS_ALONE:
                    self.assertTrue(theirs, f"{ours}, and nothing for the simulator")
                if theirs - {SOUND}:
                    self.assertTrue(ours, f"{theirs}, and nothing for us")

    def refuse(self, lines, complaint):
        run = check_history(self.write(lines))
        self.assertEqual((run.returncode, run.stdout), (2, ""))
        self.assertIn(complaint, run.stderr)

    def test_not_whole(self):
        self.refuse(self.history[:-1], "ends too early")
        n_events = json.loads(self.history[-1])["events"]
        self.refuse(self.history[:-2] + self.history[-1:], f"{n_events - 1} events, not {n_events}")
        self.refuse(self.history + self.history[-1:], "more after the end")
        self.refuse([], "ends too early")

    def test_not_known(self):
        self.refuse([b'{"event":"danced"}\n', *self.history], "no event that is known: danced")
        self.refuse([self.history[0].replace(b'"format":1', b'"format":2'), *self.history[1:]], "format 2")
        self.refuse([self.history[0].replace(b'"seed"', b'"sead"'), *self.history[1:]], "not known: sead, seed")
        self.refuse([b"[]\n"], "no event that is known")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
