#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The second client against the library: test_interop.py --echo PATH_TO_INTEROP_MASTER [unittest arguments]"""

import argparse
import contextlib
import logging
import os
import pathlib
import random
import shutil
import signal
import socket
import sys
import threading
import time
import unittest

import interop_case
import ipc_client
import ipc_frames
import test_frames
from interop_case import InteropTest, Who
from ipc_client import RemoteError
from ipc_frames import ONCE, OPEN, REPEAT, Code, Frame, Type, unpack_failure
from raw_peer import DEADLINE, RawClient

IPC_ERROR_RESPONSE_LOST, IPC_ERROR_NO_RESPONSE = 9, 10


class TestMessages(InteropTest):
    def test_echo(self):
        self.master()
        client = self.client()
        for payload in b"hello", b"", b"\0", bytes(range(256)), b"x" * 100000:
            self.assertEqual(client.send(payload, DEADLINE), payload)
        self.assertEqual(client.refusals, [])

    def test_identity(self):
        master = self.master()
        client, other = self.client(), self.client()
        first = self.who(client)
        self.assertEqual(first, Who(master.pid, client.newest_epoch, 1, False, 1))
        self.assertEqual(self.who(other), Who(master.pid, first.epoch, 1, False, 2))
        self.assertEqual(self.who(client), Who(master.pid, first.epoch, 2, False, 3))
        self.assertEqual(client.send(b"x", DEADLINE).epoch, first.epoch)

    def test_errors(self):
        self.master()
        client = self.client()
        for code, text in (1, "not found"), (14, ""), (0, "größer: 5 €, 😀"), (-1, "x" * 100), (2**31 - 1, ":"):
            with self.subTest(code), self.assertRaises(RemoteError) as caught:
                client.send(f"fail:{code}:{text}".encode(), DEADLINE)
            error = caught.exception
            self.assertEqual((error.domain, error.code, error.text), ("g-io-error-quark", code, text))
            self.assertEqual(error.epoch, client.newest_epoch)

    def test_dropped(self):
        self.master()
        with self.assertRaises(RemoteError) as caught:
            self.client().send(b"drop", DEADLINE)
        self.assertEqual((caught.exception.domain, caught.exception.code), ("ipc-error-quark", IPC_ERROR_NO_RESPONSE))

    def test_pipelined(self):
        self.master()
        payloads = [b"%d" % i for i in range(1000)]
        self.assertEqual(self.client().send_many(payloads, DEADLINE), payloads)

    def test_many_windows(self):
        """Ten times the window, handled in order."""
        self.master()
        answers = [Who.parse(answer) for answer in self.client().send_many([b"who"] * 10240, DEADLINE)]
        self.assertEqual([answer.sequence for answer in answers], list(range(1, 10241)))
        self.assertEqual([answer.nth for answer in answers], list(range(1, 10241)))

    def test_many_clients(self):
        self.master()
        clients = [self.client() for _ in range(10)]
        futures = [client.submit(b"who") for _ in range(100) for client in clients]
        for i, answer in enumerate(self.results(futures)):
            self.assertEqual(answer.sequence, i // 10 + 1)

    def test_out_of_order(self):
        self.master()
        client = self.client()
        order = []
        late = client.submit(b"late:200:first")
        soon = client.submit(b"second")
        late.add_done_callback(lambda future: order.append(future.result()))
        soon.add_done_callback(lambda future: order.append(future.result()))
        late.result(DEADLINE)
        self.assertEqual(order, [b"second", b"first"])

    def test_slow_answer_is_no_error(self):
        """Answers of a message that is late do not hold up the window: more than it goes through in the meantime."""
        self.master()
        client = self.client()
        late = client.submit(b"late:300:x")
        client.send_many([b"y"] * 1023, DEADLINE)
        self.assertEqual(late.result(DEADLINE), b"x")

    def test_large(self):
        self.master()
        client = self.client()
        payload = random.Random(1).randbytes(5_000_000)
        self.assertEqual(client.send(payload, DEADLINE), payload)
        for answer in client.send_many([payload] * 5, DEADLINE):  # three windows of bytes
            self.assertEqual(answer, payload)

    def test_too_large(self):
        self.master("--max-message-size", "4096")
        client = self.client()
        self.assertEqual(len(client.send(b"x" * 4096, DEADLINE)), 4096)
        with self.assertRaises(ipc_client.TooLarge):
            client.send(b"x" * 4097, DEADLINE)
        self.assertEqual(self.who(client).sequence, 3, "its number is not used again")

    def test_response_too_large_for_the_client(self):
        self.master()
        with self.assertRaises(RemoteError) as caught:
            self.client(max_message_size=1024).send(b"x" * 1025, DEADLINE)
        self.assertEqual((caught.exception.domain, caught.exception.code), ("ipc-error-quark", IPC_ERROR_RESPONSE_LOST))

    def test_failure_too_large_for_the_client(self):
        """A text that is too long for the sender is cut; the domain and code arrive."""
        self.master("--max-message-size", "1024")
        with self.assertRaises(RemoteError) as caught:
            self.client(max_message_size=1024).send(b"fail:5:" + b"x" * 1017, DEADLINE)
        self.assertEqual((caught.exception.domain, caught.exception.code), ("g-io-error-quark", 5))

    def test_ping(self):
        self.master()
        client = self.client()
        self.assertTrue(client.connected.wait(DEADLINE))
        client.ping(DEADLINE)

    def test_client_before_master(self):
        client = self.client()
        future = client.submit(b"who")
        master = self.master()
        self.assertEqual(Who.parse(future.result(DEADLINE)).pid, master.pid)


class TestFailOver(InteropTest):
    def stream(self, client, meanwhile):
        """4000 times `who`, 500 in flight; after 800 something happens. Gives the answers."""
        futures = []
        room = threading.Semaphore(500)
        for i in range(4000):
            if i == 800:
                meanwhile()
            self.assertTrue(room.acquire(timeout=DEADLINE))
            futures.append(client.submit(b"who"))
            futures[-1].add_done_callback(lambda _: room.release())
        return self.results(futures)

    def assert_order(self, answers):
        """Each master handled what it handled in the order of the numbers, and nothing twice."""
        for pid in {answer.pid for answer in answers}:
            mine = sorted(answer for answer in answers if answer.pid == pid)
            self.assertEqual([answer.sequence for answer in sorted(mine, key=lambda answer: answer.nth)],
                             [answer.sequence for answer in mine])
            self.assertEqual(len({answer.sequence for answer in mine}), len(mine))

    def test_kill(self):
        first = self.master()
        second = self.start()
        client = self.client()
        held = [client.submit(b"hold") for _ in range(50)]
        answers = self.stream(client, first.kill)
        held = self.results(held)
        second.wait_ready()

        self.assertEqual([answer.sequence for answer in held + answers], list(range(1, 4051)))
        self.assertEqual({answer.pid for answer in held}, {second.pid})
        self.assertTrue(all(answer.redelivered for answer in held), "the first one had begun on them")
        self.assertEqual({answer.pid for answer in answers}, {first.pid, second.pid})
        self.assert_order(held + answers)
        by_second = [answer for answer in answers if answer.pid == second.pid]
        marks = [answer.redelivered for answer in by_second]
        self.assertEqual(marks, sorted(marks, reverse=True), "first the repeats, then what is new")
        self.assertFalse(marks[-1])
        self.assertFalse(any(answer.redelivered for answer in answers if answer.pid == first.pid))
        self.assertGreater(by_second[0].epoch, answers[0].epoch)
        self.assertEqual(client.goodbyes, 0)
        self.assertEqual(client.refusals, [])

    def test_kill_again_and_again(self):
        """Every master is killed in the middle of the stream, and a new candidate started."""
        client = self.client()
        futures = []
        masters = [self.master()]
        for _ in range(5):
            masters.append(self.start())
            futures += [client.submit(b"who") for _ in range(400)]
            futures[-200].result(DEADLINE)
            masters[-2].kill()
            masters[-1].wait_ready()
        answers = self.results(futures)
        self.assertEqual([answer.sequence for answer in answers], list(range(1, 2001)))
        self.assert_order(answers)
        epochs = [answer.epoch for answer in answers]
        self.assertEqual(epochs, sorted(epochs))

    def test_killed_while_stopped(self):
        """What a stopped master never read is sent again too; it is new, and the ledger knows that."""
        first = self.master()
        second = self.start()
        client = self.client()
        self.who(client)
        os.kill(first.pid, signal.SIGSTOP)
        futures = [client.submit(b"who") for _ in range(100)]
        self.assertFalse(futures[0].done())
        client.submit(b"who", 0.1).exception(DEADLINE)  # by now the others are in the socket
        first.kill()
        answers = self.results(futures)
        self.assertEqual({(answer.pid, answer.redelivered) for answer in answers}, {(second.pid, False)})
        self.assert_order(answers)

    def test_nobody_for_a_while(self):
        client = self.client()
        first = self.master()
        before = self.who(client)
        first.kill()
        future = client.submit(b"who")
        second = self.master()
        after = Who.parse(future.result(DEADLINE))
        self.assertEqual((after.pid, after.sequence), (second.pid, 2))
        self.assertGreater(after.epoch, before.epoch)

    def test_hand_over(self):
        """GOODBYE: nothing fails, nothing is handled twice or marked, what was accepted is answered by the first."""
        first = self.master()
        second = self.start()
        client = self.client()
        late = [client.submit(b"late:300:who") for _ in range(20)]
        answers = self.stream(client, first.terminate)
        late = self.results(late)
        second.wait_ready()
        answers += self.results([client.submit(b"who") for _ in range(10)])

        self.assertEqual(first.wait(), 0)
        self.assertEqual({answer.pid for answer in late}, {first.pid})
        self.assertEqual({answer.pid for answer in answers}, {first.pid, second.pid})
        self.assertFalse(any(answer.redelivered for answer in answers))
        self.assert_order(late + answers)
        for pid in first.pid, second.pid:
            handled = sorted(answer.nth for answer in late + answers if answer.pid == pid)
            self.assertEqual(handled, list(range(1, len(handled) + 1)), "each exactly once")
        self.assertEqual(client.goodbyes, 1)
        self.assertEqual([code for code, _ in client.refusals if code != Code.CLOSING], [])

    def test_goodbye_frame(self):
        """Answers first, then GOODBYE with the number of the last that was accepted, then the end of the stream."""
        master = self.master()
        peer, idle = self.joined(), self.joined()
        peer.message(3, b"late:200:who")
        peer.message(7, b"who")
        self.assertEqual(peer.receive().sequence, 7)
        master.terminate()
        self.assertEqual(peer.receive()[:2], (Type.RESPONSE, 3))
        self.assertEqual(peer.receive(), Frame(Type.GOODBYE, 7))
        self.assertIsNone(peer.receive())
        self.assertEqual(idle.receive(), Frame(Type.GOODBYE, 0))
        self.assertIsNone(idle.receive())
        self.assertEqual(master.wait(), 0)

    def test_directory_deleted(self):
        """A master notices, and begins again in a new one; clients find it; epochs go on rising."""
        self.master()
        client = self.client()
        before = self.who(client)
        gone = self.directory.rename(self.directory.with_name("gone"))
        shutil.rmtree(gone, ignore_errors=True)  # the master may be at work in it
        deadline = time.monotonic() + DEADLINE
        while (after := self.who(client)).epoch == before.epoch:
            self.assertLess(time.monotonic(), deadline)
        self.assertGreater(after.epoch, before.epoch)


class TestRepeats(InteropTest):
    """Within one epoch nothing is handled twice."""

    def test_answered(self):
        """The same answers are sent again."""
        self.master()
        node_id = os.urandom(16)
        peer = self.joined(node_id)
        for i in range(1, 4):
            peer.message(i, b"who")
        first = sorted(peer.receive() for _ in range(3))
        peer.close()
        peer = self.joined(node_id)
        for i in range(1, 4):
            peer.message(i, b"who", flags=REPEAT)
        peer.message(4, b"who", acknowledged=3)
        answers = sorted(peer.receive() for _ in range(4))
        self.assertEqual(answers[:3], first)
        self.assertEqual(Who.parse(answers[3].payload)[2:], (4, False, 4), "the fourth to be handled")

    def test_failed(self):
        """A failure is an answer."""
        self.master()
        node_id = os.urandom(16)
        peer = self.joined(node_id)
        peer.message(1, b"fail:3:text")
        failure = peer.receive()
        peer.close()
        peer = self.joined(node_id)
        peer.message(1, b"fail:3:text", flags=REPEAT)
        self.assertEqual(peer.receive(), failure)
        peer.message(2, b"who")
        self.assertEqual(Who.parse(peer.receive().payload).nth, 2)

    def test_being_handled(self):
        """The answer goes to the new connection."""
        self.master()
        node_id = os.urandom(16)
        peer = self.joined(node_id)
        peer.message(1, b"late:300:who")
        self.assert_alive(peer)
        peer.close()
        peer = self.joined(node_id)
        peer.message(1, b"late:300:who", flags=REPEAT)
        peer.message(2, b"who")
        second, first = peer.receive(), peer.receive()
        self.assertEqual((first.sequence, Who.parse(first.payload).nth), (1, 1))
        self.assertEqual((second.sequence, Who.parse(second.payload).nth), (2, 2))
        self.assertTrue(peer.is_silent(), "one answer, not two")

    def test_answered_meanwhile(self):
        """Answered while there was no connection."""
        self.master()
        node_id = os.urandom(16)
        peer = self.joined(node_id)
        peer.message(1, b"late:50:who")
        self.assert_alive(peer)
        peer.close()
        other = self.joined()
        other.message(1, b"late:100:x")
        other.receive()
        peer = self.joined(node_id)
        peer.message(1, b"late:50:who", flags=REPEAT)
        self.assertEqual(Who.parse(peer.receive().payload).nth, 1)

    def test_never_arrived(self):
        """A repeat that the ledger does not know is new, unless it is older than the ledger: then the handler is told."""
        self.master()
        peer = self.joined(oldest_epoch=self.joined().epoch)
        peer.message(1, b"who", flags=REPEAT)
        self.assertEqual(Who.parse(peer.receive().payload)[2:], (1, False, 1))
        peer = self.joined(oldest_epoch=1)
        peer.message(1, b"who", flags=REPEAT)
        self.assertEqual(Who.parse(peer.receive().payload)[2:], (1, True, 2))
        peer.message(2, b"who")
        self.assertEqual(Who.parse(peer.receive().payload)[2:], (2, False, 3))

    def test_once(self):
        """What must not be handled twice, and is older than the ledger, fails instead."""
        self.master()
        peer = self.joined(oldest_epoch=1)
        peer.message(1, b"who", flags=REPEAT | ONCE)
        answer = peer.receive()
        self.assertEqual((answer.type, answer.sequence), (Type.FAILURE, 1))
        self.assertEqual(unpack_failure(answer.payload).domain, "ipc-error-quark")
        peer.message(2, b"who", flags=ONCE)
        self.assertEqual(Who.parse(peer.receive().payload)[2:], (2, False, 1))

    def test_broken_connections(self):
        """The client loses its connection again and again in the middle of a stream."""
        self.master()
        client = self.client()
        futures = []
        for _ in range(3):
            futures += [client.submit(b"who") for _ in range(300)]
            futures[-150].result(DEADLINE)
            if link := client._link:
                link.socket.shutdown(socket.SHUT_RDWR)
        answers = self.results(futures)
        self.assertEqual([answer.sequence for answer in answers], list(range(1, 901)))
        self.assertEqual([answer.nth for answer in answers], list(range(1, 901)), "each once, in order")

    def test_answer_too_large_to_be_kept(self):
        """A master keeps a window of answers for a sender. What it could not keep is lost, and not handled again."""
        self.master()
        node_id = os.urandom(16)
        peer = self.joined(node_id)
        large = bytes(5 << 20)
        for sequence in 1, 2:
            peer.message(sequence, large)
            self.assertEqual(peer.receive().payload, large)
        peer.close()
        peer = self.joined(node_id)
        peer.message(1, large, flags=REPEAT)
        self.assertEqual(peer.receive().payload, large)
        peer.message(2, large, flags=REPEAT)
        self.assert_failure(peer.receive(), "ipc-error-quark", IPC_ERROR_RESPONSE_LOST)
        peer.message(3, b"who")
        self.assertEqual(Who.parse(peer.receive().payload).nth, 3)

    def test_goodbye_forgets(self):
        """After a client's GOODBYE its node id means nothing any more."""
        self.master()
        node_id = os.urandom(16)
        peer = self.joined(node_id)
        peer.message(1, b"who")
        peer.receive()
        peer.send(Frame(Type.GOODBYE))
        self.assertIsNone(peer.receive())
        peer = self.joined(node_id)
        peer.message(1, b"who")
        self.assertEqual(Who.parse(peer.receive().payload)[2:], (1, False, 2))


class TestViolations(InteropTest):
    """A peer that breaks a rule is told and disconnected; everyone else is unharmed."""

    MAX = 4096  # max_message_size of the golden frames

    def setUp(self):
        super().setUp()
        self.process = self.master("--max-message-size", str(self.MAX))
        self.bystander = self.joined()
        self.bystander.message(1, b"hold")
        self.assert_alive(self.bystander)

    def tearDown(self):
        self.assert_alive(self.bystander)
        self.bystander.message(2, b"x")
        self.assertEqual(self.bystander.receive().payload, b"x")
        super().tearDown()

    def in_phase(self, phase):
        return self.joined() if phase == OPEN else self.raw()

    def golden(self, verdict):
        """The lines that a master may get."""
        return [line for line in test_frames.read_golden() if line.verdict == verdict and "client" in line.senders]

    def test_golden_violations(self):
        for line in self.golden("violation"):
            with self.subTest(line.name, what=line.what), self.in_phase(line.phase) as peer:
                peer.send(line.data)
                self.assert_refused(peer, Code.PROTOCOL)

    def test_golden_need_more(self):
        """Nothing is said or done about an incomplete frame."""
        peers = []
        for line in self.golden("need-more"):
            peers.append((line, self.in_phase(line.phase)))
            peers[-1][1].send(line.data)
        for line, peer in peers:
            with self.subTest(line.name, what=line.what):
                self.assertTrue(peer.is_silent(0.01))

    def test_golden_hello(self):
        epoch = self.bystander.epoch
        for line in self.golden("ok"):
            if line.phase != OPEN:
                with self.subTest(line.name, what=line.what), self.raw() as peer:
                    hello = ipc_frames.unpack_hello(line.data[ipc_frames.HEADER.size:])
                    peer.send(line.data)
                    if hello.version_min > 1:
                        self.assert_refused(peer, Code.VERSION)
                    elif hello.newest_epoch > epoch:
                        self.assert_refused(peer, Code.STALE)
                    else:
                        frame = peer.receive()
                        self.assertEqual((frame.type, frame.number), (Type.WELCOME, epoch), frame)
                        self.assertEqual(ipc_frames.unpack_welcome(frame.payload).max_message_size, self.MAX)
                        peer.phase = OPEN
                        peer.send(Frame(Type.GOODBYE))  # the next one may have the same node id
                        self.assertIsNone(peer.receive())

    def test_golden_open(self):
        for line in self.golden("ok"):
            if line.phase == OPEN:
                with self.subTest(line.name, what=line.what), self.in_phase(OPEN) as peer:
                    sent = ipc_frames.decode(line.data, "client", OPEN, self.MAX)
                    peer.send(line.data)
                    if sent.type == Type.MESSAGE:
                        frame = peer.receive()
                        self.assertEqual(frame[:2] + frame[3:4], (Type.RESPONSE, sent.sequence, sent.payload), frame)
                    if sent.type == Type.PING:
                        self.assertEqual(peer.receive(), Frame(Type.PONG, sent.sequence))
                    if sent.type in (Type.GOODBYE, Type.REFUSED):
                        self.assertIsNone(peer.receive())
                    else:
                        self.assert_alive(peer)

    def test_golden_split(self):
        """One byte at a time, and two frames at once."""
        peer = self.raw()
        for byte in ipc_frames.pack_hello(peer.hello):
            peer.send(bytes([byte]))
        self.assertEqual(peer.receive().type, Type.WELCOME)
        peer.phase = OPEN
        peer.send(b"".join(ipc_frames.encode(Frame(Type.MESSAGE, i + 1, 0, b"ab"[i:i + 1])) for i in range(2)))
        self.assertEqual([peer.receive().payload for _ in range(2)], [b"a", b"b"])

    def test_garbage(self):
        for phase in "hello", OPEN:
            for seed in range(20):
                with self.subTest(phase, seed=seed), self.in_phase(phase) as peer:
                    peer.send(random.Random(seed).randbytes(65536))
                    self.assert_refused(peer, Code.PROTOCOL)

    def test_version(self):
        peer = self.raw(version_min=2, version_max=9)
        self.assertEqual(peer.join().number, Code.VERSION)
        self.assertIsNone(peer.receive())

    def test_stale(self):
        """A master that hears of a newer epoch looks at its own position, and stays when there is no other."""
        peer = self.raw(newest_epoch=self.bystander.epoch + 1)
        self.assertEqual(peer.join().number, Code.STALE)
        self.assertIsNone(peer.receive())
        self.joined(newest_epoch=self.bystander.epoch)

    def test_busy(self):
        second = self.raw(self.bystander.hello.node_id)
        self.assertEqual(second.join().number, Code.BUSY)
        self.assertIsNone(second.receive())

    def test_sequence(self):
        """Numbers increase; gaps are allowed."""
        for first, second in (1, 1), (2, 1), (1000, 999):
            with self.subTest((first, second)), self.joined() as peer:
                peer.message(first, b"hold")
                peer.message(second, b"x")
                self.assert_refused(peer, Code.PROTOCOL)
        peer = self.joined()
        for sequence in 5, 6, 900:
            peer.message(sequence, b"x")
            self.assertEqual(peer.receive().sequence, sequence)

    def test_acknowledgement_goes_back(self):
        bad = {"MESSAGE": Frame(Type.MESSAGE, 4, 1, b"x"), "ACK": Frame(Type.ACK, 0, 1)}
        for name, frame in bad.items():
            with self.subTest(name), self.joined() as peer:
                peer.message(3, b"hold", acknowledged=2)
                peer.send(frame)
                self.assert_refused(peer, Code.PROTOCOL)

    def test_window(self):
        """A whole window is fine; one more message, or a gap that is as wide, is not."""
        with self.joined() as peer:
            window = peer.welcome.window_messages
            for sequence in range(1, window + 1):
                peer.message(sequence, b"hold")
            self.assert_alive(peer)
            peer.message(window + 1, b"hold")
            self.assert_refused(peer, Code.PROTOCOL)
        with self.joined() as peer:
            peer.message(1, b"hold")
            peer.message(window + 1, b"x", acknowledged=0)
            self.assert_refused(peer, Code.PROTOCOL)
        with self.joined() as peer:
            peer.message(window, b"x")
            self.assertEqual(peer.receive().sequence, window)
            peer.message(2 * window, b"x", acknowledged=window)
            self.assertEqual(peer.receive().sequence, 2 * window)

    def test_highest_numbers(self):
        """Counting stops at 2^63 - 1; the master does not stop with it."""
        highest = 2**63 - 1
        for name, last in ("ACK", Frame(Type.ACK, number=2**64 - 1)), ("GOODBYE", Frame(Type.GOODBYE)):
            with self.subTest(name), self.joined() as peer:
                peer.message(highest, b"x", acknowledged=highest - 1)
                self.assertEqual(peer.receive().sequence, highest)
                peer.send(last)
                self.assert_alive(self.bystander)

    def test_random_frames(self):
        """Frames that are well-formed one by one, in any order and with numbers from the edges."""
        edges = [0, 1, 2, 3, 16, 17, 1023, 1024, 1025, 1026, 2**63 - 2, 2**63 - 1, 2**63, 2**64 - 1025, 2**64 - 1024, 2**64 - 2, 2**64 - 1]
        payloads = [b"", b"x", b"hold", b"drop", b"late:1:x", b"fail:1:x"]
        for seed in range(300):
            dice = random.Random(seed)
            node_id = dice.randbytes(16)
            try:
                for _ in range(dice.randrange(1, 4)):
                    with self.joined(node_id) as peer:
                        for _ in range(dice.randrange(1, 12)):
                            type_ = dice.choice([Type.MESSAGE] * 6 + [Type.ACK] * 2 + [Type.PING, Type.GOODBYE])
                            sequence, number = dice.choice(edges), dice.choice(edges)
                            if type_ == Type.MESSAGE:
                                peer.message(sequence, dice.choice(payloads), number, dice.randrange(2))
                            else:
                                peer.send(Frame(type_, number=number) if type_ == Type.ACK else Frame(type_))
                        peer.socket.shutdown(socket.SHUT_WR)
                        while peer.receive():
                            pass
                self.assert_alive(self.bystander)
            except Exception as error:
                error.add_note(f"seed {seed}")
                raise

    def test_after_goodbye(self):
        """Nothing may follow a GOODBYE; nobody answers it."""
        peer = self.joined()
        peer.send(Frame(Type.GOODBYE))
        peer.message(1, b"x")
        while frame := peer.receive():
            self.assertEqual(frame.type, Type.REFUSED)

    def test_refused_by_the_client(self):
        peer = self.joined()
        peer.send(Frame(Type.REFUSED, number=Code.PROTOCOL, payload=b"I do not like you"))
        self.assertIsNone(peer.receive())

    def test_ends_within_a_frame(self):
        for phase, data in ("hello", ipc_frames.pack_hello(ipc_frames.Hello(b"x" * 16))[:30]), (OPEN, bytes(10)):
            with self.subTest(phase), self.in_phase(phase) as peer:
                peer.send(data)
                peer.socket.shutdown(socket.SHUT_WR)
                while frame := peer.receive():
                    self.assertEqual(frame.type, Type.REFUSED)

    def test_half_closed(self):
        """A client that only shuts down its sending side still gets its answers, or the end of the stream."""
        peer = self.joined()
        peer.message(1, b"x")
        self.assertEqual(peer.receive().payload, b"x")
        peer.socket.shutdown(socket.SHUT_WR)
        self.assertIsNone(peer.receive())

    def test_descriptors(self):
        """Descriptors that no frame announces are not kept."""
        peer = self.joined()
        self.assert_alive(peer)
        before = self.process.n_descriptors()
        for _ in range(5):
            fds = [peer.socket.fileno()] * 10
            socket.send_fds(peer.socket, [ipc_frames.encode(Frame(Type.PING, 1))], fds)
        with contextlib.suppress(AssertionError):  # refused or answered: both will do
            for _ in range(5):
                self.assertEqual(peer.receive(), Frame(Type.PONG, 1))
            self.assert_alive(peer)
        self.assert_alive(self.bystander)
        self.assertLess(self.process.n_descriptors(), before + 10, "50 were sent; a few are the master's own")

    def test_strangers(self):
        """Only so many handshakes of one process may be unfinished. When they are gone, others get in again."""
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(RawClient(self.directory)) for _ in range(64)]
            late = stack.enter_context(RawClient(self.directory))
            self.assert_refused(late, Code.TOO_MANY)
            self.assertIsNone(peers[0].join(), "who is in time is not harmed")
            self.assertIsNone(peers[63].join())
        deadline = time.monotonic() + DEADLINE
        while self.raw().join():
            self.assertLess(time.monotonic(), deadline)


