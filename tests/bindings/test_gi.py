#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library from Python, through its introspection data: annotations that are wrong crash or leak here."""

import os
import sys
import tempfile
import unittest

try:
    import gi
except ImportError:
    print("python3-gi is not installed")
    sys.exit(77)

gi.require_version("Ipc", "1")
from gi.repository import GLib, Ipc  # noqa: E402 (only after the version was chosen)

DEADLINE_S = 20


def reverse(_node, message, *_user_data):
    message.respond(GLib.Bytes.new(message.dup_bytes().get_data()[::-1]))


def refuse(_node, _message_that_is_dropped, *_user_data):
    pass


class Bindings(unittest.TestCase):
    def setUp(self):
        runtime_dir = tempfile.TemporaryDirectory(prefix="libipc-gi-")
        self.addCleanup(runtime_dir.cleanup)
        self.runtime_dir = runtime_dir.name
        self.context = GLib.MainContext.default()

    def make_node(self, mode, handler=None):
        node = Ipc.Node.new("bindings", mode)
        node.set_runtime_dir(self.runtime_dir)
        if handler is not None:
            node.set_handler(handler)
        node.start()
        self.addCleanup(self.close, node)
        return node

    def wait(self, done):
        """Turns the main context until `done` holds something, and returns that."""
        late = []
        timer = GLib.timeout_source_new_seconds(DEADLINE_S)
        timer.set_callback(lambda *_: late.append(True))
        timer.attach(self.context)
        while not done and not late:
            self.context.iteration(True)
        timer.destroy()
        self.assertTrue(done, f"not done within {DEADLINE_S} s")
        return done[0]

    def close(self, node):
        done = []
        node.close_async(None, lambda _node, result, *_: done.append(result))
        self.assertTrue(node.close_finish(self.wait(done)))

    def send(self, node, data):
        done = []
        node.send_async(GLib.Bytes.new(data), None, lambda _node, result, *_: done.append(result))
        return node.send_finish(self.wait(done)).get_data()

    def test_send_and_answer(self):
        """A message goes from one node to another, and its answer back."""
        self.make_node(Ipc.Mode.MASTER, reverse)
        client = self.make_node(Ipc.Mode.CLIENT)
        self.assertEqual(self.send(client, b"hello"), b"olleh")
        self.assertEqual(client.get_property("role"), Ipc.Role.CLIENT)
        self.assertEqual(client.get_master().get_pid(), os.getpid())

    def test_blocking_send(self):
        """A dual node that is itself the master, with the call that blocks."""
        node = self.make_node(Ipc.Mode.DUAL, reverse)
        self.assertEqual(node.send(GLib.Bytes.new(b"abc"), None).get_data(), b"cba")

    def test_message_fields(self):
        """What a handler can read of a message; and a message that is kept, and answered later."""
        kept = []
        self.make_node(Ipc.Mode.MASTER, lambda _node, message, *_: kept.append(message))
        client = self.make_node(Ipc.Mode.CLIENT)
        done = []
        client.send_async(GLib.Bytes.new(b"\0\1"), None, lambda _node, result, *_: done.append(result))
        message = self.wait(kept)
        self.assertEqual(bytes(message.get_data()), b"\0\1")
        self.assertEqual(message.get_sender().get_id(), client.get_id())
        self.assertEqual(message.get_sender().get_uid(), os.getuid())
        self.assertEqual(message.get_epoch(), client.get_epoch())
        self.assertFalse(message.get_redelivered())
        message.respond(GLib.Bytes.new(b""))
        self.assertEqual(client.send_finish(self.wait(done)).get_data() or b"", b"")

    def test_resign(self):
        """A master that resigns, and is elected again because there is no other candidate."""
        node = self.make_node(Ipc.Mode.DUAL, reverse)
        node.send(GLib.Bytes.new(b"abc"), None)
        epoch = node.get_epoch()
        done = []
        node.resign_async(None, lambda node, result, *_: done.append(node.resign_finish(result)))
        self.assertTrue(self.wait(done))
        self.assertEqual(node.send(GLib.Bytes.new(b"abc"), None).get_data(), b"cba")
        self.assertGreater(node.get_epoch(), epoch)
        self.assertEqual((node.props.priority, node.props.hang_timeout), (0, 10000))

    def test_errors(self):
        """Errors arrive as GLib.Error with the library's own domain."""
        self.make_node(Ipc.Mode.MASTER, refuse)
        client = self.make_node(Ipc.Mode.CLIENT)
        with self.assertRaises(GLib.Error) as caught:
            self.send(client, b"anybody?")
        self.assertTrue(caught.exception.matches(Ipc.error_quark(), Ipc.Error.NO_RESPONSE), caught.exception)

    def test_handler_error(self):
        """An error that a handler answers with keeps domain, code and text."""
        domain = GLib.quark_from_string("bindings-test")
        self.make_node(Ipc.Mode.MASTER,
                       lambda _node, message, *_: message.fail(GLib.Error.new_literal(domain, "no", 42)))
        client = self.make_node(Ipc.Mode.CLIENT)
        with self.assertRaises(GLib.Error) as caught:
            self.send(client, b"please")
        self.assertEqual((caught.exception.domain, caught.exception.code, caught.exception.message),
                         ("bindings-test", 42, "no"))


if __name__ == "__main__":
    unittest.main()
