# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of the libipc protocol, version 1, written from docs/protocol.md alone, in Python without the library.

    client = Client("groupecho")
    print(client.send(b"hello", timeout=5))      # bytes; raises RemoteError, TimedOut, ...
    print(client.send_many([b"1", b"2", b"3"]))  # all in flight at once; answers in the order of the messages
    client.close()

One thread per client does all of the I/O and owns all of the state; the public calls hand it functions to run, and
get their answer through a Future. There is at most one link (a connection whose handshake is done, of one epoch), and
beside it, or without it, at most one candidate: a connection that has not been welcomed yet. A message is outstanding
from when it gets its sequence number until it is answered or given up; connections come and go meanwhile.
"""

import collections
import concurrent.futures
import heapq
import logging
import os
import queue
import random
import select
import socket
import threading
import time

from ipc_frames import OPEN, REPEAT, Code, Frame, Hello, Type, Violation, encode, unpack_failure, unpack_welcome
from ipc_link import Link, Watch, group_directory

OUT_MAX = 256 * 1024  # bytes queued for the kernel before further messages wait their turn
log = logging.getLogger("ipc_client")


class Error(Exception):
    """`maybe_handled` is False if the message was certainly not handed to a handler."""

    def __init__(self, text, maybe_handled=False):
        super().__init__(text)
        self.maybe_handled = maybe_handled


class TimedOut(Error):
    """No answer before the deadline."""


class Closed(Error):
    """The client was closed."""


class TooLarge(Error):
    """The message is larger than the master accepts."""


class RemoteError(Error):
    """The handler's GError."""

    def __init__(self, failure, epoch):
        super().__init__(f"{failure.domain} {failure.code}: {failure.text}", maybe_handled=True)
        self.domain, self.code, self.text = failure
        self.epoch = epoch


class Response(bytes):
    """The handler's bytes, and the epoch in which it handled the message."""

    epoch = 0


class Message:
    """What one message needs until it is answered."""

    def __init__(self, sequence, payload, future):
        self.sequence = sequence
        self.payload = payload
        self.future = future
        self.link = None  # on which it was sent last
        self.repeat = False  # it was sent to a master that may have begun on it
        self.epoch = 0  # then: of the first such master

    @property
    def maybe_handled(self):
        return self.repeat or self.link is not None