class TestFlow(InteropTest):
    """Who sends more than it was granted, or does not read its answers, is slowed down, and nobody else."""

    def setUp(self):
        super().setUp()
        self.server = self.master()
        self.bystander = self.joined()

    def send_until_blocked(self, peer, acknowledge, payload):
        """How many messages the master takes before it reads no further."""
        peer.socket.settimeout(0.3)
        for sequence in range(1, 101):
            data = ipc_frames.encode(Frame(Type.MESSAGE, sequence, sequence - 1 if acknowledge else 0, payload))
            try:
                peer.socket.sendall(data)
            except TimeoutError:
                return sequence
        self.fail("100 MiB were taken")

    def test_unanswered(self):
        """Whether they are acknowledged or not: what handlers still have counts."""
        for acknowledge in False, True:
            with self.subTest(acknowledge=acknowledge), self.joined() as peer:
                taken = self.send_until_blocked(peer, acknowledge, b"hold" + bytes(1 << 20))
                self.assertLessEqual(taken, peer.welcome.window_bytes // (1 << 20) + 3)
                self.assert_alive(self.bystander)

    def test_pings_not_read(self):
        """Who asks without reading the PONGs is not read from either."""
        peer = self.joined()
        peer.socket.settimeout(0.3)
        many = ipc_frames.encode(Frame(Type.PING, 1, 0, b"")) * 10000
        with self.assertRaises(TimeoutError):
            for _ in range(100):
                peer.socket.sendall(many)
        self.assert_alive(self.bystander)

    def test_killed_while_paused(self):
        """A client that is not read from, because a handler has its messages, is gone when it closes."""
        before = self.server.n_descriptors()
        for _ in range(5):
            with self.joined() as peer:
                self.send_until_blocked(peer, True, b"hold" + bytes(1 << 20))
        deadline = time.monotonic() + DEADLINE
        while self.server.n_descriptors() > before + 2:  # the connection of the master's node to itself may be new
            self.assertLess(time.monotonic(), deadline)

    def test_answers_not_read(self):
        peer = self.joined()
        taken = self.send_until_blocked(peer, True, bytes(1 << 20))
        self.assert_alive(self.bystander)
        peer.socket.settimeout(DEADLINE)
        for sequence in range(1, taken):  # the last was cut off
            self.assertEqual(peer.receive().sequence, sequence)


class TestSlowHandshake(InteropTest):
    def test_handshake_timeout(self):
        self.master("--handshake-timeout", "500")
        idle = self.joined()
        silent, halfway = self.raw(), self.raw()
        halfway.send(ipc_frames.pack_hello(halfway.hello)[:30])
        self.assert_refused(silent, Code.TIMEOUT)
        self.assert_refused(halfway, Code.TIMEOUT)
        self.assert_alive(idle)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--echo", required=True, help="path of interop-master")
    parser.add_argument("--frames", type=pathlib.Path, default=test_frames.GOLDEN)
    options, rest = parser.parse_known_args()
    interop_case.ECHO, test_frames.GOLDEN = os.path.abspath(options.echo), options.frames.resolve()
    logging.getLogger("ipc_client").setLevel(logging.ERROR)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
