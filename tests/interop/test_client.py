#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The second client against a master that the test plays itself: what a good master never does, or not when asked."""

import contextlib
import logging
import os
import tempfile
import time
import unittest
import unittest.mock

import ipc_client
import ipc_frames
from ipc_client import Client
from ipc_frames import REPEAT, Code, Failure, Frame, Type, Welcome
from ipc_link import Watch
from raw_peer import DEADLINE, FakeMaster

GROUP = "fake"


def message(sequence, acknowledged, payload, flags=0):
    return Frame(Type.MESSAGE, sequence, acknowledged, payload, flags)


class TestClient(unittest.TestCase):
    def setUp(self):
        self.cleanup = contextlib.ExitStack()
        self.addCleanup(self.cleanup.close)
        self.base = self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="libipc-client-"))

    def master(self, epoch=100, **welcome):
        master = FakeMaster(self.base, GROUP, epoch, Welcome(b"M" * 16, **welcome))
        self.cleanup.callback(master.close)
        return master

    def client(self, **arguments):
        client = self.cleanup.enter_context(Client(GROUP, self.base, **arguments))
        if client._watch.fd < 0 and not isinstance(Watch.init, unittest.mock.Mock):
            self.skipTest("the user has no inotify instance left")
        return client

    def pair(self, **welcome):
        """A client, its master, and the connection between them as the master sees it."""
        master = self.master(**welcome)
        client = self.client()
        peer = master.join()
        self.assertTrue(client.connected.wait(DEADLINE))
        return client, master, peer

    def result(self, future):
        return future.result(DEADLINE)

    def test_join_and_send(self):
        master = self.master()
        client = self.client(max_message_size=12345)
        peer = master.join()
        self.assertEqual((peer.hello.version_min, peer.hello.version_max), (1, 1))
        self.assertEqual((peer.hello.mode, peer.hello.newest_epoch, peer.hello.max_message_size), (1, 0, 12345))
        first = client.submit(b"one")
        self.assertEqual(peer.receive(), message(1, 0, b"one"))
        master.respond(peer, 1, b"ONE")
        self.assertEqual(self.result(first), b"ONE")
        self.assertEqual(self.result(first).epoch, 100)
        second = client.submit(b"")
        self.assertEqual(peer.receive(), message(2, 1, b""))
        master.respond(peer, 2)
        self.assertEqual(self.result(second), b"")

    def test_failure(self):
        client, _, peer = self.pair()
        future = client.submit(b"x")
        peer.receive()
        peer.send(ipc_frames.pack_failure(Failure("größe-quark", -7, "zu groß"), 1, 100))
        with self.assertRaises(ipc_client.RemoteError) as caught:
            self.result(future)
        error = caught.exception
        self.assertEqual((error.domain, error.code, error.text, error.epoch), ("größe-quark", -7, "zu groß", 100))

    def test_window_messages(self):
        client, master, peer = self.pair(window_messages=4)
        futures = [client.submit(b"%d" % i) for i in range(10)]
        for i in range(1, 5):
            self.assertEqual(peer.receive(), message(i, 0, b"%d" % (i - 1)))
        self.assertTrue(peer.is_silent(), "the window is used up")
        master.respond(peer, 2)
        self.assertTrue(peer.is_silent(), "the oldest is unanswered, so the window does not move")
        master.respond(peer, 1)
        self.assertEqual(peer.receive(), Frame(Type.ACK, number=2))
        self.assertEqual([peer.receive().sequence for _ in range(2)], [5, 6])
        for i in range(3, 7):
            master.respond(peer, i)
        received = []
        while 10 not in received:
            frame = peer.receive()
            if frame.type == Type.MESSAGE:
                self.assertLessEqual(frame.sequence - frame.number, 4)
                received.append(frame.sequence)
        for i in range(7, 11):
            master.respond(peer, i)
        for future in futures:
            self.result(future)

    def test_window_bytes(self):
        client, master, peer = self.pair(window_bytes=1000)
        for size in 600, 400, 1, 5000, 1:
            client.submit(b"x" * size)
        self.assertEqual([len(peer.receive().payload) for _ in range(2)], [600, 400])
        self.assertTrue(peer.is_silent())
        master.respond(peer, 2)
        self.assertEqual(len(peer.receive().payload), 1)
        self.assertTrue(peer.is_silent())
        master.respond(peer, 1)
        master.respond(peer, 3)
        self.assertEqual(len(peer.receive().payload), 5000, "a single message is always allowed")
        self.assertTrue(peer.is_silent())
        master.respond(peer, 4)
        self.assertEqual(peer.receive(), message(5, 4, b"x"))

    def test_acknowledges_bytes(self):
        client, master, peer = self.pair(window_bytes=1000)
        client.submit(b"x")
        peer.receive()
        master.respond(peer, 1, b"y" * 500)
        self.assertEqual(peer.receive(), Frame(Type.ACK, number=1))

    def test_fail_over(self):
        client, master, peer = self.pair()
        futures = [client.submit(b"%d" % i) for i in range(1, 4)]
        for _ in range(3):
            peer.receive()
        master.respond(peer, 2, b"two")
        self.assertEqual(self.result(futures[1]), b"two")
        master.close()
        futures.append(client.submit(b"4"))  # while there is no master
        second = self.master(epoch=101)
        peer = second.join()
        self.assertEqual((peer.hello.node_id, peer.hello.newest_epoch), (client.node_id, 100))
        self.assertEqual(peer.receive(), message(1, 0, b"1", REPEAT))
        self.assertEqual(peer.receive(), message(3, 0, b"3", REPEAT))
        self.assertEqual(peer.receive(), message(4, 0, b"4"))
        for i in 4, 1, 3:
            second.respond(peer, i, b"%d" % i)
        self.assertEqual([self.result(futures[i]) for i in (0, 2, 3)], [b"1", b"3", b"4"])

    def test_drains_after_reset(self):
        """The master dies with unread input, so the client gets ECONNRESET; answers from before are still taken."""
        client, master, peer = self.pair()
        futures = [client.submit(b"%d" % i) for i in range(1, 4)]
        for _ in range(3):
            peer.receive()
        client.submit(b"x" * 500000)  # which the master does not read
        master.respond(peer, 1, b"one")
        master.respond(peer, 3, b"three")
        master.close()
        self.assertEqual((self.result(futures[0]), self.result(futures[2])), (b"one", b"three"))
        peer = self.master(epoch=101).join()
        self.assertEqual(peer.receive(), message(2, 1, b"2", REPEAT))
        self.assertEqual(peer.receive().sequence, 4)

    def test_goodbye(self):
        """What is above the number in GOODBYE was not begun: it is no repeat."""
        client, master, peer = self.pair()
        futures = [client.submit(b"%d" % i) for i in range(1, 4)]
        for _ in range(3):
            peer.receive()
        master.respond(peer, 1, b"one")
        peer.send(Frame(Type.GOODBYE, 1))
        self.assertIsNone(peer.receive(), "the client leaves")
        self.assertEqual(self.result(futures[0]), b"one")
        peer = self.master(epoch=101).join()
        self.assertEqual(peer.receive(), message(2, 1, b"2"))
        self.assertEqual(peer.receive(), message(3, 1, b"3"))
        self.assertEqual(client.goodbyes, 1)

    def test_goodbye_does_not_excuse_earlier_masters(self):
        """The second master never began on the message. The first may have, so for the third it is a repeat."""
        client, master, peer = self.pair()
        client.submit(b"x")
        peer.receive()
        master.close()
        second = self.master(epoch=101)
        peer = second.join()
        self.assertEqual(peer.receive(), message(1, 0, b"x", REPEAT))
        peer.send(Frame(Type.GOODBYE, 0))
        peer = self.master(epoch=102).join()
        self.assertEqual(peer.receive(), message(1, 0, b"x", REPEAT))

    def test_stale_master(self):
        client, master, peer = self.pair(epoch=100)
        future = client.submit(b"x")
        peer.receive()
        stale = self.master(epoch=99)  # published over the other, as a master does that was stopped meanwhile
        peer = stale.join()
        self.assertEqual(peer.hello.newest_epoch, 100)
        self.assertIsNone(peer.receive(), "left without a message")
        master.respond(master.peers[0], 1, b"y")
        self.assertEqual(self.result(future), b"y", "and the good connection was kept")

    def test_busy_keeps_the_other(self):
        client, master, peer = self.pair()
        again = self.master()
        other = again.accept()
        other.send(Frame(Type.REFUSED, number=Code.BUSY))
        self.assertIsNone(other.receive())
        future = client.submit(b"x")
        self.assertEqual(peer.receive(), message(1, 0, b"x"))
        master.respond(peer, 1, b"y")
        self.assertEqual(self.result(future), b"y")

    def test_newer_master_beside_the_old(self):
        """A newer master is there, and the old one hangs: the client moves, and takes the old one's answers with it."""
        client, master, peer = self.pair()
        futures = [client.submit(b"%d" % i) for i in range(1, 3)]
        for _ in range(2):
            peer.receive()
        master.respond(peer, 2, b"two")
        peer = self.master(epoch=101).join()
        self.assertEqual(peer.receive(), message(1, 0, b"1", REPEAT))
        self.assertEqual(self.result(futures[1]), b"two")
        self.assertIsNone(master.peers[0].receive())

    def test_silent_master(self):
        """It accepts and says nothing, as a stopped process does. The next one is taken as soon as it is there."""
        silent = self.master(epoch=99)
        client = self.client()
        self.assertIsNotNone(silent.accept())
        future = client.submit(b"x")
        master = self.master(epoch=100)
        peer = master.join()
        self.assertEqual(peer.receive(), message(1, 0, b"x"))
        master.respond(peer, 1)
        self.result(future)

    def test_ping(self):
        client, _, peer = self.pair()
        peer.send(Frame(Type.PING, 1 << 63))
        self.assertEqual(peer.receive(), Frame(Type.PONG, 1 << 63))

    def test_violations_of_the_master(self):
        """It is told, and left."""
        bad = {"unknown type": bytes(24), "second WELCOME": ipc_frames.pack_welcome(Welcome(b"M" * 16), 100),
               "too long": ipc_frames.HEADER.pack((1 << 20) + 1, Type.RESPONSE, 0, 0, 1, 100),
               "bad FAILURE": ipc_frames.encode(Frame(Type.FAILURE, 1, 100, b"x"))}
        for epoch, (name, data) in enumerate(bad.items(), 100):
            with self.subTest(name):
                master = self.master(epoch=epoch)
                client = self.client(max_message_size=1 << 20)
                peer = master.join()
                future = client.submit(b"x")
                peer.receive()
                peer.send(data)
                self.assertEqual(peer.receive()[:3], (Type.REFUSED, 0, Code.PROTOCOL))
                self.assertIsNone(peer.receive())
                self.assertFalse(future.done(), "the message waits for a better master")
                client.close()

    def test_bad_welcome(self):
        for epoch, bad in enumerate((Welcome(b"M" * 16, window_messages=0), Welcome(b"M" * 16, reserved=(0, 1))), 100):
            with self.subTest(bad):
                master = FakeMaster(self.base, GROUP, epoch, bad)
                self.cleanup.callback(master.close)
                client = self.client()
                peer = master.join()
                self.assertEqual(peer.receive()[:3], (Type.REFUSED, 0, Code.PROTOCOL))
                self.assertIsNone(peer.receive())
                client.close()

    def test_refused(self):
        """It is reported, and tried again after a second or more."""
        master = self.master()
        client = self.client()
        master.accept().send(Frame(Type.REFUSED, number=Code.NOT_ALLOWED, payload=b"go away"))
        start = time.monotonic()
        master.join()
        self.assertGreaterEqual(time.monotonic() - start, 0.99)
        self.assertEqual(client.refusals, [(Code.NOT_ALLOWED, "go away")])

    def test_timed_out(self):
        client = self.client()
        with self.assertRaises(ipc_client.TimedOut) as caught:
            client.send(b"never sent", 0.01)
        self.assertFalse(caught.exception.maybe_handled)
        master = self.master()
        peer = master.join()
        with self.assertRaises(ipc_client.TimedOut) as caught:
            client.send(b"never answered", 0.05)
        self.assertTrue(caught.exception.maybe_handled)
        self.assertEqual(peer.receive(), message(2, 1, b"never answered"))
        client.submit(b"next")
        self.assertEqual(peer.receive(), message(3, 2, b"next"), "what was given up is acknowledged")
        master.respond(peer, 2, b"late")  # harmless

    def test_too_large_for_the_master(self):
        client, master, peer = self.pair(max_message_size=1024)
        with self.assertRaises(ipc_client.TooLarge):
            client.send(b"x" * 1025, DEADLINE)
        future = client.submit(b"x" * 1024)
        self.assertEqual(peer.receive(), message(2, 1, b"x" * 1024))
        master.respond(peer, 2)
        self.result(future)

    def test_close(self):
        client, _, peer = self.pair()
        future = client.submit(b"x")
        peer.receive()
        client.close()
        self.assertEqual(peer.receive(), Frame(Type.GOODBYE))
        self.assertIsNone(peer.receive())
        with self.assertRaises(ipc_client.Closed) as caught:
            self.result(future)
        self.assertTrue(caught.exception.maybe_handled)
        with self.assertRaises(ipc_client.Closed):
            client.send(b"y", DEADLINE)

    def test_bad_directories(self):
        for group in "", ".hidden", "a/b", "x" * 65, "ä", "a\n":
            with self.subTest(group), self.assertRaises(ValueError):
                Client(group, self.base)
        with self.assertRaises(FileNotFoundError):
            Client(GROUP, os.path.join(self.base, "missing"))
        os.mkdir(os.path.join(self.base, "open"), 0o755)
        os.symlink("open", os.path.join(self.base, "link"))
        for group in "open", "link":
            with self.subTest(group), self.assertRaises(PermissionError):
                Client(group, self.base)
        os.chmod(self.base, 0o777)
        with self.assertRaises(PermissionError):
            Client(GROUP, self.base)

    def test_long_path(self):
        self.base = os.path.join(self.base, "d" * 120)
        os.mkdir(self.base, 0o700)
        with contextlib.chdir(self.base):  # so that the fake master need not know about long paths
            base, self.base = self.base, "."
            master = self.master()
            client = self.cleanup.enter_context(Client(GROUP, base))
            peer = master.join()
            future = client.submit(b"x")
            peer.receive()
            master.respond(peer, 1, b"y")
            self.assertEqual(self.result(future), b"y")
            client.close()

    def test_without_inotify(self):
        """A user may have only so many instances. A client without one looks again by itself."""
        with unittest.mock.patch.object(Watch, "init", return_value=-1):
            client = self.client()
        future = client.submit(b"x")
        master = self.master()
        peer = master.join()
        self.assertEqual(peer.receive(), message(1, 0, b"x"))
        master.respond(peer, 1)
        self.result(future)

    def test_descriptors(self):
        before = len(os.listdir("/proc/self/fd"))
        client, master, _ = self.pair()
        client.close()
        master.close()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


if __name__ == "__main__":
    logging.getLogger("ipc_client").setLevel(logging.ERROR)
    unittest.main(verbosity=2)
