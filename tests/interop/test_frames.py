#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The golden frames (tests/data/frames.txt) and the second implementation's codec agree, line by line."""

import argparse
import pathlib
import sys
import unittest
from typing import NamedTuple

import ipc_frames
from ipc_frames import Code, Failure, Frame, Hello, Type, Violation, Welcome

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "data" / "frames.txt"
MAX_MESSAGE_SIZE = 4096  # of the receiver, as the file says
EPOCH = 1732300000000

# What some of the lines say, written down by hand: the file is not only consistent with itself.
EXPECTED = {
    "hello": Hello(bytes(range(0x10, 0x20)), 0, 16777216, 1, 1, 1),
    "hello-dual": Hello(bytes(range(0x10, 0x20)), EPOCH, 16777216, 0, 1, 1),
    "welcome": Welcome(bytes(range(0xa0, 0xb0)), 1024, 8388608, 16777216, 1),
    "refused-stale": Frame(Type.REFUSED, 0, Code.STALE, b"because 6"),
    "message": Frame(Type.MESSAGE, 7, 5, b"hello"),
    "message-repeat": Frame(Type.MESSAGE, 7, 3, b"again", 1),
    "response": Frame(Type.RESPONSE, 7, EPOCH, b"HELLO"),
    "failure": Failure("g-io-error-quark", 1, "No such file"),
    "failure-code-negative": Failure("g-io-error-quark", -1, "No such file"),
    "ping": Frame(Type.PING, 42),
    "goodbye-master": Frame(Type.GOODBYE, 1234),
    "ack": Frame(Type.ACK, 0, 512),
}


class Line(NamedTuple):
    name: str
    senders: tuple
    phase: str
    verdict: str
    data: bytes
    what: str


def read_golden(path=None):
    lines = []
    for text in (path or GOLDEN).read_text(encoding="utf-8").splitlines():
        if text and not text.startswith("#"):
            name, direction, phase, verdict, data, what = (field.strip() for field in text.split("|"))
            senders = ("client", "master") if direction == "both" else (direction,)
            lines.append(Line(name, senders, phase, verdict, bytes.fromhex(data), what))
    return lines


def encode_again(frame, content):
    """The bytes of a decoded frame, from its values."""
    if isinstance(content, Hello):
        return ipc_frames.pack_hello(content._replace(oldest_epoch=frame.number))
    if isinstance(content, Welcome):
        return ipc_frames.pack_welcome(content, frame.number)
    if isinstance(content, Failure):
        return ipc_frames.pack_failure(content, frame.sequence, frame.number)
    return ipc_frames.encode(frame)


class TestFrames(unittest.TestCase):
    def setUp(self):
        self.lines = read_golden()

    def for_each(self, verdict, check):
        for line in self.lines:
            for sender in line.senders:
                if line.verdict == verdict:
                    with self.subTest(line.name, sender=sender, what=line.what):
                        check(line, sender)

    def test_file(self):
        names = [line.name for line in self.lines]
        self.assertEqual(len(names), len(set(names)), "names are unique")
        self.assertLessEqual(set(EXPECTED), set(names))
        for line in self.lines:
            self.assertIn(line.verdict, ("ok", "violation", "need-more"), line.name)
            self.assertIn(line.phase, ("hello", "open"), line.name)
            self.assertLessEqual(set(line.senders), {"client", "master"}, line.name)
        good = {ipc_frames.decode(line.data, line.senders[0], line.phase, MAX_MESSAGE_SIZE).type
                for line in self.lines if line.verdict == "ok"}
        self.assertEqual(good, set(Type), "every type of frame has a good line")

    def test_ok(self):
        def check(line, sender):
            frame, content = ipc_frames.decode_all(line.data, sender, line.phase, MAX_MESSAGE_SIZE)
            self.assertEqual(encode_again(frame, content), line.data)
            if line.name in EXPECTED:
                self.assertEqual(content or frame, EXPECTED[line.name])
        self.for_each("ok", check)

    def test_ok_split(self):
        """A good frame is never refused and never complete while bytes are missing; what follows it is left alone."""
        def check(line, sender):
            for n in range(len(line.data)):
                self.assertIsNone(ipc_frames.decode(line.data[:n], sender, line.phase, MAX_MESSAGE_SIZE))
            frame = ipc_frames.decode(line.data + b"\xff" * 30, sender, line.phase, MAX_MESSAGE_SIZE)
            self.assertEqual(len(frame.payload) + ipc_frames.HEADER.size, len(line.data))
        self.for_each("ok", check)

    def test_violation(self):
        """It is found with these bytes, and not before: one byte less is merely incomplete."""
        def check(line, sender):
            with self.assertRaises(Violation):
                ipc_frames.decode_all(line.data, sender, line.phase, MAX_MESSAGE_SIZE)
            self.assertIsNone(ipc_frames.decode_all(line.data[:-1], sender, line.phase, MAX_MESSAGE_SIZE))
        self.for_each("violation", check)

    def test_need_more(self):
        def check(line, sender):
            self.assertIsNone(ipc_frames.decode_all(line.data, sender, line.phase, MAX_MESSAGE_SIZE))
        self.for_each("need-more", check)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=pathlib.Path, default=GOLDEN)
    options, rest = parser.parse_known_args()
    GOLDEN = options.frames.resolve()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
