# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the interop tests stand on: masters of the library in processes of their own, and clients beside them."""

import contextlib
import os
import pathlib
import random
import select
import subprocess
import tempfile
import time
import unittest
from typing import NamedTuple

import ipc_frames
from ipc_client import Client
from ipc_frames import Code, Frame, Type
from raw_peer import DEADLINE, RawClient

ECHO = None  # path of interop-master
GROUP = "interop"


class Who(NamedTuple):
    """The answer to `who`: which master handled a message, and as its how manyth."""

    pid: int
    epoch: int
    sequence: int
    redelivered: bool
    nth: int

    @classmethod
    def parse(cls, response):
        pid, epoch, sequence, redelivered, nth = map(int, response.split())
        return cls(pid, epoch, sequence, redelivered != 0, nth)


class Master:
    """A process of the library."""

    def __init__(self, base, *options):
        self.process = subprocess.Popen([ECHO, "--group", GROUP, "--runtime-dir", base, *options],
                                        stdout=subprocess.PIPE)
        self.pid = self.process.pid

    def wait_ready(self):
        """Waits until it is master."""
        readable, _, _ = select.select([self.process.stdout], [], [], DEADLINE)
        line = self.process.stdout.readline() if readable else b"nothing"
        if line != b"ready\n":
            raise AssertionError(f"{ECHO} said {line}")
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        """Asks it to hand over."""
        self.process.terminate()

    def wait(self):
        return self.process.wait(DEADLINE)

    def n_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def close(self):
        self.kill()
        self.process.stdout.close()


class InteropTest(unittest.TestCase):
    """A directory of its own for each test; whatever was started in it is gone afterwards."""

    def setUp(self):
        self.cleanup = contextlib.ExitStack()
        self.addCleanup(self.cleanup.close)
        self.base = self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="libipc-interop-"))
        self.directory = pathlib.Path(self.base, GROUP)

    def start(self, *options):
        """Starts a candidate."""
        return self.cleanup.enter_context(contextlib.closing(Master(self.base, *options)))

    def master(self, *options):
        return self.start(*options).wait_ready()

    def client(self, **arguments):
        return self.cleanup.enter_context(Client(GROUP, self.base, **arguments))

    def raw(self, node_id=None, **hello):
        """A connection that has said nothing yet."""
        return self.cleanup.enter_context(RawClient(self.directory, node_id, **hello))

    def joined(self, node_id=None, **hello):
        """A connection that is welcome. A node that has just closed another one may be BUSY for a moment."""
        deadline = time.monotonic() + DEADLINE
        while True:
            peer = self.raw(node_id, **hello)
            refused = peer.join()
            if refused is None:
                return peer
            peer.close()
            self.assertEqual(refused.number, Code.BUSY)
            self.assertLess(time.monotonic(), deadline)

    def who(self, client):
        return Who.parse(client.send(b"who", DEADLINE))

    def results(self, futures):
        return [Who.parse(future.result(DEADLINE)) for future in futures]

    def assert_refused(self, peer, code):
        frame = peer.receive()
        self.assertIsNotNone(frame, "closed without a reason")
        self.assertEqual(frame[:3], (Type.REFUSED, 0, code), frame)
        self.assertTrue(frame.payload.decode(), "a refusal has a text")
        self.assertIsNone(peer.receive(), "and is the last frame")

    def assert_alive(self, peer):
        """The master still talks to this connection, and has read all that was sent on it."""
        ping = Frame(Type.PING, random.getrandbits(64))
        peer.send(ping)
        self.assertEqual(peer.receive(), Frame(Type.PONG, ping.sequence))

    def assert_failure(self, frame, domain, code):
        self.assertEqual(frame.type, Type.FAILURE, frame)
        failure = ipc_frames.unpack_failure(frame.payload)
        self.assertEqual((failure.domain, failure.code), (domain, code), failure.text)