class Client:
    """A member of a group that only sends. Messages wait until there is a master, and survive changes of the master."""

    def __init__(self, group, runtime_dir=None, max_message_size=16 << 20):
        group_directory(group, runtime_dir)  # what is wrong with it shows here
        self.group, self.runtime_dir = group, runtime_dir
        self.max_message_size = max_message_size
        self.node_id = os.urandom(16)
        self.newest_epoch = 0
        self.connected = threading.Event()
        self.goodbyes = 0  # hand-overs seen
        self.refusals = []  # (code, text) of those that got an end of the connection
        self._watch = Watch()
        self._alarm, self._bell = socket.socketpair()
        self._alarm.setblocking(False)
        self._bell.setblocking(False)
        self._calls = queue.SimpleQueue()  # (function for the thread to run, Future)
        self._closing = self._closed = False
        self._last_sequence = 0
        self._outstanding = collections.OrderedDict()  # sequence -> Message, in order
        self._unsent = collections.deque()  # sequences to be sent on the present link, in order
        self._deadlines = []  # heap of (time, sequence)
        self._link = self._candidate = None
        self._look_at = None  # time of the next look for a master, if none of its events comes before
        self._thread = threading.Thread(target=self._run, name="ipc-client", daemon=True)
        self._thread.start()

    # What users call, in any thread

    def submit(self, payload, timeout=None):
        """Sends a message. Gives a Future of its Response; the timeout is in seconds."""
        future = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        deadline = None if timeout is None else time.monotonic() + timeout
        self._call(lambda: self._queue(bytes(payload), deadline, future), future)
        return future

    def send(self, payload, timeout=None):
        """Sends a message and waits for its Response."""
        return self.submit(payload, timeout).result()

    def send_many(self, payloads, timeout=None):
        """Sends all at once. Gives a list of their answers: Response, or the exception."""
        futures = [self.submit(payload, timeout) for payload in payloads]
        return [future.exception() or future.result() for future in futures]

    def ping(self, timeout=None):
        """Waits until the present master has answered a PING."""
        future = concurrent.futures.Future()
        self._call(lambda: self._ping(future), future)
        future.result(timeout)

    def close(self):
        """Takes the answers that are there, and leaves. What is unanswered fails with Closed."""
        self._closing = True
        self._wake()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # The thread

    def _wake(self):
        try:
            self._bell.send(b"x")
        except OSError:  # ringing already, or closed
            pass

    def _call(self, function, future):
        self._calls.put((function, future))
        self._wake()
        if self._closed:
            self._fail_calls()

    def _run(self):
        try:
            self._look()
            while not self._closing:
                self._wait()
                self._run_once()
            self._leave_group()
        except Exception:
            log.exception("the client broke")
        finally:
            self._release()

    def _wait(self):
        poll = select.poll()
        poll.register(self._alarm, select.POLLIN)
        if self._watch.fd >= 0:
            poll.register(self._watch.fd, select.POLLIN)
        for link in self._links():
            poll.register(link.socket, select.POLLIN | (select.POLLOUT if link.out else 0))
        times = [self._look_at, self._candidate and self._candidate.deadline]
        times += [deadline for deadline, _ in self._deadlines[:1]]
        times = [at for at in times if at is not None]
        poll.poll(max(0, min(times) - time.monotonic()) * 1000 + 1 if times else None)

    def _run_once(self):
        try:
            self._alarm.recv(65536)
        except BlockingIOError:
            pass
        if self._watch.saw_socket() and not self._is_known():
            self._look()
        for link in self._links():
            self._read(link)
        while not self._calls.empty():
            self._calls.get()[0]()
        self._check_times()
        self._send()
        for link in self._links():
            link.flush()

    def _links(self):
        return [link for link in (self._link, self._candidate) if link]

    def _check_times(self):
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            message = self._outstanding.get(heapq.heappop(self._deadlines)[1])
            if message:
                self._done(message).set_exception(TimedOut("no answer in time", message.maybe_handled))
        if self._candidate and self._candidate.deadline <= now:
            self._leave(self._candidate)
        if self._look_at is not None and self._look_at <= now:
            self._look()

    def _leave_group(self):
        """Section 5: a client's GOODBYE."""
        for link in self._links():
            self._read(link)
        if self._link:
            self._link.out += encode(Frame(Type.GOODBYE))
            self._link.socket.settimeout(1)
            self._link.flush()

    def _release(self):
        for message in list(self._outstanding.values()):
            self._done(message).set_exception(Closed("the client was closed", message.maybe_handled))
        for link in self._links():
            link.socket.close()
        self._watch.close()
        self._alarm.close()
        self._bell.close()
        self._closed = True
        self._fail_calls()

    def _fail_calls(self):
        try:
            while True:
                self._calls.get_nowait()[1].set_exception(Closed("the client is closed"))
        except queue.Empty:
            pass

    # Finding a master

    def _look(self):
        """Knocks at the socket that is there now. A link that there is stays until a newer master has said WELCOME."""
        if self._candidate:
            self._leave(self._candidate)
        self._look_at = None
        try:
            directory = group_directory(self.group, self.runtime_dir)
            self._watch.add(directory)  # before looking: what comes later is seen
            hello = Hello(self.node_id, self.newest_epoch, self.max_message_size, oldest_epoch=self._oldest_epoch())
            self._candidate = Link(directory, hello)
        except OSError as error:
            log.debug("no master: %s", error)
            self._look_later()

    def _oldest_epoch(self):
        """The first epoch in which a master may have begun on anything that may be sent again; 0 if there is nothing."""
        epochs = [message.epoch for message in self._outstanding.values() if message.repeat]
        if self._link:
            epochs.append(self._link.epoch)  # until another master says WELCOME more may be sent
        return min(epochs, default=0)

    def _is_known(self):
        """Whether the socket that is there is the one to which there is a connection already."""
        try:
            name = Link.identify(group_directory(self.group, self.runtime_dir))
        except OSError:
            return False
        return name in [link.name for link in self._links()]

    def _look_later(self):
        if not self._link:
            self._look_at = time.monotonic() + random.uniform(1, 2)

    def _welcome(self, link, frame):
        welcome = unpack_welcome(frame.payload)
        if frame.number < self.newest_epoch:
            log.info("master of epoch %d is stale: %d was seen", frame.number, self.newest_epoch)
            self._leave(link)
            return
        if self._link:  # of an older master: take what it has answered before leaving it
            self._read(self._link)
        if self._link:
            self._leave(self._link)
        link.phase, link.welcome, link.epoch = OPEN, welcome, frame.number
        self._link, self._candidate = link, None
        self.newest_epoch = link.epoch
        self._unsent = collections.deque(self._outstanding)  # all that is unanswered, oldest first
        self.connected.set()

    def _leave(self, link, goodbye=None):
        """Ends a connection. After a master's GOODBYE, what is above its number was not begun by this master."""
        link.socket.close()
        for future in link.pings.values():
            future.set_exception(Closed("the connection ended"))
        if link is self._candidate:
            self._candidate = None
            self._look_later()
            return
        self._link = None
        self.connected.clear()
        for message in self._outstanding.values():
            if message.link is link:
                message.link = None
                if not message.repeat and (goodbye is None or message.sequence <= goodbye):
                    message.repeat, message.epoch = True, link.epoch
        if link.refused:
            self._look_later()
        elif not self._candidate:
            self._look()

    # Frames that come

    def _read(self, link):
        try:
            for frame in link.read():
                self._take(link, frame)
                if link not in self._links():
                    return
        except Violation as violation:
            log.warning("the master broke the protocol: %s", violation)
            link.out += encode(Frame(Type.REFUSED, number=Code.PROTOCOL, payload=str(violation).encode()[:1024]))
            link.flush()
            link.ended = link.refused = True
        if link.ended:
            self._leave(link)

    def _take(self, link, frame):
        if frame.type == Type.WELCOME:
            self._welcome(link, frame)
        elif frame.type == Type.REFUSED:
            link.refused = True
            self.refusals.append((frame.number, frame.payload.decode(errors="replace")))
            log.info("refused: %s, %s", *self.refusals[-1])
            self._leave(link)
        elif frame.type == Type.RESPONSE:
            self._answered(link, frame, Response(frame.payload))
        elif frame.type == Type.FAILURE:
            self._answered(link, frame, RemoteError(unpack_failure(frame.payload), frame.number))
        elif frame.type == Type.PING:
            link.out += encode(Frame(Type.PONG, frame.sequence))
        elif frame.type == Type.PONG:
            if future := link.pings.pop(frame.sequence, None):
                future.set_result(None)
        elif frame.type == Type.GOODBYE:
            self.goodbyes += 1
            self._leave(link, goodbye=frame.sequence)

    def _answered(self, link, frame, answer):
        link.answers += 1
        link.answer_bytes += len(frame.payload)
        if message := self._outstanding.get(frame.sequence):  # or else it was given up
            future = self._done(message)
            answer.epoch = frame.number
            if isinstance(answer, Response):
                future.set_result(answer)
            else:
                future.set_exception(answer)
        half_the_window = (link.answers * 2 >= link.welcome.window_messages or
                           link.answer_bytes * 2 >= link.welcome.window_bytes)
        if half_the_window and self._acknowledgement() > link.acknowledged:
            link.out += encode(Frame(Type.ACK, number=self._acknowledge(link)))

    def _done(self, message):
        """Forgets a message: it is answered or given up."""
        del self._outstanding[message.sequence]
        if message.link:
            message.link.unanswered_bytes -= len(message.payload)
        return message.future

    # Frames that go

    def _queue(self, payload, deadline, future):
        self._last_sequence += 1  # its number for ever
        self._outstanding[self._last_sequence] = Message(self._last_sequence, payload, future)
        self._unsent.append(self._last_sequence)
        if deadline is not None:
            heapq.heappush(self._deadlines, (deadline, self._last_sequence))

    def _acknowledgement(self):
        """The highest number up to which no answer is needed any more."""
        return next(iter(self._outstanding), self._last_sequence + 1) - 1

    def _acknowledge(self, link):
        number = self._acknowledgement()
        if number > link.acknowledged:
            link.acknowledged, link.answers, link.answer_bytes = number, 0, 0
        return number

    def _send(self):
        """Sends what the window allows: first what is unanswered from earlier connections, as it is the oldest."""
        link = self._link
        while link and self._unsent and len(link.out) < OUT_MAX:
            message = self._outstanding.get(self._unsent[0])
            if message and len(message.payload) > link.welcome.max_message_size:
                self._done(message).set_exception(TooLarge("the master does not accept so much", message.repeat))
                message = None
            if message and not self._window_allows(link, message):
                return
            self._unsent.popleft()
            if message:
                flags = REPEAT if message.repeat else 0
                number = self._acknowledge(link)
                link.out += encode(Frame(Type.MESSAGE, message.sequence, number, message.payload, flags))
                link.unanswered_bytes += len(message.payload)
                message.link = link

    def _window_allows(self, link, message):
        if message.sequence - self._acknowledgement() > link.welcome.window_messages:
            return False
        new_bytes = link.unanswered_bytes + len(message.payload)
        return link.unanswered_bytes == 0 or new_bytes <= link.welcome.window_bytes

    def _ping(self, future):
        if not self._link:
            future.set_exception(Closed("there is no master"))
            return
        sequence = random.getrandbits(64)
        self._link.pings[sequence] = future
        self._link.out += encode(Frame(Type.PING, sequence))
